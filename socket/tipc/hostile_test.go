package tipc_test

import (
	"encoding/binary"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/tipc"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "TIPC", func() *socket.Socket {
		a, _ := sockettest.Pair(t, listen(socket.Stream), dial(socket.Stream))
		return a
	})
	sockettest.Waits(t, "TIPC", func() *socket.Socket {
		c, err := tipc.ListenMessages(socket.RDM, tipc.Range(service+5, 1, 1, tipc.NodeScope))
		sockettest.Need(t, err)
		return c.Socket
	})
}

func TestRefusals(t *testing.T) { sockettest.Refuses(t, "TIPC", tipc.Family, socket.RDM, 0) }

// TestDestination checks the instance to which a message was sent: the
// ancillary data TIPC_DESTNAME.
func TestDestination(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Ancillary)
	c, err := tipc.ListenMessages(socket.RDM, tipc.Range(service+6, 10, 20, tipc.NodeScope))
	sockettest.Need(t, err)
	defer c.Close()
	if _, err := c.WriteTo([]byte("x"), tipc.Service(service+6, 17)); err != nil {
		t.Fatal(err)
	}
	const level, destination = 271, 3
	for _, item := range sockettest.Received(t, c.Socket) {
		raw, ok := item.(socket.RawAncillary)
		if ok && raw.Level == level && raw.Type == destination && len(raw.Data) == 12 && binary.NativeEndian.Uint32(raw.Data[4:]) == 17 {
			return
		}
	}
	t.Error("the message does not say which instance it was for")
}

// TestDetach keeps a connection, which Close would end for its copies too.
func TestDetach(t *testing.T) {
	sockettest.Shows(t, "TIPC", sockettest.Trip)
	a, b := sockettest.Pair(t, listen(socket.Stream), dial(socket.Stream))
	fd, err := a.Detach()
	if err != nil {
		t.Fatal(err)
	}
	again, err := socket.FromFD(fd, tipc.Family)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sockettest.RoundTrip(t, again, b)
}

// FuzzEvent reads what the topology service might send.
func FuzzEvent(f *testing.F) {
	f.Add(make([]byte, 48))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := tipc.ParseEvent(b)
		if (err == nil) != (len(b) == 48) {
			t.Fatalf("%d bytes are %+v, %v", len(b), e, err)
		}
		_ = e.Kind.String()
	})
}
