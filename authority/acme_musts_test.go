package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// signedClient sends requests that acme.Client does not send.
type signedClient struct {
	t       *testing.T
	server  *httptest.Server
	key     *ecdsa.PrivateKey
	jwk     string // in place of the account, if it is set
	account string
	alg     string
}

func newSignedClient(t *testing.T, s *httptest.Server) *signedClient {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signedClient{t: t, server: s, key: key, alg: "ES256"}
}

// open opens an account, with the key in a form of the caller's, or in the usual one.
func (c *signedClient) open(jwk string) (account string, status int) {
	c.t.Helper()
	if c.jwk = jwk; jwk == "" {
		c.jwk = string(rawJWK(c.t, c.key))
	}
	r, _ := c.post("/acme/new-account", "{}")
	c.jwk, c.account = "", r.Header.Get("Location")
	return c.account, r.StatusCode
}

// post sends a payload to a path or URL, and returns the answer and its body in JSON.
func (c *signedClient) post(path, payload string) (*http.Response, map[string]any) {
	c.t.Helper()
	first, err := http.Head(c.server.URL + "/acme/nonce")
	if err != nil {
		c.t.Fatal(err)
	}
	first.Body.Close()
	address := c.server.URL + strings.TrimPrefix(path, c.server.URL)
	header := fmt.Sprintf(`{"alg":%q,"nonce":%q,"url":%q,"kid":%q}`, c.alg,
		first.Header.Get("Replay-Nonce"), address, c.account)
	if c.jwk != "" {
		header = fmt.Sprintf(`{"alg":%q,"nonce":%q,"url":%q,"jwk":%s}`, c.alg,
			first.Header.Get("Replay-Nonce"), address, c.jwk)
	}
	protected := rawBase64.EncodeToString([]byte(header))
	body := rawBase64.EncodeToString([]byte(payload))
	digest := crypto.SHA256.New()
	digest.Write([]byte(protected + "." + body))
	r, s, err := ecdsa.Sign(rand.Reader, c.key, digest.Sum(nil))
	if err != nil {
		c.t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	answer, err := http.Post(address, "application/jose+json", strings.NewReader(fmt.Sprintf(
		`{"protected":%q,"payload":%q,"signature":%q}`, protected, body,
		rawBase64.EncodeToString(signature))))
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var fields map[string]any
	_ = json.Unmarshal(text, &fields) // some have no body
	return answer, fields
}

// registered returns a client with an account.
func registered(t *testing.T, s *httptest.Server) *acme.Client {
	t.Helper()
	client := newClient(t, s.URL, nil)
	client.RetryBackoff = func(int, *http.Request, *http.Response) time.Duration { return -1 }
	if _, err := client.Register(t.Context(), &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	return client
}

// TestOneAccountForAKey opens accounts with one key in other forms. An account that an earlier
// version opened for such a form is none any more.
func TestOneAccountForAKey(t *testing.T) {
	a, s := served(t, Options{}, &ACME{})
	c := newSignedClient(t, s)
	first, status := c.open("")
	if status != http.StatusCreated {
		t.Fatal(status)
	}
	usual := string(rawJWK(t, c.key))
	other := strings.Replace(usual, `"x":"`, `"x":"\n`, 1)
	if again, status := c.open(other); again != first || status != http.StatusOK {
		t.Errorf("with another form of the key: %s, %d", again, status)
	}
	raw, err := readFile((&ACME{authority: a}).accountFile(first[strings.LastIndex(first, "/")+1:]),
		maxAccountFile)
	if err != nil {
		t.Fatal(err)
	}
	alias := rawBase64.EncodeToString(make([]byte, 32))
	if err := writeFile((&ACME{authority: a}).accountFile(alias), raw); err != nil {
		t.Fatal(err)
	}
	c.account = s.URL + "/acme/account/" + alias
	if _, got := c.post("/acme/account/"+alias, ""); got["type"] != errNoAccount.Type {
		t.Errorf("under another name: %v", got)
	}
	key, err := RSA2048.generate()
	if err != nil {
		t.Fatal(err)
	}
	k, err := jwkOf(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	_, want, err := parseJWK(rawJWK(t, key))
	if err != nil {
		t.Fatal(err)
	}
	n, err := rawBase64.DecodeString(k.N)
	if err != nil {
		t.Fatal(err)
	}
	k.N, k.E = rawBase64.EncodeToString(append([]byte{0}, n...)), "AAEAAQ"
	zeros, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := parseJWK(zeros); err != nil || got != want {
		t.Errorf("with zeros in front: %s, %v", got, err)
	}
}

// TestAccountKeyIsNotCertified asks for certificates of keys that accounts have.
func TestAccountKeyIsNotCertified(t *testing.T) {
	m := newMachine(t)
	_, s := served(t, Options{}, &ACME{Dial: m.dial})
	client, other := registered(t, s), registered(t, s)
	o, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs("box.lan"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.prove(t.Context(), client, o.AuthzURLs[0], methodHTTP); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"its own": client.Key, "another's": other.Key} {
		_, _, err := client.CreateOrderCert(t.Context(), o.FinalizeURL, csr(t, key, "box.lan"), true)
		var refused *acme.Error
		if !errors.As(err, &refused) || !strings.HasSuffix(refused.ProblemType, ":badCSR") {
			t.Errorf("with the key of %s account: %v", name, err)
		}
	}
	if _, _, err := client.CreateOrderCert(t.Context(), o.FinalizeURL, csr(t, nil, "box.lan"),
		true); err != nil {
		t.Errorf("with a key of its own then: %v", err)
	}
}

// TestAccountDeactivated deactivates an account: its key is of no use from then on.
func TestAccountDeactivated(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	c := newSignedClient(t, s)
	account, _ := c.open("")
	for payload, want := range map[string]string{"": "valid", `{"contact":[]}`: "valid"} {
		if r, got := c.post(account, payload); r.StatusCode != http.StatusOK || got["status"] != want {
			t.Errorf("%q: %d, %v", payload, r.StatusCode, got)
		}
	}
	stranger := newSignedClient(t, s)
	others, _ := stranger.open("")
	if r, _ := c.post(others, `{"status":"deactivated"}`); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("another's account: %d", r.StatusCode)
	}
	r, got := c.post(account, `{"status":"deactivated"}`)
	if r.StatusCode != http.StatusOK || got["status"] != "deactivated" {
		t.Fatalf("%d, %v", r.StatusCode, got)
	}
	for _, path := range []string{account, "/acme/new-order", "/acme/revoke"} {
		if r, got := c.post(path, "{}"); r.StatusCode != http.StatusUnauthorized ||
			got["type"] != errDeactivated.Type {
			t.Errorf("%s: %d, %v", path, r.StatusCode, got)
		}
	}
	if _, status := c.open(""); status != http.StatusUnauthorized {
		t.Errorf("it is opened again: %d", status)
	}
	if all, err := a.Accounts(); err != nil || len(all) != 2 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
}

// TestDeactivationEndsOrders deactivates what an order depends on, after it was proved.
func TestDeactivationEndsOrders(t *testing.T) {
	m := newMachine(t)
	acmeService := &ACME{Dial: m.dial}
	_, s := served(t, Options{}, acmeService)
	client := registered(t, s)
	proved := func() *acme.Order {
		o, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs("box.lan"))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.prove(t.Context(), client, o.AuthzURLs[0], methodHTTP); err != nil {
			t.Fatal(err)
		}
		if o, err = client.GetOrder(t.Context(), o.URI); err != nil || o.Status != stateReady {
			t.Fatalf("%+v, %v", o, err)
		}
		return o
	}
	o := proved()
	if err := client.RevokeAuthorization(t.Context(), o.AuthzURLs[0]); err != nil {
		t.Fatal(err)
	}
	if z, err := client.GetAuthorization(t.Context(), o.AuthzURLs[0]); err != nil ||
		z.Status != stateDeactivated || z.Challenges[0].Status != stateInvalid {
		t.Errorf("%+v, %v", z, err)
	}
	_, _, err := client.CreateOrderCert(t.Context(), o.FinalizeURL, csr(t, nil, "box.lan"), true)
	var refused *acme.Error
	if !errors.As(err, &refused) || !strings.HasSuffix(refused.ProblemType, ":orderNotReady") ||
		!strings.Contains(refused.Detail, "is invalid") {
		t.Errorf("without its authorization: %v", err)
	}
	proved()
	if err := client.DeactivateReg(t.Context()); err != nil {
		t.Fatal(err)
	}
	acmeService.mu.Lock()
	defer acmeService.mu.Unlock()
	for _, p := range acmeService.proofs {
		if p.status != stateDeactivated {
			t.Errorf("an authorization of the account is %s", p.status)
		}
	}
}

// TestDeactivatedWhileProved deactivates an authorization while its name is validated.
func TestDeactivatedWhileProved(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "proof")
	}))
	defer web.Close()
	m := &ACME{authority: newAuthority(t, Options{}),
		checks: validations{running: map[string]int{"192.0.2.1": 1}, total: 1}}
	m.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", web.Listener.Addr().String())
	}
	for status, want := range map[string]string{
		stateProcessing: stateValid, stateDeactivated: stateDeactivated,
	} {
		m.checks = validations{running: map[string]int{"192.0.2.1": 1}, total: 1}
		p := &proof{identifier: identifier{"dns", "printer.lan"}, token: "token",
			status: status}
		if m.prove(p, methodHTTP, "192.0.2.1", "proof"); p.status != want || m.checks.total != 0 {
			t.Errorf("%s became %s, %d under way", status, p.status, m.checks.total)
		}
	}
}

// TestRevokedByAuthorization has accounts revoke a certificate that was issued to another.
func TestRevokedByAuthorization(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{Names: []string{"printer"}}, &ACME{Dial: m.dial})
	owner, successor := registered(t, s), registered(t, s)
	chain, err := m.order(t.Context(), owner, methodHTTP, acme.DomainIDs("box.lan", "nas.lan")...)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := a.Issue(Request{Names: []string{"box.lan", "Operator 1"}, Client: true, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	mail, _, err := a.Issue(Request{Names: []string{"box.lan", "box@box.lan"}})
	if err != nil {
		t.Fatal(err)
	}
	person, _, err := a.Issue(Request{Names: []string{"printer"}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	prove := func(name string) {
		o, err := successor.AuthorizeOrder(t.Context(), acme.DomainIDs(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.prove(t.Context(), successor, o.AuthzURLs[0], methodHTTP); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(when string, der []byte) {
		t.Helper()
		if err := successor.RevokeCert(t.Context(), nil, der, acme.CRLReasonSuperseded); err == nil {
			t.Error("revoked", when)
		}
	}
	refused("with no name proved", chain[0])
	prove("box.lan")
	refused("with one name of two", chain[0])
	refused("with a name that cannot be proved", plain.Leaf.Raw)
	refused("with an e-mail address", mail.Leaf.Raw)
	prove("printer")
	refused("with a name of the DNS for a client's plain name", person.Leaf.Raw)
	prove("nas.lan")
	if err := successor.RevokeCert(t.Context(), nil, chain[0], acme.CRLReasonSuperseded); err != nil {
		t.Error(err)
	}
	if r, err := a.FindCertificate(chain[0]); err != nil || r.Status != StatusRevoked {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestACMEAnswers compares answers with what RFC 8555 requires of them.
func TestACMEAnswers(t *testing.T) {
	m := newMachine(t)
	_, s := served(t, Options{}, &ACME{Dial: m.dial})
	for _, tc := range []struct {
		method, path string
		status       int
		kind         string
	}{
		{"HEAD", "/acme/nonce", 200, ""},
		{"GET", "/acme/nonce", 204, ""},
		{"GET", "/acme/new-order", 405, "malformed"},
		{"PUT", "/acme/order/1", 405, "malformed"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tc.method, s.URL+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var p problem
		_ = json.NewDecoder(r.Body).Decode(&p) // some have no body
		r.Body.Close()
		if r.StatusCode != tc.status || !strings.HasSuffix(p.Type, tc.kind) ||
			r.Header.Get("Replay-Nonce") == "" || r.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(r.Header.Get("Link"), `/acme/directory>;rel="index"`) {
			t.Errorf("%s %s: %d, %+v, %v", tc.method, tc.path, r.StatusCode, p, r.Header)
		}
	}
	c := newSignedClient(t, s)
	c.open("")
	if r, got := c.post("/acme/directory", ""); r.StatusCode != http.StatusOK ||
		got["newOrder"] != s.URL+"/acme/new-order" {
		t.Errorf("the directory by POST: %d, %v", r.StatusCode, got)
	}
	if r, _ := c.post("/acme/nonce", ""); r.StatusCode != http.StatusNoContent {
		t.Errorf("a nonce by POST: %d", r.StatusCode)
	}
	for _, dates := range []string{`"notBefore":"2030-01-01T00:00:00Z"`, `"notAfter":"2030-01-01T00:00:00Z"`} {
		r, got := c.post("/acme/new-order", `{"identifiers":[{"type":"dns","value":"box.lan"}],`+dates+`}`)
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("an order with %s: %d, %v", dates, r.StatusCode, got)
		}
	}
	c.alg = "ES512"
	r, got := c.post("/acme/new-order", "{}")
	if all, _ := got["algorithms"].([]any); r.StatusCode != http.StatusBadRequest || len(all) != 4 ||
		!strings.HasSuffix(fmt.Sprint(got["type"]), ":badSignatureAlgorithm") {
		t.Errorf("with another algorithm: %d, %v", r.StatusCode, got)
	}
}

// TestRequestMended finalizes an order with a request that cannot be used, and with one that can.
func TestRequestMended(t *testing.T) {
	m := newMachine(t)
	service := &ACME{Dial: m.dial}
	_, s := served(t, Options{}, service)
	client := registered(t, s)
	o, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs("box.lan"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.prove(t.Context(), client, o.AuthzURLs[0], methodHTTP); err != nil {
		t.Fatal(err)
	}
	service.mu.Lock()
	for _, p := range service.proofs {
		text := fmt.Sprint(p.challengeBody("", p.method)["validated"])
		if at, err := time.Parse(time.RFC3339, text); err != nil || time.Since(at) > time.Hour {
			t.Errorf("it was validated at %v, %v", at, err)
		}
	}
	service.mu.Unlock()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{key, nil} {
		_, _, err = client.CreateOrderCert(t.Context(), o.FinalizeURL, csr(t, key, "box.lan"), true)
		if (err == nil) != (key == nil) {
			t.Errorf("with %T: %v", key, err)
		}
	}
	service.mu.Lock()
	defer service.mu.Unlock()
	if n := len(service.issued["127.0.0.1"]); n != 1 {
		t.Errorf("%d count for the limit of a day", n)
	}
}

// TestALPNNames proves a name with certificates that have other names beside it.
func TestALPNNames(t *testing.T) {
	m := newMachine(t)
	service := &ACME{Dial: m.dial}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := &acme.Client{Key: key}
	usual, err := client.TLSALPN01ChallengeCert("token", "box.lan")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(usual.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"":                 func(*x509.Certificate) {},
		"a DNS name":       func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "nas.lan") },
		"an address":       func(c *x509.Certificate) { c.IPAddresses = []net.IP{{10, 0, 0, 1}} },
		"an e-mail":        func(c *x509.Certificate) { c.EmailAddresses = []string{"a@box.lan"} },
		"a URI":            func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "urn", Opaque: "a"}} },
		"the name as well": func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "box.lan") },
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: leaf.NotBefore,
			NotAfter: leaf.NotAfter, DNSNames: []string{"box.lan"}}
		for _, e := range leaf.Extensions {
			if e.Id.Equal(oidACMEIdentifier) {
				template.ExtraExtensions = append(template.ExtraExtensions, e)
			}
		}
		change(template)
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		m.cert = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		print, err := acme.JWKThumbprint(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		err = service.proveALPN(t.Context(), identifier{"dns", "box.lan"}, "", "token."+print)
		if (err == nil) != (name == "") {
			t.Errorf("with %q: %v", name, err)
		}
	}
}
