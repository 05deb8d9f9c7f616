package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// resting makes c, in whose source a Read waits or is about to, rest.
func resting(t *testing.T, c *Conn) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !c.rest.gave.Load(); runtime.Gosched() {
		SweepAll()
		if time.Now().After(end) {
			t.Fatal("a connection that waits does not rest")
		}
	}
}

// reads starts a Read of n bytes.
func reads(c *Conn, n int) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, n)
		n, err := io.ReadFull(c, b)
		if err != nil {
			b = fmt.Append(b[:n], err)
		}
		got <- b
	}()
	return got
}

// pairs are the kinds of connections below: one waits in the poller, one in its Read.
var pairs = map[string]func(*testing.T) (a, b net.Conn){
	"tcp":  sockets,
	"pipe": func(*testing.T) (a, b net.Conn) { return net.Pipe() },
}

// TestRest: connections that rest send and receive as before, change their keys, and rest
// again, also one that only writes.
func TestRest(t *testing.T) {
	for name, ends := range pairs {
		t.Run(name, func(t *testing.T) {
			a, b := ends(t)
			client, server := opened(t, a, b)
			last := reads(client, 4)
			for i := range 3 {
				got := reads(server, 5)
				resting(t, client)
				resting(t, server)
				if i > 0 {
					if err := client.Rekey(t.Context(), true); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := client.Write([]byte("hello")); err != nil {
					t.Fatal(err)
				}
				if client.rest.gave.Load() {
					t.Error("the key that a write has made again is kept")
				}
				if b := <-got; string(b) != "hello" {
					t.Fatalf("%q", b)
				}
			}
			resting(t, client)
			if _, err := server.Write([]byte("late")); err != nil {
				t.Fatal(err)
			}
			if b := <-last; string(b) != "late" {
				t.Errorf("%q", b)
			}
		})
	}
}

// TestRestAfterDeadline: a deadline ends the Read of a connection that rests, and no byte is
// lost.
func TestRestAfterDeadline(t *testing.T) {
	a, b := sockets(t)
	client, server := opened(t, a, b)
	sealed, err := client.out.send.Seal(nil, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write(sealed[:7]); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := server.Read(make([]byte, 5))
		failed <- err
	}()
	resting(t, server)
	server.SetReadDeadline(time.Unix(1, 0))
	if err := <-failed; !isTimeout(err) {
		t.Fatal(err)
	}
	server.SetReadDeadline(time.Time{})
	if _, err := a.Write(sealed[7:]); err != nil {
		t.Fatal(err)
	}
	if got := <-reads(server, 5); string(got) != "hello" {
		t.Errorf("%q", got)
	}
}

// sweeping calls SweepAll all the time until the function that it returns is called.
func sweeping() (stop func()) {
	var done sync.WaitGroup
	end := make(chan struct{})
	done.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
				SweepAll()
				runtime.Gosched()
			}
		}
	})
	return func() {
		close(end)
		done.Wait()
	}
}

// TestRestUnderTraffic: connections that rest all the time, under reads, writes, key updates
// and deadlines in both directions, lose no byte and end with close_notify.
func TestRestUnderTraffic(t *testing.T) {
	defer sweeping()()
	for range 20 {
		a, b := sockets(t)
		client, server := opened(t, a, b)
		var done sync.WaitGroup
		done.Go(func() {
			if _, err := io.Copy(server, server); err != nil {
				t.Error(err)
			}
			server.CloseWrite()
		})
		want := bytes.Repeat([]byte("0123456789abcdef"), 2000)
		done.Go(func() {
			for i := 0; i < len(want); i += 100 {
				if i%1000 == 0 {
					client.Rekey(t.Context(), true)
				}
				if _, err := client.Write(want[i : i+100]); err != nil {
					t.Error(err)
				}
			}
			client.CloseWrite()
		})
		got, part := []byte(nil), make([]byte, 300)
		for {
			client.SetReadDeadline(time.Now().Add(time.Millisecond))
			n, err := client.Read(part)
			if got = append(got, part[:n]...); err == io.EOF {
				break
			}
			if err != nil && !isTimeout(err) {
				t.Fatal(err)
			}
		}
		if done.Wait(); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came back of %d, or others", len(got), len(want))
		}
	}
}

// TestRestBesideClose: a Close during a sweep sends close_notify all the same.
func TestRestBesideClose(t *testing.T) {
	defer sweeping()()
	for range 200 {
		a, b := net.Pipe()
		client, server := opened(t, a, b)
		end := make(chan error, 1)
		go func() {
			_, err := server.Read(make([]byte, 1))
			end <- err
		}()
		go client.Read(make([]byte, 1))
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-end; !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
}

// TestRestByItself: nothing but time makes a connection rest, and none that was active.
func TestRestByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		client, server := opened(t, a, b)
		waits.due.Store(0) // what other tests have left belongs to another clock
		got := reads(server, 5)
		for range 4 {
			time.Sleep((restAfter - 2) * sweepEvery)
			if server.rest.gave.Load() {
				t.Error("a connection that was active rests")
			}
			if _, err := client.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(restAfter*sweepEvery + time.Millisecond)
		synctest.Wait()
		if !server.rest.gave.Load() {
			t.Error("a connection that waits does not rest")
		}
		client.Write([]byte("x"))
		if b := <-got; string(b) != "xxxxx" {
			t.Errorf("%q", b)
		}
		client.Close()
		server.Close()
	})
}

// TestSweepAllSetsOneTimer: a connection rests as late as ever behind sweeps without the timer.
func TestSweepAllSetsOneTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		client, server := opened(t, a, b)
		waits.due.Store(0) // as above
		got := reads(server, 1)
		synctest.Wait()
		SweepAll()
		if !server.rest.gave.Load() {
			t.Error("SweepAll makes no connection rest")
		}
		if _, err := server.Write(nil); err != nil { // it is to rest again
			t.Fatal(err)
		}
		time.Sleep((restAfter - 2) * sweepEvery)
		synctest.Wait()
		if server.rest.gave.Load() {
			t.Error("a connection rests too early")
		}
		client.Close()
		server.Close()
		<-got
	})
}

// TestClosedIsNotKept: the list of those that wait holds no connection of which no Read waits any
// more, and a second later it is shorter.
func TestClosedIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		client, server := opened(t, a, b)
		waits.due.Store(0) // as above
		got := reads(server, 1)
		synctest.Wait()
		server.rest.Lock()
		listed := server.rest.listed
		server.rest.Unlock()
		if !listed {
			t.Fatal("a connection that waits is not in the list")
		}
		go client.Close()
		server.Close()
		<-got
		synctest.Wait()
		server.rest.Lock()
		if server.rest.conn != nil || !server.rest.listed {
			t.Error("a closed connection is kept by the list, or it was not in it")
		}
		server.rest.Unlock()
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		for _, c := range []*Conn{client, server} {
			c.rest.Lock()
			if c.rest.listed || c.rest.next != nil {
				t.Error("a closed connection is kept in the list")
			}
			c.rest.Unlock()
		}
	})
}

// TestSizes bounds what a connection holds, structure by structure. It stands in one piece of
// memory with the Conn of the root package.
func TestSizes(t *testing.T) {
	for _, of := range []struct {
		what    string
		is, max uintptr
	}{
		{"Conn", unsafe.Sizeof(Conn{}), 600},
		{"Options", unsafe.Sizeof(Options{}), 56},
		{"reading", unsafe.Sizeof(reading{}), 160},
		{"writing", unsafe.Sizeof(writing{}), 128},
		{"mailbox", unsafe.Sizeof(mailbox{}), 48},
		{"mutex", unsafe.Sizeof(mutex{}), 24},
		{"early", unsafe.Sizeof(early{}), 24},
		{"late", unsafe.Sizeof(late{}), 48},
		{"rest", unsafe.Sizeof(rest{}), 32},
		{"deadlines", unsafe.Sizeof(Conn{}.deadlines), 64},
	} {
		if of.is > of.max {
			t.Errorf("a %s has %d bytes, at most %d are allowed", of.what, of.is, of.max)
		}
	}
}
