package main

import (
	"io"
	"net"
	"runtime"
	"time"

	"github.com/sealsock/sealsock/iana"
)

var benchmarks = []benchmark{
	{name: "full handshake, X25519", unit: "a second", more: true, procs: 1, run: handshakes(iana.X25519)},
	{name: "full handshake, X25519MLKEM768", unit: "a second", more: true, procs: 1, run: handshakes(iana.X25519MLKEM768)},
	{name: "bulk over memory", unit: "MB/s", more: true, procs: 1, run: bulk(inMemory)},
	{name: "bulk over TCP", unit: "MB/s", more: true, run: bulk(tcpPipe)},
	{name: "round trips of 64 bytes", unit: "a second", more: true, run: roundTrips},
	{name: "allocations, full handshake X25519", unit: "objects", procs: 1, run: handshakeAllocations},
	{name: "allocations, 16 KiB there and back", unit: "objects", procs: 1, run: bulkAllocations},
	{name: "heap per idle connection", unit: "bytes", run: idleHeap},
}

func inMemory() (net.Conn, net.Conn, error) {
	c, s := memoryPipe()
	return c, s, nil
}

const chunk = 16 << 10

func handshakes(group iana.NamedGroup) func(implementation, time.Duration) (float64, error) {
	return func(impl implementation, d time.Duration) (float64, error) {
		n := 0
		start := time.Now()
		for time.Since(start) < d {
			c, s := memoryPipe()
			if _, _, err := impl.pair(c, s, group); err != nil {
				return 0, err
			}
			n++
		}
		return float64(n) / time.Since(start).Seconds(), nil
	}
}

func bulk(pipe func() (net.Conn, net.Conn, error)) func(implementation, time.Duration) (float64, error) {
	return func(impl implementation, d time.Duration) (float64, error) {
		c, s, err := connect(impl, pipe)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		defer s.Close()
		start := time.Now()
		go func() {
			data := make([]byte, chunk)
			for time.Since(start) < d {
				if _, err := c.Write(data); err != nil {
					break
				}
			}
			c.CloseWrite()
		}()
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s}, make([]byte, 64<<10))
		return float64(n) / 1e6 / time.Since(start).Seconds(), err
	}
}

func connect(impl implementation, pipe func() (net.Conn, net.Conn, error)) (c, s sealedConn, err error) {
	rc, rs, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	return impl.pair(rc, rs, iana.X25519)
}

func roundTrips(impl implementation, d time.Duration) (float64, error) {
	c, s, err := connect(impl, tcpPipe)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	defer s.Close()
	go echo(s)
	n := 0
	start := time.Now()
	for time.Since(start) < d {
		if err := roundTrip(c, make([]byte, 64)); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func echo(s net.Conn) {
	buf := make([]byte, chunk)
	for {
		n, err := s.Read(buf)
		if err != nil {
			return
		}
		if _, err := s.Write(buf[:n]); err != nil {
			return
		}
	}
}

func roundTrip(c net.Conn, data []byte) error {
	if _, err := c.Write(data); err != nil {
		return err
	}
	_, err := io.ReadFull(c, data)
	return err
}

func objects() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Mallocs)
}

func handshakeAllocations(impl implementation, _ time.Duration) (float64, error) {
	const n = 100
	before := objects()
	for range n {
		c, s := memoryPipe()
		if _, _, err := impl.pair(c, s, iana.X25519); err != nil {
			return 0, err
		}
	}
	return (objects() - before) / n, nil
}

func bulkAllocations(impl implementation, _ time.Duration) (float64, error) {
	c, s, err := connect(impl, inMemory)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	defer s.Close()
	go echo(s)
	const n = 1000
	data := make([]byte, chunk)
	if err := roundTrip(c, data); err != nil {
		return 0, err
	}
	before := objects()
	for range n {
		if err := roundTrip(c, data); err != nil {
			return 0, err
		}
	}
	return (objects() - before + 1) / n, nil
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func idleHeap(impl implementation, _ time.Duration) (float64, error) {
	const n = 200
	var keep []sealedConn
	before := heap()
	for range n {
		c, s, err := connect(impl, tcpPipe)
		if err != nil {
			return 0, err
		}
		keep = append(keep, c, s)
		go echo1(s)
		if err := roundTrip(c, make([]byte, 64)); err != nil {
			return 0, err
		}
	}
	after := heap()
	for _, c := range keep {
		c.Close()
	}
	return (after - before) / n, nil
}

// echo1 is echo with a buffer too small to count.
func echo1(s net.Conn) {
	buf := make([]byte, 64)
	for {
		n, err := s.Read(buf)
		if err != nil {
			return
		}
		if _, err := s.Write(buf[:n]); err != nil {
			return
		}
	}
}
