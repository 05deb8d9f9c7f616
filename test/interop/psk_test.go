package interop

import (
	"context"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

var externalPSK = &capability{
	name:   "external pre-shared key",
	client: with(clientWithPSK, openssl30, openssl35, gnutls37, gnutls38, nss),
	server: with(serverWithPSK, openssl30, openssl35, gnutls37, gnutls38),
	gaps: []string{
		"selfserv of NSS has an option for it and shows its certificate all the same, also to tstclnt and s_client",
		"Python has callbacks for it from version 3.13 on",
		"Java has no pre-shared keys, and Node none for TLS 1.3",
	},
}

var pskWithoutDHE = &capability{
	name:   "external pre-shared key without key exchange (psk_ke)",
	client: with(clientPSKAlone, gnutls37, gnutls38),
	server: with(serverPSKAlone, gnutls37, gnutls38),
	gaps:   []string{"the others always add a key exchange"},
}

var importedPSK = &capability{
	name:  "imported pre-shared key (RFC 9258)",
	alone: []string{"engine.TestExternalPSK"},
}

// thermometer is the key of both sides.
var thermometer = engine.NewPSK([]byte("thermometer"), []byte(thermometerKey))

const thermometerKey = "thirty-two random bytes, really."

// pskClientArgs and pskServerArgs are a program's options for the key.
func pskClientArgs(p *program, kx string) []string {
	key := hex.EncodeToString([]byte(thermometerKey))
	switch p {
	case gnutls37, gnutls38:
		return []string{"--pskusername", string(thermometer.Identity), "--pskkey", key, "--priority", gnutlsPriority + kx}
	case nss:
		return []string{"-z", "0x" + key + ":" + string(thermometer.Identity)}
	}
	return []string{"-psk", key, "-psk_identity", string(thermometer.Identity)}
}

func pskServerArgs(t *testing.T, p *program, kx string) []string {
	key := hex.EncodeToString([]byte(thermometerKey))
	switch p {
	case gnutls37, gnutls38:
		name := fmt.Sprintf("psk-%x", t.Name())
		write(name, []byte(string(thermometer.Identity)+":"+key+"\n"))
		return []string{"--pskpasswd", file(name), "--priority", gnutlsPriority + kx}
	case nss:
		return []string{"-z", "0x" + key + ":" + string(thermometer.Identity)}
	}
	return []string{"-psk", key, "-psk_identity", string(thermometer.Identity)}
}

const (
	pskAndDHE = ":+ECDHE-PSK:+DHE-PSK:+PSK"
	pskAlone  = ":-KX-ALL:+PSK"
)

func clientWithPSK(t *testing.T, p *program)  { clientPSK(t, p, pskAndDHE, true) }
func clientPSKAlone(t *testing.T, p *program) { clientPSK(t, p, pskAlone, false) }
func serverWithPSK(t *testing.T, p *program)  { serverPSK(t, p, pskAndDHE, true) }
func serverPSKAlone(t *testing.T, p *program) { serverPSK(t, p, pskAlone, false) }

// clientPSK tests a server of the library without a certificate, so that only
// the key can succeed.
func clientPSK(t *testing.T, p *program, kx string, exchange bool) {
	cfg := &sealsock.Config{PSKWithoutDHE: !exchange, FindPSK: func(_ context.Context, identity []byte) (*engine.PSK, error) {
		if string(identity) == string(thermometer.Identity) {
			return thermometer, nil
		}
		return nil, nil
	}}
	if p == nss {
		cfg.NumTickets = -1 // at a ticket after an external key it ends, and reports no error
	}
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error {
		if err := answerLine(p, c); err != nil {
			return err
		}
		return byPSK(c.State(), exchange)
	})
	converse(t, clientArgs(p, port, pskClientArgs(p, kx)...))
	wait()
}

func serverPSK(t *testing.T, p *program, kx string, exchange bool) {
	_, port := serve(t, p, pskServerArgs(t, p, kx)...)
	other := *thermometer
	other.Identity = []byte("another one, which the server does not know")
	cfg := &sealsock.Config{PSKs: []*engine.PSK{&other, thermometer}, PSKOnly: true, PSKWithoutDHE: !exchange}
	if p == gnutls37 || p == gnutls38 {
		cfg.PSKs = cfg.PSKs[1:] // it reports an unknown identity as a wrong key
	}
	call(t, port, cfg, func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		if err := byPSK(c.State(), exchange); err != nil {
			return err
		}
		return goodbye(c)
	})
}

// byPSK reports whether the connection used the key.
func byPSK(s engine.State, exchange bool) error {
	if string(s.PSKIdentity) != string(thermometer.Identity) || s.Resumed || s.PeerChain != nil || s.Version != iana.TLS13 || (s.Group != 0) != exchange {
		return fmt.Errorf("identity %q, resumed %v, %d certificates, %v, group %v", s.PSKIdentity, s.Resumed, len(s.PeerChain), s.Version, s.Group)
	}
	return nil
}
