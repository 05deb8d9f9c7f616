package engine

import (
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file cover what BoringSSL's tests and fuzzing have found.

// A server that asks for certificates must not wait for one on resumption.
func TestResumptionWithClientCertificate(t *testing.T) {
	client, server := resumable(t)
	client.Session, client.Credentials = nil, []*Credential{newCredential(t, nil)}
	server.ClientAuth, server.Verifier = RequireClientCert, acceptAll{}
	for _, resumed := range []bool{false, true} {
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		if state := s.r.State(); state.Resumed != resumed || len(state.PeerChain) != 1 {
			t.Errorf("resumed %v with %d certificates, want %v with 1", state.Resumed, len(state.PeerChain), resumed)
		}
		client.Session = c.sessions[0]
	}
}

// A client that can use no ticket gets none. RFC 9846, Section 4.2.9.
func TestNoTicketWithoutMode(t *testing.T) {
	for _, modes := range [][]iana.PSKMode{nil, {iana.PSKKE}, {iana.PSKDHEKE}} {
		client, server := resumable(t)
		client.Session = nil
		c, s := changedPair(t, client, server, func(h *wire.ClientHello) { h.PSKModes = modes })
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		want := 0
		if len(modes) == 1 && modes[0] == iana.PSKDHEKE {
			want = defaultTickets
		}
		if len(c.sessions) != want {
			t.Errorf("modes %v: %d tickets, want %d", modes, len(c.sessions), want)
		}
	}
}

// The messages of a flight share records, wherever the states between them end.
func TestFlightIsPacked(t *testing.T) {
	c, s := newPair(t, &config{Verifier: acceptAll{}}, &config{Credentials: []*Credential{newCredential(t, nil)}})
	hello, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	s.in = hello
	flight, err := s.step()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[iana.ContentType]int{}
	for len(flight) > 0 {
		h, ok := record.ParseHeader(flight)
		if !ok || len(flight) < record.HeaderLen+h.Length {
			t.Fatal("the flight is not made of records")
		}
		counts[h.Type]++
		flight = flight[record.HeaderLen+h.Length:]
	}
	if counts[iana.ContentHandshake] != 1 || counts[iana.ContentApplicationData] != 1 {
		t.Errorf("ServerHello in %d records, what follows in %d; want one each", counts[iana.ContentHandshake], counts[iana.ContentApplicationData])
	}
}

// What the peer may sign with does not limit a credential of this side that has
// Schemes of its own.
func TestCredentialSchemes(t *testing.T) {
	for _, own := range [][]iana.SignatureScheme{nil, {iana.ECDSAWithP256AndSHA256}} {
		cred := newCredential(t, nil)
		cred.Schemes = own
		c, s := newPair(t, &config{Verifier: acceptAll{}},
			&config{Credentials: []*Credential{cred}, SignatureSchemes: []iana.SignatureScheme{iana.Ed25519}})
		err := pump(c, s)
		var why *Error
		switch {
		case own != nil && err != nil:
			t.Errorf("with schemes of its own: %v", err)
		case own == nil && (!errors.As(err, &why) || why.Alert != iana.AlertHandshakeFailure):
			t.Errorf("without schemes of its own: %v", err)
		}
	}
}

// Four announcements of an end pass, as JDK 11 sends them; a stream of them does not.
func TestWarnings(t *testing.T) {
	for _, n := range []int{maxWarnings, maxWarnings + 1} {
		c, s := newPair(t, &config{Verifier: acceptAll{}}, &config{Credentials: []*Credential{newCredential(t, nil)}})
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		for range n {
			out, err := s.s.alert(nil, iana.AlertUserCanceled)
			if err != nil {
				t.Fatal(err)
			}
			c.in = append(c.in, out...)
		}
		var why *Error
		_, err := c.step()
		if refused := errors.As(err, &why) && why.Fault == FaultLimit; refused != (n > maxWarnings) {
			t.Errorf("%d warnings: %v", n, err)
		}
	}
}

// A message that cannot be due yet must not come along with the one before it.
func TestNothingBehindFirstHello(t *testing.T) {
	for _, tail := range []int{0, 1, wire.HeaderLen} {
		c, s := newPair(t, &config{Verifier: acceptAll{}, KeyShares: []iana.NamedGroup{}}, &config{Credentials: []*Credential{newCredential(t, nil)}})
		hello, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		extra := []byte{byte(iana.HandshakeClientHello), 0, 0, 1}[:tail]
		hello = append(hello, extra...)
		n := len(hello) - record.HeaderLen
		hello[3], hello[4] = byte(n>>8), byte(n)
		s.in = hello
		var why *Error
		_, err = s.step()
		if refused := errors.As(err, &why) && why.Alert == iana.AlertUnexpectedMessage; refused != (tail > 0) {
			t.Errorf("%d bytes behind the ClientHello: %v", tail, err)
		}
	}
}

// A ClientHello that was meant for another handshake is refused with TLS 1.3 too.
func TestRenegotiationInTLS13(t *testing.T) {
	server := &config{Credentials: []*Credential{newCredential(t, nil)}}
	for _, info := range [][]byte{{}, {1}} {
		_, s := newPair(t, &config{Verifier: acceptAll{}}, server)
		s.in = handMade(t, &config{Verifier: acceptAll{}}, func(h *wire.ClientHello) { h.RenegotiationInfo = info })
		_, err := s.step()
		if len(info) > 0 {
			refuses(t, err, iana.AlertHandshakeFailure)
		} else if err != nil {
			t.Error(err)
		}
	}
}
