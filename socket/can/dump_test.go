//go:build linux

package can_test

import (
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket/can"
)

// dumped sends a frame until candump, which tells nothing when it is ready, has printed a line.
func dumped(t *testing.T, c *can.Conn, dump *sockettest.Peer) string {
	t.Helper()
	ctx, printed := sockettest.Context(t), make(chan struct{})
	var sending sync.WaitGroup
	defer sending.Wait()
	defer close(printed)
	sending.Go(func() {
		for {
			if err := c.WriteFrame(ctx, can.Frame{ID: 0x123, Data: []byte{0xde, 0xad}}); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-printed:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return dump.Line()
}
