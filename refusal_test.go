package sealsock_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/trust"
)

// A refusal is sent to the peer, in either role, as the alert of its reason: a closed
// connection alone would not show the reason.
func TestRefusalReachesThePeer(t *testing.T) {
	stranger, _ := newConfigs(t)
	for _, test := range []struct {
		name   string
		change func(client, server *sealsock.Config)
		alert  iana.Alert
		client bool // the client refuses
	}{
		{"server of another authority", func(c, _ *sealsock.Config) { c.Trust = stranger.Trust }, iana.AlertUnknownCA, true},
		{"server with another name", func(c, _ *sealsock.Config) { c.ServerName = "example.com" }, iana.AlertBadCertificate, true},
		{"callback", func(c, _ *sealsock.Config) {
			p := *c.Trust.(*trust.Policy)
			p.Callback = func(*trust.Peer, *trust.Result) error { return errors.New("not today") }
			c.Trust = &p
		}, iana.AlertCertificateUnknown, true},
		{"client of another authority", func(_, s *sealsock.Config) {
			s.ClientAuth, s.Trust = sealsock.RequireClientCert, stranger.Trust
		}, iana.AlertUnknownCA, false},
		{"client without a certificate", func(c, s *sealsock.Config) {
			s.ClientAuth, c.Identities = sealsock.RequireClientCert, nil
		}, iana.AlertCertificateRequired, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cc, sc := newConfigs(t)
			test.change(cc, sc)
			refuser, refused := handshakeBoth(t, cc, sc)
			if !test.client {
				refuser, refused = refused, refuser
			}
			var own, told *engine.Error
			if !errors.As(refuser, &own) || own.Alert != test.alert || own.Fault == engine.FaultAlert {
				t.Errorf("the refusing side ended with %v (alert %v), want alert %v", refuser, own.Alert, test.alert)
			}
			if !errors.As(refused, &told) || told.Fault != engine.FaultAlert || told.Alert != test.alert {
				t.Errorf("the refused side ended with %v, want alert %v from the peer", refused, test.alert)
			}
		})
	}
}

// handshakeBoth runs both sides until both have failed, the client with its first
// read, since its handshake may be done before the server refuses.
func handshakeBoth(t *testing.T, cc, sc *sealsock.Config) (client, server error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealsock.Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		err := s.HandshakeContext(context.Background())
		if err == nil {
			b.Close() // else a client whose handshake is done too reads for ever
		}
		done <- err
	}()
	if client = c.HandshakeContext(context.Background()); client == nil {
		_, client = c.Read(make([]byte, 1))
	}
	return client, <-done
}
