//go:build linux

package can_test

import (
	"errors"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/can"
)

// raw opens a socket that receives only one identifier.
func raw(t *testing.T, id uint32) *can.Conn {
	t.Helper()
	c := open(t)
	if err := c.SetFilters(can.Filter{ID: id, Mask: can.StandardMask}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWaiting(t *testing.T) {
	i := sockettest.Interface(t, bus).Index
	sockettest.Waits(t, "CAN raw", func() *socket.Socket { return raw(t, 0x7ef).Socket })
	sockettest.Waits(t, "ISO-TP", func() *socket.Socket {
		a, _ := isotp(t, 0x703, 0x704, nil)
		return a
	})
	sockettest.Waits(t, "J1939", func() *socket.Socket {
		c, err := can.OpenJ1939(can.J1939Addr{Interface: i, PGN: can.NoPGN, Address: 0x60})
		sockettest.Need(t, err)
		return c.Socket
	})
	sockettest.Waits(t, "CAN broadcast manager", func() *socket.Socket {
		b, err := can.DialBCM(sockettest.Context(t), bus)
		sockettest.Need(t, err)
		return b.Socket()
	})
}

func TestRefusals(t *testing.T) {
	const raw, isotp, j1939 = 1, 6, 7
	sockettest.Refuses(t, "CAN raw", can.Family, socket.Raw, raw)
	sockettest.Refuses(t, "ISO-TP", can.FamilyISOTP, socket.Datagram, isotp)
	sockettest.Refuses(t, "J1939", can.FamilyJ1939, socket.Datagram, j1939)
}

func TestTimestamps(t *testing.T) {
	a, b := raw(t, 0x7ee), raw(t, 0x7ee)
	ctx := sockettest.Context(t)
	sockettest.Stamped(t, "CAN raw", b.Socket, func() error { return a.WriteFrame(ctx, can.Frame{ID: 0x7ee}) })
	x, y := isotp(t, 0x705, 0x706, nil)
	sockettest.Stamped(t, "ISO-TP", y, func() error { _, err := x.Write([]byte("x")); return err })
}

// TestErrorFrames receives the error frames that a program injects.
func TestErrorFrames(t *testing.T) {
	sockettest.Shows(t, "CAN raw", sockettest.Trip, sockettest.Options)
	a, b := open(t), open(t)
	if err := errors.Join(can.ErrorFilter.Set(b.Socket, can.ErrorMask), b.SetFilters()); err != nil {
		t.Fatal(err)
	}
	ctx := sockettest.Context(t)
	const busOff = 0x40
	if err := a.WriteFrame(ctx, can.Frame{ID: can.ErrorFlag | busOff, Data: make([]byte, 8)}); err != nil {
		t.Fatal(err)
	}
	f, _, err := b.ReadFrame(ctx)
	if err != nil || f.ID != can.ErrorFlag|busOff {
		t.Errorf("%v, %v, want the news that the bus is off", f, err)
	}
}
