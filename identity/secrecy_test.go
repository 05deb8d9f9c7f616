package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/identity"
)

// TestIdentityNeverShowsItsKey prints and encodes an identity whose key is text.
func TestIdentityNeverShowsItsKey(t *testing.T) {
	seed := []byte("SECRETSECRETSECRETSECRETSECRETSE")
	id := identity.Identity{Signer: identity.NewSigner(ed25519.NewKeyFromSeed(seed))}
	for _, v := range []any{id, &id, struct{ ID identity.Identity }{id}, []identity.Identity{id}} {
		var b bytes.Buffer
		for _, verb := range "vscdoqxXUeEfgGtb" { // fmt asks no method for %p
			fmt.Fprintf(&b, "%"+string(verb)+" %#"+string(verb)+"\n", v, v)
		}
		if j, err := json.Marshal(v); err == nil {
			b.Write(j)
		}
		if x, err := xml.Marshal(v); err == nil {
			b.Write(x)
		}
		gob.Register(ed25519.PrivateKey{})
		if err := gob.NewEncoder(&b).Encode(v); err == nil {
			t.Errorf("%T is encoded by gob", v)
		}
		for _, form := range []string{"SECRETSE", "U0VDUkVU", "53454352", "83 69 67 82", "0x53, 0x45"} {
			if strings.Contains(b.String(), form) {
				t.Errorf("%T shows its key as %s", v, form)
			}
		}
	}
}
