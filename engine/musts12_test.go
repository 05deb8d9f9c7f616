package engine

import (
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file are about MUSTs of TLS 1.2 that no other test is about. See
// test/mutants.

// hellos12 runs a handshake and returns its ClientHello and its ServerHello.
func hellos12(t *testing.T, client, server *config) (*wire.ClientHello, *wire.ServerHello) {
	t.Helper()
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	hello, err := wire.ParseClientHello(first[record.HeaderLen+wire.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	s.in = first
	out, err := s.step()
	if err != nil {
		t.Fatal(err)
	}
	sh := firstServerHello(t, out)
	c.in = out
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	return hello, sh
}

// TestOwnHello12: what a client offers for TLS 1.2 alone. RFC 8422, Sections 4 and 5.1;
// RFC 5746, Section 3.4; RFC 5077, Section 3.2.
func TestOwnHello12(t *testing.T) {
	client, server := pair12(t)
	hello, _ := hellos12(t, client, server)
	if len(hello.ECPointFormats) != 1 || hello.ECPointFormats[0] != 0 ||
		hello.RenegotiationInfo == nil || len(hello.RenegotiationInfo) > 0 ||
		hello.SessionTicket == nil || len(hello.SessionTicket) > 0 ||
		!slices.Equal(hello.SignatureAlgorithms, schemes12(client.schemes())) {
		t.Errorf("%+v", hello)
	}
	client.NoTickets = true
	if hello, _ = hellos12(t, client, server); hello.SessionTicket != nil {
		t.Error("session_ticket of a client that takes no tickets")
	}
}

// TestNoECCExtensions12: a client that offers no suite with ECDHE sends neither
// supported_groups nor ec_point_formats. RFC 8422, Section 4.
func TestNoECCExtensions12(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("a key of some length"))
	client := &config{Config: Config{PSKs: []*PSK{psk}, PSKWithoutDHE: true, MaxVersion: iana.TLS12}}
	client.CipherSuites = []iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_GCM_SHA256}
	find := func([]byte) (*PSK, error) { return psk, nil }
	server := &config{Config: Config{PSKWithoutDHE: true, FindPSK: find}}
	hello, _ := hellos12(t, client, server)
	for _, ext := range []iana.ExtensionType{iana.ExtSupportedGroups, iana.ExtECPointFormats} {
		if slices.Contains(hello.Present, ext) {
			t.Errorf("%v is there", ext)
		}
	}
}

// TestAnswers12: a ServerHello of TLS 1.2 answers what was offered and no more, and one
// that resumes a session does not repeat what belongs to its certificate. RFC 5246,
// Section 7.4.1.4; RFC 6066, Sections 1.1, 3 and 8; RFC 5077, Section 3.2.
func TestAnswers12(t *testing.T) {
	client, server := resumable12(t, true)
	session := client.Session
	server.Credentials[0].OCSPStaple = []byte("a response")
	certificate := []iana.ExtensionType{iana.ExtServerName, iana.ExtStatusRequest}
	for _, resumed := range []bool{false, true} {
		if client.Session = nil; resumed {
			client.Session = session
		}
		hello, sh := hellos12(t, client, server)
		for _, ext := range sh.Present {
			if !slices.Contains(hello.Present, ext) {
				t.Errorf("resumed %v: %v was not offered", resumed, ext)
			}
		}
		for _, ext := range certificate {
			if slices.Contains(sh.Present, ext) == resumed {
				t.Errorf("resumed %v: %v is there: %v", resumed, ext, !resumed)
			}
		}
		if !slices.Equal(hello.SessionID, sh.SessionID) || sh.SupportedVersion != 0 {
			t.Errorf("resumed %v: %+v", resumed, sh)
		}
	}
}

// TestBareHello12: a server answers a client that offers extended_master_secret alone with
// that alone, and no OCSP response follows its certificate. RFC 5246, Section 7.4.1.4; RFC 6066, Section 8.
func TestBareHello12(t *testing.T) {
	client, server := pair12(t)
	server.Tickets, server.Credentials[0].OCSPStaple = newMemory(), []byte("a response")
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	s.in = editHello(first, func(h *helloEdit) {
		bare := wire.ClientHello{
			LegacyVersion: h.LegacyVersion, Random: h.Random, CipherSuites: h.CipherSuites,
			CompressionMethods: h.CompressionMethods, Padding: -1,
			SignatureAlgorithms: h.SignatureAlgorithms, ExtendedMasterSecret: true,
		}
		*h = bare
	})
	out, err := s.step()
	if err != nil {
		t.Fatal(err)
	}
	sh := firstServerHello(t, out)
	if !slices.Equal(sh.Present, []iana.ExtensionType{iana.ExtExtendedMasterSecret}) {
		t.Errorf("extensions %v", sh.Present)
	}
	var types []iana.HandshakeType
	for len(out) > 0 {
		h, _ := record.ParseHeader(out)
		for _, m := range split(out[record.HeaderLen : record.HeaderLen+h.Length]) {
			types = append(types, iana.HandshakeType(m[0]))
		}
		out = out[record.HeaderLen+h.Length:]
	}
	want := []iana.HandshakeType{
		iana.HandshakeServerHello, iana.HandshakeCertificate, iana.HandshakeServerKeyExchange,
		iana.HandshakeServerHelloDone,
	}
	if !slices.Equal(types, want) {
		t.Errorf("the flight is %v", types)
	}
}

// TestServerRandomIsItsOwn12: RFC 5246, Section 7.4.1.3.
func TestServerRandomIsItsOwn12(t *testing.T) {
	client, server := pair12(t)
	server.MaxVersion = iana.TLS12
	seen := map[[32]byte]bool{}
	for range 3 {
		hello, sh := hellos12(t, client, server)
		if hello.Random == sh.Random || seen[sh.Random] || seen[hello.Random] {
			t.Fatal("a random value for the second time")
		}
		seen[sh.Random], seen[hello.Random] = true, true
	}
}

// TestTicketsBeforeIDs12: a client with a ticket does not resume by its session ID. RFC
// 5077, Section 3.4.
func TestTicketsBeforeIDs12(t *testing.T) {
	client, server := resumable12(t, false)
	id := client.Session.SessionID
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	s.in = editHello(first, func(h *helloEdit) { h.SessionTicket = []byte("of another server") })
	out, err := s.step()
	if err != nil {
		t.Fatal(err)
	}
	if sh := firstServerHello(t, out); slices.Equal(sh.SessionID, id) {
		t.Error("the session of the ID is resumed")
	}
}

// TestEarlyDataAndTLS12: a client that sent 0-RTT data ends the connection if the server
// chooses TLS 1.2. RFC 9846, Appendix D.3.
func TestEarlyDataAndTLS12(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData = true
	server.MaxVersion, server.Tickets = iana.TLS12, nil
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	h, _ := record.ParseHeader(first)
	s.in = first[:record.HeaderLen+h.Length] // without what follows, which TLS 1.2 refuses
	if c.in, err = s.step(); err != nil {
		t.Fatal(err)
	}
	_, err = c.step()
	refusesFor(t, err, iana.AlertProtocolVersion, "after 0-RTT data")
}

// TestNoSessionWithoutExtendedMasterSecret12: neither side makes a session that has no
// extended master secret. RFC 7627, Section 5.4.
func TestNoSessionWithoutExtendedMasterSecret12(t *testing.T) {
	for _, tickets := range []bool{false, true} {
		client, server := pair12(t)
		if server.SessionIDs = (cache{}); tickets {
			server.SessionIDs, server.Tickets = nil, newMemory()
		}
		c, s := newPair(t, client, server)
		first, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		s.in = withoutExtension(iana.ExtExtendedMasterSecret)(first)
		out, err := s.step()
		if err != nil {
			t.Fatal(err)
		}
		if sh := firstServerHello(t, out); sh.SessionTicket || len(sh.SessionID) > 0 {
			t.Errorf("tickets %v: a session is announced", tickets)
		}
	}
}

// TestTicketOfFailedHandshake12: a client does not keep a ticket before the server's
// Finished is verified. RFC 5077, Section 3.3.
func TestTicketOfFailedHandshake12(t *testing.T) {
	client, server := pair12(t)
	server.Tickets = newMemory()
	c, s := newPair(t, client, server)
	if err := rewrittenPair(c, s, true, flipped(iana.HandshakeFinished)); err == nil {
		t.Fatal("a wrong Finished is accepted")
	}
	if len(c.sessions) > 0 || slices.Contains(c.events, EventSession) {
		t.Error("the ticket is a session")
	}
}

// TestKeyFitsSuite12: a certificate of another kind than the suite's is refused, though its
// key signs. RFC 5246, Section 7.4.2; RFC 8422, Section 5.3.
func TestKeyFitsSuite12(t *testing.T) {
	client, server := pair12(t)
	w := edit(t, iana.HandshakeServerHello, 0, wire.ParseServerHello, func(h *wire.ServerHello) {
		h.CipherSuite = iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	})
	err := rewritten(t, client, server, true, w)
	refusesFor(t, err, iana.AlertIllegalParameter, "does not allow")
}
