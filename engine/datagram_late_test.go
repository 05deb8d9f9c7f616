package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
)

// lateLink is a connection whose server may request the client's certificate at any time.
func lateLink(t testing.TB) *link {
	t.Helper()
	client, server := datagramConfigs(t, iana.TLS13)
	client.PostHandshakeAuth, server.Verifier = true, acceptAll{}
	client.Credentials = server.Credentials
	server.Tickets = newMemory()
	return newLink(t, client, server, DatagramOptions{AddressProved: true})
}

// TestDatagramLateCertificate: a server requests the client's certificate on an open connection,
// and its State has it.
func TestDatagramLateCertificate(t *testing.T) {
	l := lateLink(t)
	if _, err := l.server.RequestCertificate(l.now); err == nil {
		t.Error("a request before the handshake is done")
	}
	l.open(t)
	for i := range 3 {
		context, err := l.server.RequestCertificate(l.now)
		if err != nil || len(context) == 0 {
			t.Fatalf("%x, %v", context, err)
		}
		l.settle()
		if err := l.failed(); err != nil {
			t.Fatal(err)
		}
		if n := count(l.server.kinds, EventClientAuth); n != i+1 || l.server.State().PeerChain == nil {
			t.Fatalf("%d answers, and the events are %v", n, l.server.kinds)
		}
		l.send(t, l.client, l.server, fmt.Sprint("message ", i))
	}
	if _, err := l.client.RequestCertificate(l.now); err == nil {
		t.Error("a client requests a certificate")
	}
}

func count(kinds []EventKind, k EventKind) (n int) {
	for _, have := range kinds {
		if have == k {
			n++
		}
	}
	return n
}

// TestOpenDatagramsKeepNoPart sends one fragment of a message that an open connection does not
// await, or awaits shorter: the last byte, which would have the whole of it kept. It is of the next
// message, or of the one behind that.
func TestOpenDatagramsKeepNoPart(t *testing.T) {
	for _, tc := range []struct {
		typ      iana.HandshakeType
		size     int
		toClient bool
		alert    iana.Alert
	}{
		{iana.HandshakeClientHello, 100_000, false, iana.AlertUnexpectedMessage},
		{iana.HandshakeCertificate, 60_000, false, iana.AlertUnexpectedMessage},
		{iana.HandshakeCertificateRequest, 60_000, true, iana.AlertUnexpectedMessage},
		{iana.HandshakeKeyUpdate, 60_000, false, iana.AlertDecodeError},
		{iana.HandshakeKeyUpdate, 60_000, true, iana.AlertDecodeError},
		{iana.HandshakeRequestConnectionID, 60_000, false, iana.AlertDecodeError},
		{iana.HandshakeNewConnectionID, maxIDsMessage + 1, false, iana.AlertIllegalParameter},
	} {
		for ahead := range uint16(2) {
			client, server := datagramConfigs(t, iana.TLS13)
			client.ConnectionIDLength, server.ConnectionIDLength = 8, 8
			l := newLink(t, client, server, DatagramOptions{AddressProved: true})
			l.open(t)
			from, to := l.client, l.server
			if tc.toClient {
				from, to = l.server, l.client
			}
			f := dtls.Fragment{
				Type: tc.typ, Seq: to.assembler.Next() + ahead, Length: tc.size,
				Offset: tc.size - 1, Data: []byte{0},
			}
			d, err := from.seal(nil, iana.ContentHandshake, f.AppendTo(nil), 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = to.Receive(l.now, d)
			if wantAlert(t, err, tc.alert); to.assembler.Pending() {
				t.Errorf("a part of a %v of %d bytes is kept", tc.typ, tc.size)
			}
		}
	}
}

// TestDatagramHeld: messages that follow a KeyUpdate wait until it is acknowledged: their order and
// the keys of a Finished are then the same at both ends.
func TestDatagramHeld(t *testing.T) {
	l := lateLink(t)
	l.open(t)
	l.settle()
	for _, e := range []*end{l.server, l.client} {
		if err := e.Rekey(l.now, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.server.SendTickets(1); err != nil {
		t.Fatal(err)
	}
	if _, err := l.server.RequestCertificate(l.now); err != nil {
		t.Fatal(err)
	}
	if len(l.server.held) != 1 || l.server.ticketsDue != 1 {
		t.Errorf("%d messages and %d tickets wait", len(l.server.held), l.server.ticketsDue)
	}
	tickets := len(l.client.sessions)
	l.settle()
	if err := l.failed(); err != nil {
		t.Fatal(err)
	}
	if len(l.client.sessions) != tickets+1 || !l.server.had(EventClientAuth) {
		t.Errorf("%d tickets, and the server's events are %v", len(l.client.sessions), l.server.kinds)
	}
	l.send(t, l.client, l.server, "under the new keys")
	l.send(t, l.server, l.client, "under the new keys")
}

// TestDatagramOldKey: a peer may send messages behind a KeyUpdate under its old key until that is
// acknowledged, and they may overtake it. RFC 9147, Section 8.
func TestDatagramOldKey(t *testing.T) {
	for _, overtaken := range []bool{false, true} {
		l := lateLink(t)
		l.open(t)
		l.settle()
		tickets := len(l.client.sessions)
		if err := l.server.Rekey(l.now, false); err != nil {
			t.Fatal(err)
		}
		update := l.server.NextDatagram()
		l.server.update.sent = false // so that the ticket is sent at once
		if err := l.server.SendTickets(1); err != nil {
			t.Fatal(err)
		}
		if err := l.server.flush(l.now); err != nil {
			t.Fatal(err)
		}
		l.server.update.sent = true
		both := [][]byte{update, l.server.NextDatagram()}
		if overtaken {
			both[0], both[1] = both[1], both[0]
		}
		for _, d := range both {
			l.client.take(l.client.Receive(l.now, d))
		}
		l.settle()
		if l.failed() != nil || len(l.client.sessions) != tickets+1 {
			t.Fatalf("overtaken %v: %d tickets, %v", overtaken, len(l.client.sessions), l.failed())
		}
		l.send(t, l.server, l.client, "under the new key")
	}
}

// TestDatagramEarlierKey: a message under the key of the handshake that comes after it ends the
// connection, and one in the clear is discarded.
func TestDatagramEarlierKey(t *testing.T) {
	l := lateLink(t)
	l.open(t)
	f := dtls.Fragment{Type: iana.HandshakeKeyUpdate, Length: 1, Seq: l.server.assembler.Next()}
	for _, e := range append(l.server.keys.list, nil) {
		if e != nil && e.phase != phaseHandshake {
			continue
		}
		if _, err := l.server.fragment(f, received{epoch: e}); (err != nil) != (e != nil) {
			t.Errorf("under %v: %v", e, err)
		}
	}
	if l.server.keys.list[0].phase != phaseHandshake || l.server.assembler.Pending() {
		t.Error("the key of the handshake is gone, or the message is kept")
	}
}

// TestDatagramLateNetwork: late certificates, tickets and key updates on a bad network: each
// request is answered, or the connection ends because its peer did not answer twelve times.
func TestDatagramLateNetwork(t *testing.T) {
	unanswered := 0
	for seed := range seeds(t) {
		random := rand.New(rand.NewPCG(uint64(seed), 8446))
		l := lateLink(t)
		l.open(t)
		n := &network{
			link: l, random: random, loss: random.Float64() * 0.4,
			twice: random.Float64() * 0.2, wrong: random.Float64() * 0.1,
		}
		if seed%2 == 1 {
			attacked(n)
		}
		requests := 0
		for range 12 {
			from := []*end{l.client, l.server}[random.IntN(2)]
			var err error
			switch random.IntN(4) {
			case 0:
				if requests < MaxLateRequests {
					requests++
					_, err = l.server.RequestCertificate(n.now)
				}
			case 1:
				err = from.Rekey(n.now, random.IntN(2) == 0)
			case 2:
				if err = l.server.SendTickets(1); err == nil {
					l.server.take(l.server.Expire(n.now))
				}
			case 3:
				var d []byte
				if d, err = from.Send(nil, []byte("data")); err == nil {
					n.send(map[*end]*end{l.client: l.server, l.server: l.client}[from], d)
				}
			}
			if err != nil && l.failed() == nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for range random.IntN(6) {
				n.step()
			}
		}
		for limit := n.now.Add(time.Hour); n.now.Before(limit) && n.failed() == nil && n.step(); {
		}
		switch err := n.failed(); {
		case err != nil && !isUnanswered(l.client.err) && !isUnanswered(l.server.err):
			t.Fatalf("seed %d: %v", seed, err)
		case err != nil:
			unanswered++
		case count(l.server.kinds, EventClientAuth) != requests:
			t.Fatalf("seed %d: %d of %d requests were answered", seed,
				count(l.server.kinds, EventClientAuth), requests)
		}
	}
	if n := seeds(t); unanswered > n/20 {
		t.Errorf("%d of %d connections were not answered", unanswered, n)
	}
}
