package engine

import (
	"crypto"
	"errors"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// TestUnsetSecretIsNone: a secret that is empty or all zeros is a variable that was
// never set, wherever it comes from. Anyone knows it, so it must not be used.
func TestUnsetSecretIsNone(t *testing.T) {
	zero := NewPSK([]byte("device"), make([]byte, 32))
	if _, _, err := startClient(&config{PSKs: []*PSK{zero}}); !misused(err) {
		t.Errorf("a client takes a key of zeros: %v", err)
	}
	if _, err := zero.Import(nil, crypto.SHA256); !misused(err) {
		t.Errorf("a key of zeros is imported: %v", err)
	}
	set := NewPSK(zero.Identity, []byte("a key"))
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		c, s := newPair(t, &config{PSKs: []*PSK{set}, MaxVersion: version},
			&config{FindPSK: func([]byte) (*PSK, error) { return zero, nil }, MaxVersion: version})
		if err := pump(c, s); !misused(err) {
			t.Errorf("%v: a server takes a key of zeros: %v", version, err)
		}
	}
	c, s := newPair(t,
		&config{SelectPSK: func([]byte) (*PSK, error) { return zero, nil }, MaxVersion: iana.TLS12},
		&config{FindPSK: func([]byte) (*PSK, error) { return set, nil }, MaxVersion: iana.TLS12})
	if err := pump(c, s); !misused(err) {
		t.Errorf("a client selects a key of zeros: %v", err)
	}
	noECH := &config{Credentials: []*Credential{newCredential(t, nil)}, ECHKeys: []*ECHKey{{}}}
	if _, _, err := startServer(noECH); !misused(err) {
		t.Errorf("a server takes an ECHKey without a key: %v", err)
	}
}

func misused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Fault == FaultUsage
}

// TestSessionWithoutSecret: a session that was not made by this package, or was
// damaged, has no secret. It is not offered and not resumed, and cannot be parsed.
func TestSessionWithoutSecret(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, secret := range [][]byte{nil, make([]byte, 48)} {
			for _, role := range []string{"client", "server"} {
				client, server := resumableAt(t, version)
				bare := *client.Session
				bare.secret = hide(secret)
				if role == "client" {
					client.Session = &bare
				} else {
					server.Tickets = oneSession{&bare}
				}
				c, s := newPair(t, client, server)
				if err := pump(c, s); err != nil {
					t.Fatal(err)
				}
				if c.r.State().Resumed || s.r.State().Resumed {
					t.Errorf("%v: a session with the secret %x is resumed by the %s", version, secret, role)
				}
				raw, err := bare.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := ParseSession(raw); err == nil {
					t.Errorf("a session with the secret %x is parsed", secret)
				}
			}
		}
	}
}

// oneSession is Tickets that have one session for each ticket.
type oneSession struct{ session *Session }

func (o oneSession) Issue(*Session) ([]byte, error)  { return []byte("a ticket"), nil }
func (o oneSession) Redeem([]byte) (*Session, error) { return o.session, nil }

// resumableAt is resumable for a version.
func resumableAt(t *testing.T, version iana.Version) (client, server *config) {
	t.Helper()
	now := func() time.Time { return time.Unix(1_000_000_000, 0) }
	client = &config{Verifier: acceptAll{}, Now: now, ServerName: "example.com", MaxVersion: version}
	server = &config{Credentials: []*Credential{newCredential(t, nil)}, Now: now, Tickets: newMemory()}
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	client.Session = c.sessions[0]
	return client, server
}
