//go:build linux

package kerneltls

import (
	"io"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the CPU time of this thread, which must be locked to its goroutine.
func threadTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSendFile reports the CPU time of the sender for a gigabyte, where the kernel seals and
// where this process does. What is received is not decrypted.
func BenchmarkSendFile(b *testing.B) {
	const size = 64 << 20
	f := fileOf(b, random(size))
	for _, v := range transports {
		for _, kernel := range []bool{false, true} {
			name := v.version.String() + " " + v.suite.String() + map[bool]string{true: " kernel"}[kernel]
			b.Run(name, func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // no other thread helps
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				client, server := configs(b)
				v.set(client)
				v.set(server)
				server.KernelTLS = kernel
				c, s := pair(b, client, server)
				go func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{c.NetConn()}) }()
				if _, err := s.SendFile(f, 0, 1); err != nil {
					b.Fatal(err)
				}
				if on, why := s.KernelTLS(); on != kernel {
					b.Skip(why)
				}
				start := threadTime(b)
				for b.Loop() {
					if _, err := s.SendFile(f, 0, -1); err != nil {
						b.Fatal(err)
					}
				}
				used := threadTime(b) - start
				b.SetBytes(size)
				b.ReportMetric(used.Seconds()*1000*float64(1<<30)/float64(size)/float64(b.N), "cpu-ms/GB")
			})
		}
	}
}
