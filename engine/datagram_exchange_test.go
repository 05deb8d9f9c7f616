package engine

import (
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/dtls"
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
