package engine

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestDatagramServerName: a server of DTLS 1.2 answers server_name if the name guides its choice,
// and leaves the answer out if it has one certificate. RFC 6066, Section 3.
func TestDatagramServerName(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(server *config)
		answers bool
	}{
		{"one certificate", func(*config) {}, false},
		{"two", func(s *config) { s.Credentials = append(s.Credentials, s.Credentials[0]) }, true},
		{"SelectCredential", func(s *config) {
			own := s.Credentials[0]
			s.SelectCredential = func(*CredentialRequest) (*Credential, error) { return own, nil }
		}, true},
		{"ForClient", func(s *config) {
			own := s.Config
			s.ForClient = func(*ClientHelloInfo) (*Config, error) { return &own, nil }
		}, true},
	} {
		client, server := datagramConfigs(t, iana.TLS12)
		tc.change(server)
		answered := false
		client.Trace = func(tr Trace) {
			if !tr.Sent && tr.Data[0] == byte(iana.HandshakeServerHello) && tr.Type == iana.ContentHandshake {
				sh, err := wire.ParseDatagramServerHello(tr.Data[wire.HeaderLen:])
				answered = err == nil && sh.ServerNameAck
			}
		}
		newLink(t, client, server, DatagramOptions{}).open(t)
		if answered != tc.answers {
			t.Errorf("%s: answered is %v", tc.name, answered)
		}
	}
}
