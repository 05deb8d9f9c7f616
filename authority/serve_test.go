package authority

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/sealsock/sealsock/all"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/trust/fetch"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// served is an authority whose services run.
func served(t *testing.T, o Options, acme *ACME) (*Authority, *httptest.Server) {
	t.Helper()
	a := newAuthority(t, o)
	s := httptest.NewServer(a.Handler(acme))
	t.Cleanup(s.Close)
	if err := a.SetURL(s.URL); err != nil {
		t.Fatal(err)
	}
	return a, s
}

// TestRevokedByOwnServices has package trust ask our responder and fetch our
// list, about servers and clients, the leaf and the whole chain.
func TestRevokedByOwnServices(t *testing.T) {
	for _, algorithm := range []Algorithm{ECDSAP256, ECDSAP384, Ed25519, RSA2048, MLDSA44, MLDSA65, MLDSA87} {
		a, s := served(t, Options{Algorithm: algorithm}, nil)
		request := Request{Names: []string{"node.lan"}, Client: true, Server: true, Algorithm: algorithm}
		good, _, err := a.Issue(request)
		if err != nil {
			t.Fatal(err)
		}
		bad, record, err := a.Issue(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Revoke(record.Serial, ReasonKeyCompromise); err != nil {
			t.Fatal(err)
		}
		roots := new(trust.Roots)
		if _, err := roots.AddPEM(a.RootPEM()); err != nil {
			t.Fatal(err)
		}
		for source, transport := range map[string]http.RoundTripper{"OCSP " + s.URL + "/ocsp": nil, "CRL " + s.URL + "/crl": withoutOCSP{}} {
			for _, server := range []bool{true, false} {
				p := trust.Policy{Roots: roots, Revocation: &trust.Revocation{Mode: trust.RevocationRequire, Fetcher: fetch.HTTP{Transport: transport}, NonceRequired: true, WholeChain: true}}
				peer := &trust.Peer{Server: server, Name: "node.lan", Chain: good.Chain}
				result, err := p.Verify(context.Background(), peer)
				if err != nil || len(result.Revocation) != 2 || result.Revocation[0].Source != source || result.Revocation[1].Status != trust.RevocationGood {
					t.Fatalf("%s, server %v: %+v, %v", algorithm, server, result, err)
				}
				peer.Chain = bad.Chain
				_, err = p.Verify(context.Background(), peer)
				var e *trust.Error
				if !errors.As(err, &e) || e.Code != trust.CodeRevoked || !strings.Contains(err.Error(), "key compromise") {
					t.Errorf("%s, server %v, %s: %v", algorithm, server, source, err)
				}
			}
		}
	}
}

// withoutOCSP loses requests to responders.
type withoutOCSP struct{}

func (withoutOCSP) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		return nil, errors.New("lost")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestOpenSSLAsks has OpenSSL's client ask our responder.
func TestOpenSSLAsks(t *testing.T) {
	peers.Need(t, "openssl")
	a, s := served(t, Options{}, nil)
	dir := t.TempDir()
	for name, revoke := range map[string]bool{"good": false, "revoked": true} {
		id, record, err := a.Issue(Request{Names: []string{"localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		if revoke {
			if _, err := a.Revoke(record.Serial, ReasonSuperseded); err != nil {
				t.Fatal(err)
			}
		}
		writeChain(t, dir, a, id)
		for _, hash := range []string{"-sha1", "-sha256"} {
			out, err := exec.Command("openssl", "ocsp", "-issuer", filepath.Join(dir, "inter.pem"), hash, "-cert", filepath.Join(dir, "leaf.pem"),
				"-url", s.URL+"/ocsp", "-CAfile", filepath.Join(dir, "root.pem"), "-VAfile", filepath.Join(dir, "inter.pem")).CombinedOutput()
			text := string(out)
			if err != nil || !strings.Contains(text, "Response verify OK") || !strings.Contains(text, "leaf.pem: "+name) || strings.Contains(text, "WARNING") {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
		}
	}
	// The intermediate, about which the root answers.
	out, err := exec.Command("openssl", "ocsp", "-issuer", filepath.Join(dir, "root.pem"), "-cert", filepath.Join(dir, "inter.pem"),
		"-url", s.URL+"/ocsp", "-CAfile", filepath.Join(dir, "root.pem"), "-VAfile", filepath.Join(dir, "root.pem")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "inter.pem: good") {
		t.Errorf("intermediate: %v\n%s", err, out)
	}
}

func TestServices(t *testing.T) {
	a, s := served(t, Options{}, nil)
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := ocsp.CreateRequest(id.Leaf, a.Intermediate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/root.pem": string(a.RootPEM()), "/root.cer": string(a.Root().Raw), "/intermediate.cer": string(a.Intermediate().Raw),
	} {
		if body, status := get(t, s.URL+path); status != 200 || body != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, form := range []string{base64.StdEncoding.EncodeToString(request), url.PathEscape(base64.StdEncoding.EncodeToString(request)), url.QueryEscape(base64.StdEncoding.EncodeToString(request))} {
		body, status := get(t, s.URL+"/ocsp/"+form)
		if r, err := ocsp.ParseResponseForCert([]byte(body), id.Leaf, a.Intermediate()); status != 200 || err != nil || r.Status != ocsp.Good {
			t.Errorf("GET: %d, %v", status, err)
		}
	}
	first, status := get(t, s.URL+"/crl")
	again, _ := get(t, s.URL+"/crl")
	if status != 200 || first != again {
		t.Error("the list is made anew for everyone who asks")
	}
	if roots, status := get(t, s.URL+"/root.crl"); status != 200 || roots == first {
		t.Error("the root's list is not its own")
	}
	for path, want := range map[string]int{"/": 404, "/ocsp/%%%": 400, "/ocsp/!!": 400, "/ocsp": 405, "/acme/directory": 404} {
		if path == "/ocsp/%%%" {
			continue // no client sends that
		}
		if _, status := get(t, s.URL+path); status != want {
			t.Errorf("%s: %d, expected %d", path, status, want)
		}
	}
	large, err := http.Post(s.URL+"/ocsp", "application/ocsp-request", bytes.NewReader(make([]byte, maxRequest+1)))
	if err != nil {
		t.Fatal(err)
	}
	large.Body.Close()
	if large.StatusCode != 400 {
		t.Errorf("large request: %d", large.StatusCode)
	}
}

func get(t *testing.T, address string) (string, int) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), r.StatusCode
}

func TestResponderRefuses(t *testing.T) {
	a, b := newAuthority(t, Options{}), newAuthority(t, Options{})
	id, _, err := b.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	strange, err := ocsp.CreateRequest(id.Leaf, b.Intermediate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := ocsp.CreateRequest(id.Leaf, a.Intermediate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Respond(strange); !bytes.Equal(got, unauthorized) {
		t.Errorf("another authority's: %x", got)
	}
	if got := a.Respond([]byte("x")); !bytes.Equal(got, malformedRequest) {
		t.Errorf("garbage: %x", got)
	}
	r, err := ocsp.ParseResponseForCert(a.Respond(unknown), id.Leaf, a.Intermediate())
	if err != nil || r.Status != ocsp.Unknown {
		t.Errorf("a number that was never given: %+v, %v", r, err)
	}
	if time.Until(r.NextUpdate) > ResponseLifetime {
		t.Errorf("next update %v", r.NextUpdate)
	}
}

// TestNonceLengths follows RFC 9654, Section 2.1: a nonce of 1 to 128 bytes is repeated, and a
// request with another is malformed.
func TestNonceLengths(t *testing.T) {
	a := newAuthority(t, Options{})
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ocsp.CreateRequest(id.Leaf, a.Intermediate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for length, ok := range map[int]bool{0: false, 1: true, 32: true, 127: true, 128: true, 129: false} {
		request := withNonce(t, plain, bytes.Repeat([]byte{7}, length))
		got := a.Respond(request)
		if !ok {
			if !bytes.Equal(got, malformedRequest) {
				t.Errorf("%d bytes: %d bytes of response", length, len(got))
			}
			continue
		}
		if _, err := ocsp.ParseResponseForCert(got, id.Leaf, a.Intermediate()); err != nil ||
			!bytes.Contains(got, bytes.Repeat([]byte{7}, length)) || !bytes.Contains(got, []byte(oidNonce)) {
			t.Errorf("%d bytes: not repeated; %v", length, err)
		}
	}
}

// withNonce adds a nonce to a request.
func withNonce(t *testing.T, plain, nonce []byte) []byte {
	t.Helper()
	in := cryptobyte.String(plain)
	var outer, body cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&body, asn1.SEQUENCE) {
		t.Fatal("a request of another form")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(body)
			b.AddASN1(asn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.OBJECT_IDENTIFIER,
							func(b *cryptobyte.Builder) { b.AddBytes([]byte(oidNonce)) })
						b.AddASN1(asn1.OCTET_STRING,
							func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
					})
				})
			})
		})
	})
	return b.BytesOrPanic()
}

func FuzzRespond(f *testing.F) {
	a := newAuthority(f, Options{})
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		f.Fatal(err)
	}
	request, err := ocsp.CreateRequest(id.Leaf, a.Intermediate(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request)
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		if response := a.Respond(der); len(response) < 5 || response[0] != 0x30 {
			t.Errorf("%x", response)
		}
	})
}

func TestExport(t *testing.T) {
	a := newAuthority(t, Options{})
	for form, want := range map[string]int{"": 1, "pem": 1, "chain": 2} {
		data, err := a.Export(form)
		if err != nil || bytes.Count(data, []byte("BEGIN CERTIFICATE")) != want {
			t.Errorf("%q: %v", form, err)
		}
	}
	if der, err := a.Export("der"); err != nil || !bytes.Equal(der, a.Root().Raw) {
		t.Error(err)
	}
	if _, err := a.Export("jks"); err == nil {
		t.Error("jks was exported")
	}
}
