package adapt_test

import (
	"bytes"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/loop/adapt"
)

// A direct is a Transport in memory.
type direct struct {
	adapt.Turns
	peer *direct
	conn *adapt.Conn
	held *[]byte // what is written goes here, if it is not nil

	keeps bool // what goes to held waits

	waiting, asked int // what Buffered returns, and how often it was called
}

func (d *direct) Write(b []byte) (int, error) {
	if d.held != nil {
		*d.held = append(*d.held, b...)
		if d.keeps {
			d.waiting += len(b)
		}
		return len(b), nil
	}
	b = bytes.Clone(b)
	go d.peer.Run(func() { d.peer.conn.Receive(b) })
	return len(b), nil
}

func (d *direct) Buffered() int {
	d.asked++
	return d.waiting
}

func (*direct) Close() error         { return nil }
func (*direct) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// join connects two Endpoints in memory. Each of their writes must be one flight.
func join(t *testing.T, client, server *adapt.Endpoint) (a, b *direct) {
	t.Helper()
	a, b = new(direct), new(direct)
	a.peer, b.peer = b, a
	var err error
	b.Wait(func() { b.conn, err = server.NewConn(b) })
	if err != nil {
		t.Fatal(err)
	}
	a.Wait(func() { a.conn, err = client.NewConn(a) })
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return a, b
}

// mostIdle bounds the heap of one end of an idle connection, in bytes. It holds some 1,580,
// the test's Transport included.
const mostIdle = 1700

// TestRest: quiet connections give back their keys by themselves, and use them afterwards.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, serverCfg := configs(t)
		var got []byte
		ch := &handler{data: func(_ *adapt.Conn, data []byte) { got = append(got, data...) }}
		e, err := adapt.NewClient(cfg, ch)
		if err != nil {
			t.Fatal(err)
		}
		s := server(t, serverCfg, echo())
		const pairs = 200
		ends := make([]*direct, 0, pairs+1)
		connect := func() {
			a, _ := join(t, e, s)
			ends = append(ends, a)
		}
		rested := func() uint64 {
			time.Sleep(11 * time.Second)
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		connect()
		before := rested()
		for range pairs {
			connect()
		}
		each := int(rested()-before) / (2 * pairs)
		t.Logf("%d bytes of heap for each end", each)
		if each > mostIdle {
			t.Errorf("an idle end holds %d bytes of heap, more than %d", each, mostIdle)
		}
		for range 3 {
			got = nil
			ends[0].conn.Do(func(c *adapt.Conn) {
				c.Rekey(true)
				c.Write([]byte("hello"))
			})
			synctest.Wait()
			if string(got) != "hello" {
				t.Fatalf("%q came back after a rest", got)
			}
			time.Sleep(11 * time.Second)
		}
	})
}
