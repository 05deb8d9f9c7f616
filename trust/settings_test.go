package trust

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"crypto/x509"
	encodingasn1 "encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/peers"
)

// TestTrustSettings has OpenSSL write settings into roots and intermediates, and
// compares what it decides for each purpose with what we decide, from a file and from
// a hashed directory.
func TestTrustSettings(t *testing.T) {
	peers.Need(t, "openssl")
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) {
		c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	})
	for _, flags := range []string{
		"", "-addreject serverAuth", "-addreject clientAuth",
		"-addreject serverAuth -addreject clientAuth", "-addtrust serverAuth", "-addtrust clientAuth",
		"-addtrust emailProtection", "-addreject emailProtection",
		"-addtrust anyExtendedKeyUsage", "-addreject anyExtendedKeyUsage",
		"-addtrust serverAuth -addreject serverAuth", "-addtrust clientAuth -addreject serverAuth",
		"-addtrust serverAuth -setalias x", "-addreject serverAuth -setalias x",
	} {
		for _, set := range []struct {
			name    string
			trusted *node
			plain   []*node
		}{
			{"root", h.root, nil},
			{"intermediate", h.inter, []*node{h.root}},
			{"end of a partial chain", h.inter, nil},
		} {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "in.pem"), pemOf(set.trusted))
			file := filepath.Join(dir, "ca.pem")
			args := []string{"x509", "-in", filepath.Join(dir, "in.pem"), "-trustout", "-out", file}
			openssl(t, append(args, strings.Fields(flags)...)...)
			text := read(t, file)
			for _, n := range set.plain {
				text = append(text, pemOf(n)...)
			}
			write(t, file, text)
			compareSettings(t, h, fmt.Sprintf("%s %q", set.name, flags), file)
		}
	}
}

// compareSettings asks both sides for both purposes.
func compareSettings(t *testing.T, h house, name, file string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "leaf.pem"), pemOf(h.leaf))
	write(t, filepath.Join(dir, "inter.pem"), pemOf(h.inter))
	hashed := t.TempDir()
	write(t, filepath.Join(hashed, "00000000.0"), nil)
	for rest := read(t, file); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		der, _, err := parseTrusted(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		hash, _ := nameHash(c.RawSubject)
		write(t, filepath.Join(hashed, fmt.Sprintf("%08x.0", hash)), pem.EncodeToMemory(block))
	}
	fromFile, fromDir := new(Roots), new(Roots)
	if _, err := fromFile.AddFile(file); err != nil {
		t.Fatal(err)
	}
	if _, err := fromDir.AddDir(hashed); err != nil {
		t.Fatal(err)
	}
	for _, purpose := range []string{"sslserver", "sslclient"} {
		theirs := exec.Command("openssl", "verify", "-attime", strconv.FormatInt(noon.Unix(), 10),
			"-purpose", purpose, "-CAfile", file, "-untrusted", filepath.Join(dir, "inter.pem"),
			filepath.Join(dir, "leaf.pem"))
		out, err := theirs.CombinedOutput()
		for source, roots := range map[string]*Roots{
			"file": fromFile, "folder": fromDir, "clone": fromFile.Clone(),
		} {
			peer := h.peer()
			if peer.Server = purpose == "sslserver"; !peer.Server {
				peer.Name = ""
			}
			for range 2 { // the second time from memory
				_, ours := (&Policy{Roots: roots}).Verify(context.Background(), peer)
				if (ours == nil) != (err == nil) {
					t.Errorf("%s, %s, %s: we decide %v, OpenSSL %s", name, purpose, source, ours, out)
				}
				var e *Error
				rejected := bytes.Contains(out, []byte("error 28 "))
				if ours != nil && (!errors.As(ours, &e) || (e.Code == CodeDistrusted) != rejected) {
					t.Errorf("%s, %s, %s: the reason is %v, OpenSSL's %s", name, purpose, source, ours, out)
				}
			}
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSettingsHoldTwice adds a root with settings and without, in both orders.
func TestSettingsHoldTwice(t *testing.T) {
	h := newHouse(t)
	reject := []byte{0x30, 0x0c, 0xa0, 0x0a, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1}
	with := func(settings []byte) []byte {
		der := append(bytes.Clone(h.root.Raw), settings...)
		return pem.EncodeToMemory(&pem.Block{Type: trustedBlock, Bytes: der})
	}
	block := with(reject)
	for name, texts := range map[string][][]byte{
		"before": {block, pemOf(h.root)}, "after": {pemOf(h.root), block},
		"any purpose": {block}, "twice": {block, block},
	} {
		p := Policy{Roots: new(Roots)}
		if name == "any purpose" {
			p.Purpose = PurposeAny
		}
		if name == "after" { // a path is remembered by the time that the settings come
			if _, err := p.Roots.AddPEM(texts[0]); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Verify(context.Background(), h.peer()); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range texts {
			if _, err := p.Roots.AddPEM(text); err != nil {
				t.Fatal(err)
			}
		}
		_, err := p.Verify(context.Background(), h.peer())
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeDistrusted ||
			!e.Certificate.Equal(h.root.Certificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tail := range map[string][]byte{
		"cut": reject[:5], "another type": {4, 0}, "something behind": append(bytes.Clone(reject), 5, 0),
		"no identifier": {0x30, 4, 0xa0, 2, 5, 0}, "unknown field": {0x30, 2, 0xa7, 0},
	} {
		if n, err := new(Roots).AddPEM(with(tail)); n != 0 || err == nil {
			t.Errorf("settings with %s: %d, %v", name, n, err)
		}
	}
}

// TestSettingsOfTheSameCertificate has an intermediate that is rejected, and a peer that
// sends it with another signature of the same authority.
func TestSettingsOfTheSameCertificate(t *testing.T) {
	h := newHouse(t)
	reject := []byte{0x30, 0x0c, 0xa0, 0x0a, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1}
	block := pem.EncodeToMemory(&pem.Block{Type: trustedBlock,
		Bytes: append(bytes.Clone(h.inter.Raw), reject...)})
	p := Policy{Roots: rootsOf(t, h.root)}
	if _, err := p.Roots.AddPEM(block); err != nil {
		t.Fatal(err)
	}
	var signature struct{ R, S *big.Int }
	if _, err := encodingasn1.Unmarshal(h.inter.Signature, &signature); err != nil {
		t.Fatal(err)
	}
	signature.S.Sub(elliptic.P256().Params().N, signature.S)
	other, err := encodingasn1.Marshal(signature)
	if err != nil {
		t.Fatal(err)
	}
	all := element(asn1.SEQUENCE, h.inter.RawTBSCertificate,
		element(asn1.SEQUENCE, []byte("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")),
		element(asn1.BIT_STRING, []byte{0}, other))
	peer := h.peer()
	peer.Chain = [][]byte{h.leaf.Raw, all}
	_, err = p.Verify(context.Background(), peer)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeDistrusted {
		t.Errorf("an intermediate with another signature: %v", err)
	}
	plain := Policy{Roots: rootsOf(t, h.root)}
	if _, err := plain.Verify(context.Background(), peer); err != nil {
		t.Errorf("the signature: %v", err)
	}
}

// TestSettingsThatCannotBeRead has a root in two files: one with settings that cannot be
// read, and one without settings.
func TestSettingsThatCannotBeRead(t *testing.T) {
	h := newHouse(t)
	block := pem.EncodeToMemory(&pem.Block{Type: trustedBlock,
		Bytes: append(bytes.Clone(h.root.Raw), 0x30, 2, 0xa7, 0)})
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.pem"), block)
	write(t, filepath.Join(dir, "b.pem"), pemOf(h.root))
	p := Policy{Roots: new(Roots)}
	if n, err := p.Roots.AddDir(dir); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	_, err := p.Verify(context.Background(), h.peer())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeDistrusted {
		t.Errorf("%v", err)
	}
}

// FuzzParseTrusted reads OpenSSL's settings.
func FuzzParseTrusted(f *testing.F) {
	f.Add([]byte{0x30, 0, 0x30, 0x0c, 0xa0, 0x0a, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1})
	f.Add([]byte{0x30, 0, 0x30, 0x0a, 0x30, 3, 6, 1, 1, 0x0c, 1, 'a', 4, 0})
	f.Fuzz(func(t *testing.T, block []byte) {
		der, s, err := parseTrusted(block)
		signedPart(der)
		if err == nil && len(der) > len(block) {
			t.Error("a certificate from nowhere")
		}
		if err == nil && s == nil && len(der) != len(block) {
			t.Error("settings are dropped")
		}
	})
}
