package vsock_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/vsock"
)

func TestWaiting(t *testing.T) {
	needLoopback(t)
	for _, typ := range []socket.Type{socket.Stream, socket.SeqPacket} {
		sockettest.Waits(t, "vsock", func() *socket.Socket {
			a, _ := sockettest.Pair(t, listen(typ), dial(typ))
			return a
		})
	}
}

func TestRefusals(t *testing.T) { sockettest.Refuses(t, "vsock", vsock.Family, socket.Stream, 0) }
