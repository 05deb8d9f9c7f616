package talk

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/relay"
)

// TestPairKeys: the keys of two pairs differ, and the order of the two matters.
func TestPairKeys(t *testing.T) {
	i := invite(t)
	a, b, c := relay.MemberID{1}, relay.MemberID{2}, relay.MemberID{3}
	seen := make(map[string]bool)
	for _, ends := range [][2]relay.MemberID{{a, b}, {b, a}, {a, c}, {b, c}} {
		psk, err := i.pairKey(ends[0], ends[1])
		if err != nil {
			t.Fatal(err)
		}
		seen[string(psk.Identity)] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d keys, want 4", len(seen))
	}
}

func TestPadding(t *testing.T) {
	for n, want := range map[int]int{0: 256, 1: 256, 256: 256, 257: 512, 1024: 1024, 16000: 16384} {
		if got := n + padding(n); got != want {
			t.Errorf("%d became %d, want %d", n, got, want)
		}
	}
}

// TestIntroduction: a signature counts for its connection, role, number and name alone.
func TestIntroduction(t *testing.T) {
	id := NewIdentity()
	i := &introduction{key: id.Public(), name: "ann"}
	exported := []byte("exported from this connection...")
	i.signature = ed25519.Sign(id.private(), i.signed(framePromise, exported))
	got, err := parseIntroduction(i.append(framePromise), framePromise)
	if err != nil || !ed25519.Verify(got.key, got.signed(framePromise, exported), got.signature) {
		t.Fatal(err)
	}
	renamed, renumbered := *got, *got
	renamed.name = "bob"
	renumbered.random[0]++
	for name, signed := range map[string][]byte{
		"role": got.signed(frameHello, exported), "name": renamed.signed(framePromise, exported),
		"connection": got.signed(framePromise, []byte("another")),
		"number":     renumbered.signed(framePromise, exported),
	} {
		if ed25519.Verify(got.key, signed, got.signature) {
			t.Errorf("the signature counts for another %s", name)
		}
	}
}

// TestPromise: a server cannot reveal another number than the one that it promised.
func TestPromise(t *testing.T) {
	promised := sha256.Sum256(make([]byte, randomSize))
	right := append([]byte{frameReveal}, make([]byte, randomSize)...)
	if _, err := parseReveal(right, promised); err != nil {
		t.Error(err)
	}
	other := bytes.Clone(right)
	other[5] = 1
	for _, b := range [][]byte{other, nil, {frameReveal}, append(other, 0)} {
		if _, err := parseReveal(b, promised); err == nil {
			t.Errorf("%x was accepted", b)
		}
	}
}

func TestIdentityFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "identity.key")
	id, err := LoadIdentity(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadIdentity(file)
	if err != nil || !again.Public().Equal(id.Public()) {
		t.Error("another key", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIdentity(file); err == nil {
		t.Error("a file without a key is no error")
	}
}

// TestEncryptedIdentity: a key that a passphrase encrypts is loaded with it alone, and no file
// keeps it in clear.
func TestEncryptedIdentity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "identity.key")
	id, err := LoadIdentity(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Encrypt(file, nil); err == nil {
		t.Error("an empty passphrase encrypts")
	}
	if err := id.Encrypt(file, []byte("a passphrase")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(b, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----")) {
		t.Errorf("%.40s, %v", b, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	var refused *identity.Error
	_, err = LoadIdentity(file)
	if !errors.As(err, &refused) || refused.Code != identity.CodeEncrypted {
		t.Errorf("without a passphrase: %v", err)
	}
	for passphrase, right := range map[string]bool{"a passphrase": true, "another": false} {
		again, err := LoadIdentity(file, identity.Password(func(string) ([]byte, error) {
			return []byte(passphrase), nil
		}))
		if right != (err == nil) || right && !again.Public().Equal(id.Public()) {
			t.Errorf("%s: %v", passphrase, err)
		}
	}
	if all, _ := os.ReadDir(filepath.Dir(file)); len(all) != 1 {
		t.Errorf("%d files are left", len(all))
	}
}

func TestInvitation(t *testing.T) {
	i, err := NewInvitation("[::1]:4433", "sha256/AAAA")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseInvitation(i.Text() + "\n")
	if err != nil || again.Relay != i.Relay || again.Pin != i.Pin || again.room() != i.room() {
		t.Error(again, err)
	}
	for _, bad := range []string{"a b", "a#b", "", "a\n"} {
		if _, err := NewInvitation(bad, ""); err == nil {
			t.Errorf("%q is an address", bad)
		}
	}
	if (&Invitation{}).Text() != "" || strings.Contains(fmt.Sprintf("%+v", i), i.Text()[40:]) {
		t.Error("it prints")
	}
}

func FuzzIntroduction(f *testing.F) {
	id := NewIdentity()
	i := &introduction{key: id.Public(), name: "ann", signature: make([]byte, 64)}
	f.Add(i.append(framePromise))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := parseIntroduction(b, framePromise)
		if err == nil && !bytes.Equal(i.append(framePromise), b) {
			t.Errorf("%x became %x", b, i.append(framePromise))
		}
	})
}

func FuzzInvitation(f *testing.F) {
	f.Add("sealtalk:relay.test:4433?sha256/x#" + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, text string) {
		i, err := ParseInvitation(text)
		if err == nil && i.Text() != strings.TrimSpace(text) {
			t.Errorf("%q became %q", text, i.Text())
		}
	})
}

// TestLink: a link is an invitation into the same room, over a WebSocket.
func TestLink(t *testing.T) {
	for address, want := range map[string]string{
		"relay.example:4433":                "https://relay.example:4433/#",
		"[2001:db8::1]:4433":                "https://[2001:db8::1]:4433/#",
		"wss://relay.example/relay":         "https://relay.example/#",
		"wss://example.com:8443/talk/relay": "https://example.com:8443/talk/#",
		"wss://relay.example/other":         "",
		"ws://relay.example/relay":          "",
		"tcp://relay.example:1":             "",
	} {
		i, err := NewInvitation(address, "")
		if err != nil {
			t.Fatal(err)
		}
		link := i.Link()
		if link == "" && want == "" {
			continue
		}
		again, err := ParseInvitation(link)
		if err != nil || !strings.HasPrefix(link, want) || again.room() != i.room() {
			t.Errorf("%s: %d bytes, %v", address, len(link), err)
			continue
		}
		if !strings.HasPrefix(again.Relay, "wss://") || again.Link() != link {
			t.Errorf("%s became %s", address, again.Relay)
		}
	}
	secret := strings.Repeat("A", 43)
	for _, bad := range []string{
		"https://", "https:///#" + secret, "https://u:p@host/#" + secret, "http://host/#" + secret,
		"https://host/?x#" + secret, "https://host/#" + secret + "A", "https://host/",
	} {
		if _, err := ParseInvitation(bad); err == nil {
			t.Errorf("%q is an invitation", bad)
		}
	}
}
