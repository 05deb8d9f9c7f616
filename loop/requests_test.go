package loop_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/loop"
)

// TestRequestsOfASlowPeer: a server that asks for certificates without end, and takes no answers,
// is left. One that takes them is served.
func TestRequestsOfASlowPeer(t *testing.T) {
	closed := make(chan error, 1)
	d, addr, _ := serve(t, loop.Options{WriteTimeout: time.Second}, &handler{
		open: func(c *loop.Conn) {
			ask := func(n int) {
				for range n {
					c.AnswerRequest()
				}
			}
			ask(1000)
			if _, err := c.Write(make([]byte, 64<<20)); !errors.Is(err, loop.ErrFull) {
				t.Error(err)
			}
			ask(64)
			if len(closed) > 0 {
				t.Error("it has ended early")
			}
			ask(1)
		},
		close: func(_ *loop.Conn, err error) { closed <- err },
	})
	dial(t, d, addr)
	if err := <-closed; !fault(engine.FaultLimit)(err) {
		t.Errorf("OnClose received %v", err)
	}
}
