package trust

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/peers"
)

// TestCodesAreOpenSSLs gives OpenSSL the same peers, and requires the same number
// for what is wrong with each.
func TestCodesAreOpenSSLs(t *testing.T) {
	peers.Need(t, "openssl")
	h := newHouse(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	flat := issue(t, h.root, nil, authority("Flat"), func(c *x509.Certificate) { c.MaxPathLenZero = true })
	below := issue(t, flat, nil, authority("Below"))
	tight := issue(t, h.root, nil, authority("Tight"), func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.net"} })
	narrow := issue(t, h.root, nil, authority("Narrow"), func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"example.org"} })
	stranger := newHouse(t)
	noCA := issue(t, h.inter, nil, server("middle.example.org"))
	twin := issue(t, nil, nil, authority("Test Root"))
	leaf := func(by *node, changes ...change) *node {
		return issue(t, by, nil, append([]change{server("example.org")}, changes...)...)
	}
	forged := leaf(h.inter)
	forged.Raw = bytes.Clone(forged.Raw)
	forged.Raw[len(forged.Raw)-1] ^= 1
	older := dates(noon.AddDate(-3, 0, 0), noon.AddDate(-2, 0, 0))
	lists := func(all ...[]byte) [][]byte { return all }
	for name, tc := range map[string]struct {
		leaf  *node
		rest  []*node
		flags []string
		lists [][]byte
		code  Code
	}{
		"expired":              {leaf(h.inter, older), []*node{h.inter}, nil, nil, CodeExpired},
		"not yet valid":        {leaf(h.inter, dates(noon.AddDate(1, 0, 0), noon.AddDate(2, 0, 0))), []*node{h.inter}, nil, nil, CodeNotYetValid},
		"self-signed":          {leaf(nil), nil, nil, nil, CodeSelfSigned},
		"untrusted root":       {leaf(stranger.root), []*node{stranger.root}, nil, nil, CodeSelfSignedInChain},
		"unknown root":         {leaf(issue(t, nil, nil, authority("Other"))), nil, nil, nil, CodeUnknownAuthority},
		"missing intermediate": {leaf(h.inter), nil, nil, nil, CodeUnknownAuthority},
		"twin of the root":     {leaf(twin), nil, nil, nil, CodeUnknownAuthority},
		"changed":              {forged, []*node{h.inter}, nil, nil, CodeBadSignature},
		"name":                 {issue(t, h.inter, nil, server("example.net")), []*node{h.inter}, []string{"-verify_hostname", "example.org"}, nil, CodeNameMismatch},
		"purpose":              {issue(t, h.inter, nil, client("example.org")), []*node{h.inter}, []string{"-purpose", "sslserver"}, nil, CodePurpose},
		"not permitted":        {leaf(tight), []*node{tight}, nil, nil, CodeNameConstraint},
		"path length":          {leaf(below), []*node{below, flat}, nil, nil, CodePathLength},
		"no authority":         {leaf(noCA), []*node{noCA, h.inter}, nil, nil, CodeNotAuthority},
		"weak key":             {issue(t, h.inter, weak, server("example.org")), []*node{h.inter}, []string{"-auth_level", "2"}, nil, CodeWeakKey},
		"critical":             {leaf(h.inter, critical), []*node{h.inter}, nil, nil, CodeUnhandledExtension},
		"revoked":              {h.leaf, []*node{h.inter}, []string{"-crl_check"}, lists(makeList(t, h.inter, revoke(h.leaf, 1))), CodeRevoked},
		"list expired":         {h.leaf, []*node{h.inter}, []string{"-crl_check"}, lists(makeList(t, h.inter, func(l *x509.RevocationList) { l.NextUpdate = noon.Add(-time.Hour) })), CodeCRLExpired},
		"list of tomorrow":     {h.leaf, []*node{h.inter}, []string{"-crl_check"}, lists(makeList(t, h.inter, func(l *x509.RevocationList) { l.ThisUpdate = noon.Add(time.Hour) })), CodeCRLNotYetValid},
		"no list":              {h.leaf, []*node{h.inter}, []string{"-crl_check"}, lists(), CodeRevocationUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := opensslCode(t, h.root, tc.leaf, tc.rest, tc.flags, tc.lists)
			p := Policy{Roots: rootsOf(t, h.root)}
			if len(tc.flags) > 0 && tc.flags[0] == "-crl_check" {
				set := new(Lists)
				for _, der := range tc.lists {
					if _, err := set.AddBytes(der); err != nil {
						t.Fatal(err)
					}
				}
				p.Revocation = &Revocation{Mode: RevocationRequire, NoFetch: true, Lists: set}
			}
			peer := &Peer{Server: true, Name: "example.org", Chain: chainOf(append([]*node{tc.leaf}, tc.rest...)...), Now: noon}
			_, err := p.Verify(context.Background(), peer)
			var e *Error
			if !errors.As(err, &e) || e.Code != tc.code {
				t.Fatalf("%v, expected %v", err, tc.code)
			}
			if ours := e.Code.OpenSSL(); ours != theirs {
				t.Errorf("our number is %d, OpenSSL's is %d", ours, theirs)
			}
		})
	}
	// Where names are excluded OpenSSL has a number of its own; our code is the
	// same as for names that are not permitted.
	if got := opensslCode(t, h.root, leaf(narrow), []*node{narrow}, nil, nil); got != 48 {
		t.Errorf("excluded: OpenSSL says %d", got)
	}
}

// opensslCode returns the number of the first error of `openssl verify`.
func opensslCode(t *testing.T, root, leaf *node, rest []*node, flags []string, lists [][]byte) int {
	t.Helper()
	dir := t.TempDir()
	var untrusted, crls []byte
	for _, n := range rest {
		untrusted = append(untrusted, pemOf(n)...)
	}
	for _, der := range lists {
		crls = append(crls, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	args := []string{"verify", "-attime", fmt.Sprint(noon.Unix()), "-CAfile", write(t, filepath.Join(dir, "root.pem"), pemOf(root))}
	if untrusted != nil {
		args = append(args, "-untrusted", write(t, filepath.Join(dir, "untrusted.pem"), untrusted))
	}
	if crls != nil {
		args = append(args, "-CRLfile", write(t, filepath.Join(dir, "lists.pem"), crls))
	}
	args = append(append(args, flags...), write(t, filepath.Join(dir, "leaf.pem"), pemOf(leaf)))
	out, err := exec.Command("openssl", args...).CombinedOutput()
	found := regexp.MustCompile(`(?m)^error (\d+) at`).FindSubmatch(out)
	if err == nil || found == nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	code, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return code
}
