package engine

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// TestQUICSecretsOfOneRTT: a client has no secret of 1-RTT before its handshake is complete,
// even if it has all that it needs for one, and none to read with after Encrypted ClientHello
// was rejected.
// A server has the one for sending early, and the other with the client's Finished. RFC 9001,
// Section 5.7.
func TestQUICSecretsOfOneRTT(t *testing.T) {
	client, server := quicConfigs(t)
	cred := newCredential(t, nil)
	client.SelectCredential = func(*CredentialRequest) (*Credential, error) { return nil, ErrPending }
	server.ClientAuth, server.Verifier = RequireClientCert, acceptAll{}
	c, s := newQUICPair(t, client, server)
	must(t, s.start(), c.start(), pumpQUIC(c, s, 1<<20))
	if c.question == nil {
		t.Fatal("no question")
	}
	if c.read[QUICApplication] != nil || c.write[QUICApplication] != nil {
		t.Error("the client has secrets of 1-RTT before its handshake is complete")
	}
	if s.read[QUICApplication] != nil || s.write[QUICApplication] == nil {
		t.Error("the server has other secrets of 1-RTT than that for sending")
	}
	must(t, c.Resume(c.question.(*CredentialRequest).Show(cred)), c.drain())
	done := slices.Index(c.kinds, QUICHandshakeDone)
	if c.read[QUICApplication] == nil || c.write[QUICApplication] == nil || done < 0 ||
		slices.Contains(c.kinds[done:], QUICSetReadSecret) {
		t.Errorf("events %v", c.kinds)
	}
	must(t, pumpQUIC(c, s, 1<<20))
	if !bytes.Equal(c.read[QUICApplication], s.write[QUICApplication]) ||
		!bytes.Equal(c.write[QUICApplication], s.read[QUICApplication]) {
		t.Error("other secrets of 1-RTT")
	}

	client, server = quicConfigs(t)
	client.ECHConfigs = echConfigs(t, newECHKey(t, 1))
	server.ECHKeys = []*ECHKey{newECHKey(t, 2)}
	c, s = newQUICPair(t, client, server)
	must(t, s.start(), c.start())
	var rejected *ECHRejectedError
	if err := pumpQUIC(c, s, 1<<20); !errors.As(err, &rejected) {
		t.Fatal(err)
	}
	// The other one protects its CONNECTION_CLOSE: a server may have no older key by then.
	if c.read[QUICApplication] != nil || c.write[QUICApplication] == nil {
		t.Error("a client has other secrets of 1-RTT than that for sending after the rejection " +
			"of Encrypted ClientHello")
	}
}

// TestQUICRefusesByType: a message of a type that is not awaited is refused by its header, so
// that a peer cannot make this side keep a part of it for as long as the connection lives.
func TestQUICRefusesByType(t *testing.T) {
	client, server := quicConfigs(t)
	for _, toClient := range []bool{false, true} {
		c, s := newQUICPair(t, client, server)
		openQUIC(t, c, s)
		to := s
		if toClient {
			to = c
		}
		err := to.HandleData(QUICApplication, []byte{byte(iana.HandshakeKeyUpdate), 1, 0, 0})
		if QUICErrorCode(err) != 0x010a {
			t.Errorf("to the client %v: code %#x: %v", toClient, QUICErrorCode(err), err)
		}
	}
	_, s := newQUICPair(t, client, server)
	err := s.HandleData(QUICInitial, []byte{byte(iana.HandshakeServerHello), 0, 0xff, 0})
	if QUICErrorCode(err) != 0x010a {
		t.Errorf("in place of a ClientHello: code %#x: %v", QUICErrorCode(err), err)
	}
}

// TestQUICNothingBehindClientHello: nothing is kept behind a ClientHello while a server waits
// for an answer, nor before a client has sent its own: it could not be in order.
func TestQUICNothingBehindClientHello(t *testing.T) {
	client, server := quicConfigs(t)
	client.Session = quicSession(t, client, server, QUICTicket{})
	server.ForClient = func(*ClientHelloInfo) (*Config, error) { return nil, ErrPending }
	c, s := newQUICPair(t, client, server)
	must(t, c.start(), s.handle(c.out[0]))
	if err := s.HandleData(QUICInitial, []byte{1}); QUICErrorCode(err) != 0x0a {
		t.Errorf("behind a ClientHello: code %#x: %v", QUICErrorCode(err), err)
	}
	client.Verifier = pendingVerifier{}
	c, _ = newQUICPair(t, client, server)
	must(t, c.start())
	if c.question == nil || len(c.out) > 0 {
		t.Fatal("no question before the ClientHello")
	}
	if err := c.HandleData(QUICInitial, []byte{2}); QUICErrorCode(err) != 0x0a {
		t.Errorf("in front of a ClientHello: code %#x: %v", QUICErrorCode(err), err)
	}
}
