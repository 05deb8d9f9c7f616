package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// standardConfig returns a Config of crypto/tls for the peer of a test.
func standardConfig(cred *Credential, client *config) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}, ServerName: "example.com",
		InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4),
		Certificates: []tls.Certificate{{
			Certificate: cred.Chain, PrivateKey: cred.Signer,
		}},
		Time: client.Now,
	}
}

// TestQUICWithStandardServer: our client and the server of crypto/tls, in full, with a
// HelloRetryRequest, with a client certificate, resumed, and with 0-RTT data that is accepted
// and refused.
func TestQUICWithStandardServer(t *testing.T) {
	client, _ := quicConfigs(t)
	client.Credentials = []*Credential{newCredential(t, nil)}
	cfg := standardConfig(newCredential(t, nil), client)
	run := func() (*ownQUIC, *standardQUIC) {
		c := newOwnQUIC(t, client, true, QUICOptions{TransportParameters: []byte("ours")})
		conn := tls.QUICServer(&tls.QUICConfig{TLSConfig: cfg, EnableSessionEvents: true})
		s := &standardQUIC{QUICConn: conn, own: []byte("theirs")}
		openQUIC(t, c, s)
		if string(c.params) != "theirs" || string(s.params) != "ours" {
			t.Errorf("transport parameters %q and %q", c.params, s.params)
		}
		ticket := tls.QUICSessionTicketOptions{EarlyData: true, Extra: [][]byte{[]byte("x")}}
		err := s.SendSessionTicket(ticket)
		if err := errors.Join(err, s.drain(), pumpQUIC(c, s, 99)); err != nil {
			t.Fatal(err)
		}
		if len(c.sessions) != 1 || c.sessions[0].MaxEarlyData != quicEarlyData {
			t.Errorf("%d sessions", len(c.sessions))
		}
		return c, s
	}
	c, _ := run()
	session := c.sessions[0]
	cfg.CurvePreferences = []tls.CurveID{tls.CurveP384}
	if c, _ := run(); !c.State().Retried {
		t.Error("no HelloRetryRequest")
	}
	cfg.CurvePreferences, cfg.ClientAuth = nil, tls.RequireAnyClientCert
	if c, s := run(); c.State().OwnChain == nil || len(s.ConnectionState().PeerCertificates) != 1 {
		t.Error("no certificate of the client")
	}
	cfg.ClientAuth = tls.NoClientCert
	client.Session = session
	c, s := run()
	if !c.State().EarlyData || !s.ConnectionState().DidResume || len(s.extra) != 1 ||
		string(c.write[QUICEarly]) != string(s.read[QUICEarly]) {
		t.Errorf("0-RTT data is not accepted: %+v", c.kinds)
	}
	cfg.NextProtos, client.ALPN = []string{"h3-other", "h3"}, []string{"h3", "h3-other"}
	if c, _ := run(); c.State().EarlyData || !c.had(QUICRejectedEarlyData) {
		t.Error("0-RTT data is accepted under another protocol")
	}
}

// TestQUICWithStandardClient: the client of crypto/tls and our server, in the same ways.
func TestQUICWithStandardClient(t *testing.T) {
	client, server := quicConfigs(t)
	cfg := standardConfig(newCredential(t, nil), client)
	accept := true
	run := func() (*standardQUIC, *ownQUIC) {
		conn := tls.QUICClient(&tls.QUICConfig{TLSConfig: cfg, EnableSessionEvents: true})
		c := &standardQUIC{QUICConn: conn}
		c.SetTransportParameters([]byte("theirs"))
		s := newOwnQUIC(t, server, false, QUICOptions{
			TransportParameters: []byte("ours"),
			AcceptEarly:         func(old *Session) bool { return accept && string(old.Extra) == "y" },
		})
		openQUIC(t, c, s)
		if string(c.params) != "ours" || string(s.params) != "theirs" {
			t.Errorf("transport parameters %q and %q", c.params, s.params)
		}
		err := s.SendTicket(QUICTicket{EarlyData: true, Extra: []byte("y")})
		if err := errors.Join(err, s.drain(), pumpQUIC(c, s, 99)); err != nil {
			t.Fatal(err)
		}
		return c, s
	}
	run()
	c, s := run()
	if !c.ConnectionState().DidResume || !s.State().EarlyData ||
		string(c.write[QUICEarly]) != string(s.read[QUICEarly]) {
		t.Error("0-RTT data is not accepted")
	}
	accept = false
	if c, s := run(); s.State().EarlyData || !s.State().Resumed || !c.had(QUICRejectedEarlyData) {
		t.Error("0-RTT data is not refused")
	}
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	cfg.CurvePreferences = []tls.CurveID{tls.CurveP256, tls.CurveP384}
	server.Groups = []iana.NamedGroup{iana.SecP384r1}
	server.ClientAuth, server.Verifier = RequireClientCert, acceptAll{}
	_, s = run()
	chain := s.State().PeerChain
	if !s.State().Retried || len(chain) != 1 {
		t.Fatal("no HelloRetryRequest, or no certificate of the client")
	}
	if _, err := x509.ParseCertificate(chain[0]); err != nil {
		t.Error(err)
	}
}
