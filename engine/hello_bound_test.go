package engine

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestClientHelloIsBounded: a server takes a ClientHello of 64 KiB, and refuses a larger
// one by its header, before it has collected it. Config.MaxHandshakeMessage replaces the
// limit.
func TestClientHelloIsBounded(t *testing.T) {
	for _, test := range []struct {
		name    string
		size    int // of the message without its header
		max     int // Config.MaxHandshakeMessage
		second  bool
		refused bool
	}{
		{name: "64 KiB", size: 64 << 10},
		{name: "over", size: 64<<10 + 1, refused: true},
		{name: "second", size: 64<<10 + 1, second: true, refused: true},
		{name: "set higher", size: 100 << 10, max: 100 << 10},
		{name: "set lower", size: 2001, max: 2000, refused: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &config{Credentials: []*Credential{newCredential(t, nil)}}
			server.MaxHandshakeMessage = test.max
			client := &config{Verifier: acceptAll{}, ServerName: "example.com"}
			if test.second {
				server.Groups = []iana.NamedGroup{iana.SecP256r1}
			}
			_, s := newPair(t, client, server)
			if test.second {
				s.in = handMade(t, client, func(*wire.ClientHello) {})
				if _, err := s.step(); err != nil {
					t.Fatal(err)
				}
			}
			s.in = append(s.in, padded(t, client, test.size)...)
			if test.refused {
				s.in = s.in[:min(len(s.in), record.HeaderLen+record.MaxPlaintext)] // one record of it
			}
			_, err := s.step()
			switch {
			case test.refused:
				refusesFor(t, err, iana.AlertIllegalParameter, "exceeds the limit")
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// TestOtherMessagesAreBounded: the limit of a ClientHello is not that of what a client
// receives.
func TestOtherMessagesAreBounded(t *testing.T) {
	for size, refused := range map[int]bool{128 << 10: false, 128<<10 + 1: true} {
		c, _ := newPair(t, &config{Verifier: acceptAll{}, ServerName: "example.com"},
			&config{Credentials: []*Credential{newCredential(t, nil)}})
		if _, err := c.step(); err != nil {
			t.Fatal(err)
		}
		header := []byte{byte(iana.HandshakeServerHello), byte(size >> 16), byte(size >> 8), byte(size)}
		var err error
		if c.in, err = newSender(&Config{}, iana.TLS12).records(nil, iana.ContentHandshake, header); err != nil {
			t.Fatal(err)
		}
		_, err = c.step()
		switch {
		case refused:
			refusesFor(t, err, iana.AlertIllegalParameter, "exceeds the limit")
		case err != nil:
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestOpenConnectionKeepsNoPart sends the header of a message to an open connection that does not
// await the message, or awaits it shorter, and nothing more.
func TestOpenConnectionKeepsNoPart(t *testing.T) {
	for _, c := range []struct {
		version  iana.Version
		toClient bool
		typ      iana.HandshakeType
		alert    iana.Alert
	}{
		{iana.TLS13, false, iana.HandshakeKeyUpdate, iana.AlertDecodeError},
		{iana.TLS13, true, iana.HandshakeKeyUpdate, iana.AlertDecodeError},
		{iana.TLS13, false, iana.HandshakeClientHello, iana.AlertUnexpectedMessage},
		{iana.TLS13, true, iana.HandshakeCertificateRequest, iana.AlertUnexpectedMessage},
		{iana.TLS13, false, iana.HandshakeCertificate, iana.AlertUnexpectedMessage},
		{iana.TLS12, false, iana.HandshakeClientHello, iana.AlertNoRenegotiation},
		{iana.TLS12, true, iana.HandshakeHelloRequest, iana.AlertNoRenegotiation},
		{iana.TLS12, false, iana.HandshakeCertificate, iana.AlertUnexpectedMessage},
	} {
		client, server := connect(t, &config{Verifier: acceptAll{}, ServerName: "example.com"},
			&config{Credentials: []*Credential{newCredential(t, nil)}, MaxVersion: c.version})
		from, to := client, server
		if c.toClient {
			from, to = server, client
		}
		var err error
		header := []byte{byte(c.typ), 0, 0xff, 0xff}
		if to.in, err = from.s.records(nil, iana.ContentHandshake, header); err != nil {
			t.Fatal(err)
		}
		_, err = to.step()
		refusesFor(t, err, c.alert, "")
	}
}

// padded returns the records of a ClientHello of cfg that takes size bytes.
func padded(t *testing.T, cfg *config, size int) []byte {
	t.Helper()
	have := 0
	handMade(t, cfg, func(h *wire.ClientHello) {
		raw, err := h.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		have = len(raw) - wire.HeaderLen
	})
	return handMade(t, cfg, func(h *wire.ClientHello) {
		const unknown = 60000 // of what the extensions have room for
		more := size - have - 4
		for more > unknown {
			h.CipherSuites = append(h.CipherSuites, 0x5a5a)
			more -= 2
		}
		h.Unknown = []wire.Extension{{Type: 0xfafa, Data: make([]byte, more)}}
	})
}
