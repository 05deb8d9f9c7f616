package socket

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestCancelledWhileOthersAre: a call whose context ends while it waits for the end of another
// cancelled call, after a deadline, returns at once. It would wait for itself otherwise.
func TestCancelledWhileOthersAre(t *testing.T) {
	var d side
	d.prepare(func(time.Time) error { return nil })
	other, own := watch{side: &d}, watch{side: &d}
	other.interrupt()
	var cancelled atomic.Bool
	back := make(chan bool)
	go func() { back <- d.expired(cancelled.Load) }()
	cancelled.Store(true)
	own.interrupt()
	select {
	case ended := <-back:
		if !ended {
			t.Error("the call continues")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the call waits for itself")
	}
	own.end()
	other.end()
	if d.cancels != 0 {
		t.Errorf("%d calls are being cancelled", d.cancels)
	}
}
