//go:build linux || darwin || freebsd

package socket_test

import (
	"context"
	"io"
	"net"
	"os/exec"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/socket/inet"
)

// echoServer echoes on package net's connections until the benchmark ends.
func echoServer(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func roundTrips(b *testing.B, c io.ReadWriter) {
	b.Helper()
	buf := make([]byte, 64)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "trips/s")
}

// BenchmarkRoundTrip sends 64 bytes over TCP and waits for the echo, from the same
// server by three clients.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("Socket", func(b *testing.B) {
		c, err := inet.CreateConnection(context.Background(), echoServer(b), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		roundTrips(b, c)
	})
	b.Run("net.TCPConn", func(b *testing.B) {
		c, err := net.Dial("tcp", echoServer(b))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		roundTrips(b, c)
	})
	b.Run("Python", func(b *testing.B) {
		_, port, _ := net.SplitHostPort(echoServer(b))
		out, err := exec.Command("python3", "-S", "-c", `
import socket, sys, time
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
buf, n = bytearray(64), int(sys.argv[2])
t = time.perf_counter()
for _ in range(n):
    s.sendall(buf)
    s.recv_into(buf)
print(time.perf_counter() - t)
`, port, strconv.Itoa(b.N)).Output()
		if err != nil {
			b.Skipf("no Python to compare with: %v", err)
		}
		seconds, err := strconv.ParseFloat(string(out[:len(out)-1]), 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.N)/seconds, "trips/s")
		b.ReportMetric(seconds*1e9/float64(b.N), "ns/op")
	})
}
