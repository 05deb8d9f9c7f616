package engine

import (
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/record"
)

// TestExchangeOver: a connection that rests keeps its exchange while anything in it is awaited.
func TestExchangeOver(t *testing.T) {
	if !new(exchange).over() {
		t.Error("an exchange without anything is not over")
	}
	at := time.Unix(1, 0)
	for name, change := range map[string]func(*exchange){
		"message":  func(x *exchange) { x.flight.Add(make([]byte, 4), nil) },
		"fragment": func(x *exchange) { x.assembler.Add(dtls.Fragment{Length: 2, Data: []byte{1}}, 9) },
		"question": func(x *exchange) { x.asked = new(PeerCertificate) },
		"timer":    func(x *exchange) { x.timer.Start(at) },
		"ACK":      func(x *exchange) { x.ackAt = at },
		"datagram": func(x *exchange) { x.out = make([][]byte, 1) },
		"probe":    func(x *exchange) { x.probes = make([]probe, 1) },
		"update":   func(x *exchange) { x.update.sent = true },
		"next":     func(x *exchange) { x.update.again = true },
		"held":     func(x *exchange) { x.held = make([]step, 1) },
		"tickets":  func(x *exchange) { x.ticketsDue = 1 },
	} {
		x := new(exchange)
		if change(x); x.over() {
			t.Errorf("an exchange with a %s is over", name)
		}
	}
}

// TestForgedInTheClearDelaysNoAck: on an open connection a record in the clear, which anyone can
// send under the peer's address, is not acknowledged. Otherwise an attacker displaced the numbers of
// the peer's records from each ACK, so that a KeyUpdate was sent again until the peer gave up.
func TestForgedInTheClearDelaysNoAck(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	for l.expire() && l.failed() == nil {
		l.pump()
	}
	forge := func(e *end) {
		old := dtls.Fragment{Type: iana.HandshakeClientHello, Length: 1, Data: []byte{0}}
		for i := range 2 * dtls.MaxAcks {
			n := record.Number{Sequence: uint64(i)}
			e.take(e.Receive(l.now, replyRecord(n, iana.ContentHandshake, old.AppendTo(nil))))
		}
	}
	for _, e := range []*end{l.client, l.server} {
		if forge(e); !e.Timeout().IsZero() || e.NextDatagram() != nil {
			t.Error("an ACK of a record in the clear is due")
		}
	}
	if err := l.server.Rekey(l.now, false); err != nil {
		t.Fatal(err)
	}
	l.pump()
	forge(l.client)
	l.expire() // the acknowledgment is delayed
	if l.pump(); l.server.update.sent || l.failed() != nil {
		t.Errorf("the KeyUpdate is not acknowledged: %v", l.failed())
	}
}
