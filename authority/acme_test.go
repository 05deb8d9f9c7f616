package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// machine is a computer of the local network that proves names on two ports.
type machine struct {
	http, alpn net.Listener
	answers    map[string]string
	cert       *tls.Certificate
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{answers: map[string]string{}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := m.answers[r.URL.Path]; ok {
			fmt.Fprint(w, answer)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(web.Close)
	m.http = web.Listener
	var err error
	m.alpn, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{NextProtos: []string{"acme-tls/1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if m.cert == nil {
				return nil, errors.New("nothing to prove")
			}
			return m.cert, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.alpn.Close() })
	go func() {
		for {
			c, err := m.alpn.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake() // the other side reports the error
			c.Close()
		}
	}()
	return m
}

// dial leads every name to the machine.
func (m *machine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to := m.http.Addr().String()
	if strings.HasSuffix(address, ":443") {
		to = m.alpn.Addr().String()
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// prove answers one authorization by a method.
func (m *machine) prove(ctx context.Context, client *acme.Client, uri, method string) error {
	z, err := client.GetAuthorization(ctx, uri)
	if err != nil {
		return err
	}
	for _, c := range z.Challenges {
		if c.Type != method {
			continue
		}
		if method == methodHTTP {
			answer, err := client.HTTP01ChallengeResponse(c.Token)
			if err != nil {
				return err
			}
			m.answers[client.HTTP01ChallengePath(c.Token)] = answer
		} else {
			cert, err := client.TLSALPN01ChallengeCert(c.Token, z.Identifier.Value)
			if err != nil {
				return err
			}
			m.cert = &cert
		}
		if _, err := client.Accept(ctx, c); err != nil {
			return err
		}
		_, err = client.WaitAuthorization(ctx, uri)
		return err
	}
	return fmt.Errorf("no challenge %s is offered", method)
}

func (m *machine) order(ctx context.Context, client *acme.Client, method string, names ...acme.AuthzID) ([][]byte, error) {
	o, err := client.AuthorizeOrder(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, uri := range o.AuthzURLs {
		if err := m.prove(ctx, client, uri, method); err != nil {
			return nil, err
		}
	}
	if o, err = client.WaitOrder(ctx, o.URI); err != nil {
		return nil, err
	}
	request := &x509.CertificateRequest{}
	for _, n := range names {
		if n.Type == "ip" {
			request.IPAddresses = append(request.IPAddresses, net.ParseIP(n.Value))
		} else {
			request.DNSNames = append(request.DNSNames, n.Value)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, request, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := client.CreateOrderCert(ctx, o.FinalizeURL, csr, true)
	return chain, err
}

func newClient(t *testing.T, url string, key crypto.Signer) *acme.Client {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return &acme.Client{Key: key, DirectoryURL: url + "/acme/directory", RetryBackoff: func(int, *http.Request, *http.Response) time.Duration { return 10 * time.Millisecond }}
}

func TestACME(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{nil, rsaKey, p384} {
		client := newClient(t, s.URL, key)
		if _, err := client.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{methodHTTP, methodALPN} {
			for _, names := range [][]acme.AuthzID{acme.DomainIDs("Box.LAN", "nas.local"), acme.IPIDs("192.168.1.9"), acme.IPIDs("fd00::1")} {
				chain, err := m.order(ctx, client, method, names...)
				if err != nil {
					t.Fatalf("%s, %v: %v", method, names, err)
				}
				r, err := a.FindCertificate(chain[0])
				if err != nil || len(chain) != 2 || len(r.Names) != len(names) || r.Account == "" {
					t.Errorf("%s, %v: %+v, %v", method, names, r, err)
				}
			}
		}
	}
}

// TestACMEWhileBusy: an order that is finalized while another process holds the folder can be
// finalized again, as clients do after status 503.
func TestACMEWhileBusy(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := newClient(t, s.URL, nil)
	if _, err := client.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockFolder(a.Dir(), lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer func(before time.Duration) { lockPatience = before }(lockPatience)
	lockPatience = 100 * time.Millisecond
	refusals := 0
	client.RetryBackoff = func(int, *http.Request, *http.Response) time.Duration {
		if refusals++; refusals == 2 {
			unlock()
		}
		return time.Millisecond
	}
	if _, err := m.order(ctx, client, methodHTTP, acme.DomainIDs("nas.local")...); err != nil {
		t.Fatal(err)
	}
	if refusals < 2 {
		t.Errorf("%d refusals while the folder is held", refusals)
	}
}

func TestACMERevokes(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, stranger := newClient(t, s.URL, nil), newClient(t, s.URL, nil)
	for _, c := range []*acme.Client{client, stranger} {
		if _, err := c.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Register(ctx, &acme.Account{}, acme.AcceptTOS); !errors.Is(err, acme.ErrAccountAlreadyExists) {
			t.Errorf("second registration: %v", err)
		}
	}
	chain, err := m.order(ctx, client, methodHTTP, acme.DomainIDs("box.lan")...)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.RevokeCert(ctx, nil, chain[0], acme.CRLReasonKeyCompromise); err == nil {
		t.Error("a stranger's word was taken")
	}
	if err := client.RevokeCert(ctx, nil, chain[0], acme.CRLReasonKeyCompromise); err != nil {
		t.Error(err)
	}
	if r, err := a.FindCertificate(chain[0]); err != nil || r.Status != StatusRevoked || r.Reason != ReasonKeyCompromise {
		t.Errorf("%+v, %v", r, err)
	}
	// The certificate's own key may revoke it as well.
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.RevokeCert(ctx, id.Signer, id.Leaf.Raw, acme.CRLReasonSuperseded); err != nil {
		t.Error(err)
	}
}

func TestACMERefuses(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := newClient(t, s.URL, nil)
	if _, err := client.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]acme.AuthzID{acme.DomainIDs("example.org"), acme.DomainIDs("*.lan"), acme.IPIDs("192.0.2.1"), {{Type: "dns", Value: "10.0.0.1"}}, {{Type: "email", Value: "a@b"}}, nil} {
		if _, err := client.AuthorizeOrder(ctx, names); err == nil {
			t.Errorf("%v was taken", names)
		}
	}
	// Names that are not proved, by either method.
	for _, method := range []string{methodHTTP, methodALPN} {
		o, err := client.AuthorizeOrder(ctx, acme.DomainIDs("box.lan"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := client.GetAuthorization(ctx, o.AuthzURLs[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range z.Challenges {
			if c.Type == method {
				if _, err := client.Accept(ctx, c); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := client.WaitAuthorization(ctx, z.URI); err == nil {
			t.Errorf("%s: an empty proof was taken", method)
		}
		if _, err := client.WaitOrder(ctx, o.URI); err == nil {
			t.Errorf("%s: the order is ready", method)
		}
	}
	// A request for other names than were proved.
	o, err := client.AuthorizeOrder(ctx, acme.DomainIDs("box.lan"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.CreateOrderCert(ctx, o.FinalizeURL, csr(t, nil, "box.lan"), true); err == nil {
		t.Error("issued before anything was proved")
	}
	if err := m.prove(ctx, client, o.AuthzURLs[0], methodHTTP); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.CreateOrderCert(ctx, o.FinalizeURL, csr(t, nil, "nas.lan"), true); err == nil {
		t.Error("issued for another name")
	}
	if all, err := a.List(); err != nil || len(all) != 0 {
		t.Errorf("%d certificates were issued, %v", len(all), err)
	}
	// An order of one account is none of another's business.
	stranger := newClient(t, s.URL, nil)
	if _, err := stranger.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.GetOrder(ctx, o.URI); err == nil {
		t.Error("a stranger sees the order")
	}
	if _, err := stranger.GetAuthorization(ctx, o.AuthzURLs[0]); err == nil {
		t.Error("a stranger sees the authorization")
	}
}

// TestACMESignatures sends requests that no client sends.
func TestACMESignatures(t *testing.T) {
	_, s := served(t, Options{}, &ACME{})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	address := s.URL + "/acme/new-account"
	nonce := func() string {
		r, err := http.Get(s.URL + "/acme/nonce")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.Header.Get("Replay-Nonce")
	}
	once := nonce()
	for name, tc := range map[string]struct {
		header map[string]any
		status int
	}{
		"in order":        {map[string]any{"alg": "ES256", "nonce": once, "url": address, "jwk": rawJWK(t, key)}, 201},
		"again":           {map[string]any{"alg": "ES256", "nonce": "made up", "url": address, "jwk": rawJWK(t, key)}, 400},
		"another URL":     {map[string]any{"alg": "ES256", "nonce": nonce(), "url": address + "x", "jwk": rawJWK(t, key)}, 401},
		"no algorithm":    {map[string]any{"alg": "none", "nonce": nonce(), "url": address, "jwk": rawJWK(t, key)}, 400},
		"other algorithm": {map[string]any{"alg": "RS256", "nonce": nonce(), "url": address, "jwk": rawJWK(t, key)}, 400},
		"no key":          {map[string]any{"alg": "ES256", "nonce": nonce(), "url": address}, 400},
		"both keys":       {map[string]any{"alg": "ES256", "nonce": nonce(), "url": address, "jwk": rawJWK(t, key), "kid": "x"}, 400},
		"no such account": {map[string]any{"alg": "ES256", "nonce": nonce(), "url": address, "kid": s.URL + "/acme/account/../../authority"}, 401},
		"strange key":     {map[string]any{"alg": "ES256", "nonce": nonce(), "url": address, "jwk": map[string]string{"kty": "oct"}}, 400},
	} {
		header, err := json.Marshal(tc.header)
		if err != nil {
			t.Fatal(err)
		}
		protected, payload := rawBase64.EncodeToString(header), rawBase64.EncodeToString([]byte("{}"))
		digest := crypto.SHA256.New()
		digest.Write([]byte(protected + "." + payload))
		r, ss, err := ecdsa.Sign(rand.Reader, key, digest.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		signature := append(r.FillBytes(make([]byte, 32)), ss.FillBytes(make([]byte, 32))...)
		body := fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, protected, payload, rawBase64.EncodeToString(signature))
		answer, err := http.Post(address, "application/jose+json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != tc.status || answer.Header.Get("Replay-Nonce") == "" {
			t.Errorf("%s: %d, expected %d", name, answer.StatusCode, tc.status)
		}
		answer, err = http.Post(address, "application/jose+json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode < 400 {
			t.Errorf("%s: accepted twice", name)
		}
	}
	for _, body := range []string{"", "{}", "[]", `{"protected":"!"}`, `{"protected":"e30","payload":"!"}`} {
		answer, err := http.Post(address, "application/jose+json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 400 {
			t.Errorf("%q: %d", body, answer.StatusCode)
		}
	}
	answer, err := http.Post(address, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("another type: %d", answer.StatusCode)
	}
}

func rawJWK(t *testing.T, key crypto.Signer) json.RawMessage {
	t.Helper()
	raw, err := marshalJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestThumbprints uses the examples of RFC 7638, Section 3.1, and RFC 8037,
// Appendix A.
func TestThumbprints(t *testing.T) {
	for want, raw := range map[string]string{
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": `{"kty":"RSA","e":"AQAB","alg":"RS256","kid":"2011-04-29","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}`,
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
	} {
		if _, got, err := parseJWK([]byte(raw)); err != nil || got != want {
			t.Errorf("%s, expected %s, %v", got, want, err)
		}
	}
}

// TestEd25519Signature uses RFC 8037, Appendix A.4.
func TestEd25519Signature(t *testing.T) {
	key, _, err := parseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		t.Fatal(err)
	}
	s := &signed{Protected: "eyJhbGciOiJFZERTQSJ9", Payload: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", header: jwsHeader{Algorithm: "EdDSA"},
		Signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"}
	if err := s.verify(key); err != nil {
		t.Error(err)
	}
	s.Payload += "A"
	if s.verify(key) == nil {
		t.Error("another payload passes")
	}
}

func TestKeysRoundTrip(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []Algorithm{ECDSAP256, ECDSAP384, RSA2048, Ed25519} {
		key, err := a.generate()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := parseJWK(rawJWK(t, key))
		if err != nil || !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(got) {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, bad := range []string{"", "{}", `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, `{"kty":"EC","crv":"P-521"}`, `{"kty":"RSA","n":"AQAB","e":"AQAB"}`,
		`{"kty":"OKP","crv":"X25519","x":"` + rawBase64.EncodeToString(ed[:32]) + `"}`} {
		if _, _, err := parseJWK([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func FuzzParseSigned(f *testing.F) {
	f.Add([]byte(`{"protected":"eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ","payload":"","signature":""}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := parseSigned(body)
		if err != nil {
			return
		}
		if key, _, err := parseJWK(s.header.Key); err == nil {
			if _, err := marshalJWK(key); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestReverseNames(t *testing.T) {
	for value, want := range map[string]string{
		"192.0.2.7": "7.2.0.192.in-addr.arpa", "box.lan": "box.lan",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		if got := sniOf(identifier{Value: value}); got != want {
			t.Errorf("%s: %s", value, got)
		}
	}
}
