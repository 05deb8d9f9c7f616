package engine

import (
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file are about MUSTs that no other test is about. See test/mutants.

// TestRequestIsNotRepeated13: a request for new keys that is not answered yet is not
// repeated, and may be made again after the answer. RFC 9846, Section 4.6.3.
func TestRequestIsNotRepeated13(t *testing.T) {
	requests := 0
	client, server := pair13(t)
	client.Trace = func(tr Trace) {
		if tr.Sent && tr.Type == iana.ContentHandshake && tr.Data[0] == byte(iana.HandshakeKeyUpdate) {
			requests += int(tr.Data[wire.HeaderLen])
		}
	}
	c, s := connect(t, client, server)
	rekey := func() {
		t.Helper()
		out, err := c.s.Rekey(nil, true)
		if err != nil {
			t.Fatal(err)
		}
		s.in = append(s.in, out...)
	}
	rekey()
	rekey()
	if requests != 1 {
		t.Fatalf("%d requests before the answer", requests)
	}
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	rekey()
	if requests != 2 {
		t.Errorf("%d requests after the answer", requests)
	}
	send(t, c, s, "there")
	send(t, s, c, "and back")
	// A change of keys that was not requested counts too, and needs no answer.
	out, err := s.s.Rekey(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	c.in = append(c.in, out...)
	rekey()
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	send(t, c, s, "there")
	send(t, s, c, "and back")
}

// TestChosenVersion: with supported_versions that list alone counts, and without it
// legacy_version, which leads to TLS 1.2 at most. RFC 9846, Section 4.2.1 and Appendix D.2.
func TestChosenVersion(t *testing.T) {
	list := []iana.ExtensionType{iana.ExtSupportedVersions}
	for _, tc := range []struct {
		legacy iana.Version
		listed []iana.Version
		want   iana.Version // 0 for none
	}{
		{iana.TLS12, nil, iana.TLS12},
		{iana.TLS13, nil, iana.TLS12},
		{0x0305, nil, iana.TLS12},
		{iana.TLS11, nil, 0},
		{iana.TLS12, []iana.Version{iana.TLS13}, iana.TLS13},
		{iana.TLS12, []iana.Version{iana.TLS12}, iana.TLS12},
		{iana.TLS12, []iana.Version{0x7a7a, iana.TLS12, iana.TLS13}, iana.TLS13},
		{iana.TLS12, []iana.Version{iana.TLS11}, 0},
	} {
		hello := &wire.ClientHello{LegacyVersion: tc.legacy, SupportedVersions: tc.listed}
		if tc.listed != nil {
			hello.Present = list
		}
		got, err := chooseVersion(&Config{}, hello)
		var why *Error
		if got != tc.want || tc.want == 0 &&
			(!errors.As(err, &why) || why.Alert != iana.AlertProtocolVersion) {
			t.Errorf("%v and %v: %v, %v", tc.legacy, tc.listed, got, err)
		}
	}
}

// TestForgedEarlyData13: early data that was accepted and does not open ends the
// connection, other than refused early data. RFC 9846, Section 4.2.10.
func TestForgedEarlyData13(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData = true
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	if first, err = c.s.Seal(first, []byte("early bird")); err != nil {
		t.Fatal(err)
	}
	first[len(first)-1] ^= 1
	s.in = first
	_, err = s.step()
	var why *Error
	if !errors.As(err, &why) || why.Alert != iana.AlertBadRecordMAC {
		t.Errorf("got %v, want bad_record_mac", err)
	}
}

// TestRequestContexts13: the context of each request for a certificate is unique in its
// connection. RFC 9846, Section 4.3.2.
func TestRequestContexts13(t *testing.T) {
	client, server := pair13(t)
	client.Credentials = []*Credential{newCredential(t, nil)}
	client.PostHandshakeAuth, server.Verifier = true, acceptAll{}
	_, s := connect(t, client, server)
	seen := map[string]bool{}
	for range MaxLateRequests {
		_, request, err := s.s.RequestCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(request.Context)] = true
	}
	if len(seen) != MaxLateRequests {
		t.Errorf("%d contexts of %d requests", len(seen), MaxLateRequests)
	}
}

// TestRecordVersions: the version of a ClientHello's record is ignored, but for versions
// below 0x0300. RFC 9846, Sections 5.1 and D.2, and Appendix D.5.
func TestRecordVersions(t *testing.T) {
	for version, alert := range map[iana.Version]iana.Alert{
		iana.SSL30: 0, iana.TLS10: 0, iana.TLS12: 0, 0x0400: 0, 0xffff: 0,
		0x02ff: iana.AlertProtocolVersion, 0: iana.AlertProtocolVersion,
	} {
		s := newServer(t, new(config))
		s.in = handMade(t, &config{Config: Config{Verifier: acceptAll{}}}, func(*wire.ClientHello) {})
		s.in[1], s.in[2] = byte(version>>8), byte(version)
		_, err := s.step()
		if alert != 0 {
			refuses(t, err, alert)
		} else if err != nil {
			t.Errorf("%v: %v", version, err)
		}
	}
}
