package engine

import (
	"runtime"
	"testing"
	"weak"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// handshakeKey is the receiving key of the handshake of DTLS 1.3; nil if there is none.
func handshakeKey(e *end) *record.Opener13 {
	for _, k := range e.keys.list {
		if k.phase == phaseHandshake {
			return k.DatagramOpener.(*record.Opener13)
		}
	}
	return nil
}

// TestDroppedKeyIsForgotten: a receiving key that was dropped is not in memory any more, though
// the connection is: at once on a client, whose server has acknowledged its last flight, and later on
// the server.
func TestDroppedKeyIsForgotten(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	l := newLink(t, client, server, DatagramOptions{})
	var keys []weak.Pointer[record.Opener13]
	l.lose = func(from *end, _ []byte) bool {
		return from == l.server && l.client.had(EventHandshakeDone) // the last acknowledgment
	}
	l.pump()
	for _, e := range []*end{l.client, l.server} {
		keys = append(keys, weak.Make(handshakeKey(e)))
	}
	l.lose = nil
	l.open(t)
	for l.now = l.now.Add(keepHandshake); l.expire(); {
		l.pump()
	}
	for range 3 {
		runtime.GC()
	}
	for i, e := range []*end{l.client, l.server} {
		if handshakeKey(e) != nil || keys[i].Value() != nil {
			t.Errorf("%v is in memory", []string{"the client's", "the server's"}[i])
		}
	}
	runtime.KeepAlive(l)
}

// TestForgedRecordWakesNoOldKey: the key of the handshake is of use for a flight that comes again.
// A forged record under it, or one that comes twice, does not leave it awake until the connection is
// quiet, which one in use may never be.
func TestForgedRecordWakesNoOldKey(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	client.ConnectionIDLength, server.ConnectionIDLength = -1, -1
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	l.send(t, l.client, l.server, "data")
	forged := append([]byte{0b0010_1110, 0, 7, 0, 32}, make([]byte, 32)...)
	l.server.take(l.server.Receive(l.now, forged))
	if k := handshakeKey(l.server); k == nil || !erased(k) || l.failed() != nil {
		t.Errorf("a forged record woke the key of the handshake: %v", l.failed())
	}
	if n := l.server.keys.list[0].forged; n != 1 {
		t.Errorf("%d records count as forged", n)
	}
	l.send(t, l.client, l.server, "more data")
}
