package link

import (
	"io"
	"sync/atomic"
	"testing"

	"github.com/sealsock/sealsock/relay"
)

// TestForgedAreBounded: a relay that makes many packets causes few reports, and the bytes of the
// member arrive.
func TestForgedAreBounded(t *testing.T) {
	f := newFakeRelay(t)
	f.Tamper = func(m *relay.Message) []*relay.Message {
		all := []*relay.Message{m}
		for range 10 * maxForged {
			if m.Kind == relay.KindDeliver {
				made := &relay.Message{Kind: m.Kind, Member: m.Member, Payload: make([]byte, 100)}
				all = append([]*relay.Message{made}, all...)
			}
		}
		return all
	}
	var reports atomic.Int64
	_, first := f.join(t, Options{})
	_, second := f.join(t, Options{Notify: func(e Event) {
		if e.Kind == Suspect {
			reports.Add(1)
		}
	}})
	a, b := <-first, <-second
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if n := reports.Load(); n != maxForged {
		t.Errorf("%d reports, want %d", n, maxForged)
	}
}
