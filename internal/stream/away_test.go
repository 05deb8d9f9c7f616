package stream

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// TestDetachAfterDeadline: a Detach that a deadline ends has taken nothing away: the connection can
// still be used, and closed.
func TestDetachAfterDeadline(t *testing.T) {
	late := error(os.ErrDeadlineExceeded)
	client, raw := hookedConn(t, func() error { return late })
	if _, err := client.Write([]byte("first")); !isTimeout(err) {
		t.Fatal(err)
	}
	if _, err := client.Detach(); !isTimeout(err) {
		t.Fatal(err)
	}
	late = nil
	if _, err := client.Write([]byte("second")); err != nil || raw.got.Len() == 0 {
		t.Errorf("a Write behind it: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := raw.Conn.SetReadDeadline(time.Time{}); err == nil {
		t.Error("the connection below remains open")
	}
	if _, err := client.Detach(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestHandOverFails: what a deadline has kept back is not sent twice if the state cannot be made.
func TestHandOverFails(t *testing.T) {
	client, raw := hookedConn(t, func() error { return nil })
	client.out.unsent = []byte("kept back")
	client.out.seldom().failed = errors.New("a callback has panicked")
	client.out.mail.put(engine.EndWith(errors.New("what is to be sealed")))
	_, err := client.HandOver(t.Context(), make([]byte, engine.HandoverTokenLen), nil, nil)
	if all := raw.got.String() + string(client.out.unsent); err == nil || all != "kept back" {
		t.Errorf("%q is sent or waits, %v", all, err)
	}
}
