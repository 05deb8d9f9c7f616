package sealsock_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// raceTime is how long TestEverythingAtOnce runs: SEALSOCK_RACE=1m for a minute.
func raceTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("SEALSOCK_RACE")
	if text == "" {
		return 300 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SEALSOCK_RACE: %v", err)
	}
	return d
}

// A tumult is the load on one end of a connection, all of it at once.
type tumult struct {
	conn           *sealsock.Conn
	wrote, read    atomic.Int64
	sumOut, sumIn  atomic.Uint64 // of all bytes, in any order
	updates, asked atomic.Int64
}

// writes sends blocks of many sizes until ctx ends. It sends one if ctx has ended already, as it
// may have on a busy machine; rekeys, asks and tickets likewise.
func (u *tumult) writes(ctx context.Context, t *testing.T) {
	block := make([]byte, 40_000)
	for first := true; first || ctx.Err() == nil; first = false {
		p := block[:1+rand.IntN(len(block))]
		var sum uint64
		for i := range p {
			p[i] = byte(rand.Uint32())
			sum += uint64(p[i])
		}
		if _, err := u.conn.Write(p); err != nil {
			t.Errorf("write: %v", err)
			return
		}
		u.wrote.Add(int64(len(p)))
		u.sumOut.Add(sum)
	}
}

// reads reads until the other side's close_notify. Deadlines that pass lose no data.
func (u *tumult) reads(t *testing.T) {
	buf := make([]byte, 1+rand.IntN(30_000))
	for {
		n, err := u.conn.Read(buf)
		var sum uint64
		for _, b := range buf[:n] {
			sum += uint64(b)
		}
		u.read.Add(int64(n))
		u.sumIn.Add(sum)
		var timeout net.Error
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &timeout) && timeout.Timeout():
			u.conn.SetReadDeadline(time.Time{})
		case err != nil:
			t.Errorf("read: %v", err)
			return
		}
	}
}

// rekeys changes keys, of this direction or of both.
func (u *tumult) rekeys(ctx context.Context, t *testing.T) {
	for both, first := false, true; first || ctx.Err() == nil; both, first = !both, false {
		if err := u.conn.Rekey(context.Background(), both); err != nil {
			t.Errorf("rekey: %v", err)
			return
		}
		u.updates.Add(1)
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
	}
}

// looks exports keys, reads what is known of the connection and sets read deadlines.
func (u *tumult) looks(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		if _, err := u.conn.Export("EXPORTER-test", nil, 32); err != nil {
			t.Errorf("export: %v", err)
		}
		u.conn.ConnectionState()
		u.conn.Peer()
		u.conn.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(2000)) * time.Microsecond))
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	}
}

// asks requests the client's certificate until ctx ends.
func (u *tumult) asks(ctx context.Context, t *testing.T) {
	for first := true; first || ctx.Err() == nil; first = false {
		limit, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		if err := u.conn.RequestClientCertificate(limit); err != nil {
			t.Errorf("late authentication: %v", err)
			cancel()
			return
		}
		cancel()
		u.asked.Add(1)
		// A client answers one request a second, and sixteen at once.
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
	}
}

// tickets sends tickets until ctx ends.
func (u *tumult) tickets(ctx context.Context, t *testing.T) {
	for first := true; first || ctx.Err() == nil; first = false {
		if err := u.conn.SendTickets(context.Background(), 1); err != nil {
			t.Errorf("tickets: %v", err)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestEverythingAtOnce reads, writes, changes keys in both directions, asks for
// the client's certificate, sends tickets, lets deadlines pass and looks at the
// connection, from many goroutines at once. Not a byte may be lost or changed.
func TestEverythingAtOnce(t *testing.T) {
	for start, limit := time.Now(), raceTime(t); ; {
		tumultOnce(t, min(limit, 5*time.Second))
		if t.Failed() || time.Since(start) >= limit {
			return
		}
	}
}

func tumultOnce(t *testing.T, length time.Duration) {
	cc, sc := newConfigs(t)
	var sessions atomic.Int64
	cc.PostHandshakeAuth, cc.OnSession = true, func(*engine.Session) { sessions.Add(1) }
	sc.Tickets, sc.MaxRecordsPerKey = sealsock.SealTickets(new(sealsock.RotatingKeys), nil), 100
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	ends := [2]*tumult{{conn: client}, {conn: server}}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var talkers, readers sync.WaitGroup
	for _, u := range ends {
		for range 2 {
			talkers.Go(func() { u.writes(ctx, t) })
			readers.Go(func() { u.reads(t) })
		}
		talkers.Go(func() { u.rekeys(ctx, t) })
		talkers.Go(func() { u.looks(ctx, t) })
	}
	for range 3 {
		talkers.Go(func() { ends[1].asks(ctx, t) })
	}
	talkers.Go(func() { ends[1].tickets(ctx, t) })
	talkers.Wait()
	for _, u := range ends {
		if err := u.conn.CloseWrite(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	readers.Wait()
	for i, u := range ends {
		other := ends[1-i]
		if u.wrote.Load() == 0 || u.wrote.Load() != other.read.Load() || u.sumOut.Load() != other.sumIn.Load() {
			t.Errorf("%d bytes were written and %d read, or others", u.wrote.Load(), other.read.Load())
		}
		u.conn.Close()
	}
	if ends[0].updates.Load() == 0 || ends[1].updates.Load() == 0 || ends[1].asked.Load() == 0 || sessions.Load() == 0 {
		t.Errorf("%d and %d key changes, %d certificates asked for, %d sessions", ends[0].updates.Load(), ends[1].updates.Load(), ends[1].asked.Load(), sessions.Load())
	}
	if server.Peer() == nil {
		t.Error("the server does not know the client")
	}
	t.Logf("%d and %d bytes, %d and %d key changes, %d certificates asked for, %d sessions", ends[0].wrote.Load(), ends[1].wrote.Load(),
		ends[0].updates.Load(), ends[1].updates.Load(), ends[1].asked.Load(), sessions.Load())
}
