package stream

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// TestBound: the context of a handshake with a time limit is one as package context makes it,
// though it is made only when it is used: for who waits while the handshake runs, for contexts
// derived from it, and for who keeps it longer than the handshake.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		late := errors.New("late")
		c := &Conn{raw: new(deadlines), opts: Options{Timeout: time.Minute, TimedOut: late}}
		outside := context.WithValue(t.Context(), key{}, "value")
		ctx, b := c.within(outside)
		if d, ok := ctx.Deadline(); !ok || time.Until(d) != time.Minute || ctx.Value(key{}) != "value" {
			t.Errorf("the deadline is %v, and the value %v", d, ctx.Value(key{}))
		}
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		time.Sleep(time.Minute - 1)
		if ctx.Err() != nil || derived.Err() != nil {
			t.Error("the context ends early")
		}
		<-derived.Done()
		if !errors.Is(derived.Err(), context.DeadlineExceeded) || context.Cause(derived) != late {
			t.Errorf("the end is %v, because of %v", derived.Err(), context.Cause(derived))
		}
		b.end()

		unused, b := c.within(outside) // what was left of the time is over
		synctest.Wait()
		b.end()
		if context.Cause(unused) != late {
			t.Errorf("a context that is used late has ended because of %v", context.Cause(unused))
		}

		c.until = time.Time{}
		for _, kept := range []func(context.Context){
			func(context.Context) {}, func(ctx context.Context) { ctx.Done() },
		} {
			ctx, b := c.within(outside)
			kept(ctx)
			b.end()
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("after the handshake the context has %v", ctx.Err())
			}
		}
	})
}

// TestBoundRestores: the end of the time interrupts the connection below in both directions, and
// the handshake restores the deadlines that the caller has set.
func TestBoundRestores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(deadlines)
		c := &Conn{raw: d, opts: Options{Timeout: time.Second}}
		_, b := c.within(t.Context())
		b.end()
		if d.writes != 0 {
			t.Errorf("a handshake in time sets %d deadlines", d.writes)
		}
		_, b = c.within(t.Context())
		time.Sleep(time.Second)
		synctest.Wait()
		if d.writes != 1 {
			t.Errorf("the end of the time sets %d deadlines", d.writes)
		}
		if b.end(); d.writes != 2 {
			t.Errorf("after the handshake %d deadlines were set", d.writes)
		}
	})
}

// TestBoundReleases: a connection whose handshake is over can be collected, though the runtime
// still has the timer of its time limit, as it has where others run that end before and after.
func TestBoundReleases(t *testing.T) {
	others := func(n int, after time.Duration) {
		for range n {
			timer := time.AfterFunc(after, func() {})
			t.Cleanup(func() { timer.Stop() })
		}
	}
	others(100, time.Hour)
	var made []weak.Pointer[Conn]
	for range 10 {
		c := &Conn{raw: new(deadlines), opts: Options{Timeout: 2 * time.Hour}}
		_, b := c.within(context.Background())
		others(1, 3*time.Hour)
		b.end()
		made = append(made, weak.Make(c))
	}
	runtime.GC() // which is complete when it returns
	for _, c := range made {
		if c.Value() != nil {
			t.Fatal("the time limit of a handshake that is over holds its connection")
		}
	}
}

// TestBoundAllocates: a time limit that nothing waits for is a timer, its function, and the bound.
func TestBoundAllocates(t *testing.T) {
	c := &Conn{raw: new(deadlines), opts: Options{Timeout: time.Minute}}
	allocated := testing.AllocsPerRun(100, func() {
		_, b := c.within(context.Background())
		b.end()
	})
	if allocated > 4 {
		t.Errorf("a time limit is %v objects", allocated)
	}
}

// An observed notes what a context was when the deadlines below were set.
type observed struct {
	deadlines
	ctx  context.Context
	seen []error
}

func (o *observed) SetReadDeadline(t time.Time) error {
	o.seen = append(o.seen, o.ctx.Err())
	return o.deadlines.SetReadDeadline(t)
}

// TestBoundEndsFirst: what waits for the connection below is interrupted only once the context has
// ended, so that it finds out why. A context that was asked for before has a timer of its own.
func TestBoundEndsFirst(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			late := errors.New("late")
			o := new(observed)
			c := &Conn{raw: o, opts: Options{Timeout: time.Minute, TimedOut: late}}
			ctx, b := c.within(t.Context())
			o.ctx = ctx
			ctx.Done() // as a select for Options.Work does
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(o.seen) != 1 || o.seen[0] == nil {
				t.Fatalf("the connection below is interrupted when the context has %v", o.seen)
			}
			b.end()
		})
	}
}
