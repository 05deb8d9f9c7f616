package loop_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sealsock/sealsock/loop"
)

// TestIdleBesideBusy tries that a connection on which only this side writes does not keep
// another from being ended.
func TestIdleBesideBusy(t *testing.T) {
	closed := make(chan error, 2)
	opened := make(chan *loop.Conn, 2)
	d, addr, g := serve(t, loop.Options{Loops: 1, IdleTimeout: time.Second}, &handler{
		open:  func(c *loop.Conn) { opened <- c },
		close: func(_ *loop.Conn, err error) { closed <- err },
	})
	busy := dial(t, d, addr)
	go io.Copy(io.Discard, busy)
	pushed := <-opened
	dial(t, d, addr)
	<-opened
	for end := time.Now().Add(20 * time.Second); g.Len() > 1; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the idle connection was not ended")
		}
		pushed.Do(func(c *loop.Conn) { c.Write([]byte("news")) })
	}
	if err := <-closed; !errors.Is(err, loop.ErrIdle) {
		t.Errorf("OnClose received %v", err)
	}
}
