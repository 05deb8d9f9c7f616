package engine

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// However a value with a secret in it is printed or logged, alone or inside
// another, the output must not contain the secret.
func TestSecretsNeverPrint(t *testing.T) {
	const secret = "SECRETSECRETSECRETSECRETSECRETSE"
	session := Session{Version: iana.TLS13, secret: hide([]byte(secret))}
	psk := *NewPSK([]byte("device"), []byte(secret))
	cred := Credential{Signer: NewSigner(ed25519.NewKeyFromSeed([]byte(secret)))}
	delegated := Delegated{Signer: cred.Signer}
	for _, v := range []any{
		session, &session, psk, &psk, cred, &cred, delegated, &delegated,
		[]PSK{psk}, []*PSK{&psk}, map[string]Session{"x": session}, struct{ P PSK }{psk}, struct{ C Credential }{cred},
		struct{ p PSK }{psk}, struct{ s Session }{session}, [1]struct{ p PSK }{{psk}},
		config{PSKs: []*PSK{&psk}, Session: &session, Credentials: []*Credential{&cred}},
	} {
		var b bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%c", "%e", "%t", "%U", "%b"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), "83 69 67 82 69 84", "0x53, 0x45, 0x43", "123 105 103 122"} {
			if strings.Contains(b.String(), form) {
				t.Errorf("%T prints its secret", v)
			}
		}
	}
	for _, v := range []any{
		session, &session, psk, &psk, struct{ P PSK }{psk},
		cred, &cred, delegated, &delegated, []Delegated{delegated},
	} {
		b, err := json.Marshal(v)
		if err != nil || bytes.Contains(b, []byte("U0VDUkVU")) {
			t.Errorf("%T gives its secret to JSON: %v", v, err)
		}
	}
}
