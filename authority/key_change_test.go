package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// flat signs a flattened JWS.
func flat(t *testing.T, key *ecdsa.PrivateKey, header, payload string) string {
	t.Helper()
	protected := rawBase64.EncodeToString([]byte(header))
	body := rawBase64.EncodeToString([]byte(payload))
	digest := crypto.SHA256.New()
	digest.Write([]byte(protected + "." + body))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, protected, body,
		rawBase64.EncodeToString(signature))
}

func newP256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A keyChange is what the inner request of one has. An empty field has what it should have.
type keyChange struct {
	key, signer                  *ecdsa.PrivateKey
	url, account, old            string
	alg, header, payload, signed string
}

// inner returns the inner request of c for a new key.
func (c *signedClient) inner(k keyChange) string {
	c.t.Helper()
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	if k.signed != "" {
		return k.signed
	}
	if k.signer == nil {
		k.signer = k.key
	}
	header := or(k.header, fmt.Sprintf(`{"alg":%q,"jwk":%s,"url":%q}`, or(k.alg, "ES256"),
		rawJWK(c.t, k.key), or(k.url, c.server.URL+"/acme/key-change")))
	payload := or(k.payload, fmt.Sprintf(`{"account":%q,"oldKey":%s}`, or(k.account, c.account),
		or(k.old, string(rawJWK(c.t, c.key)))))
	return flat(c.t, k.signer, header, payload)
}

// TestKeyChange has golang.org/x/crypto/acme change the key of an account with an order under way,
// twice, and back to the first one. RFC 8555, Section 7.3.5: "the server MUST NOT invalidate
// pending orders or authorization transactions based on a change of account key."
func TestKeyChange(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	client := registered(t, s)
	chain, err := m.order(t.Context(), client, methodHTTP, acme.DomainIDs("nas.lan")...)
	if err != nil {
		t.Fatal(err)
	}
	before, err := client.GetReg(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	o, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs("box.lan"))
	if err != nil {
		t.Fatal(err)
	}
	first := client.Key.(*ecdsa.PrivateKey)
	for i, key := range []*ecdsa.PrivateKey{newP256(t), newP256(t), first} {
		old := client.Key
		if err := client.AccountKeyRollover(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := m.prove(t.Context(), client, o.AuthzURLs[0], methodHTTP); err != nil {
				t.Fatal(err)
			}
		}
		found := newClient(t, s.URL, key)
		if reg, err := found.GetReg(t.Context(), ""); err != nil || reg.URI != before.URI ||
			reg.OrdersURL != before.OrdersURL || reg.Status != stateValid {
			t.Errorf("with key %d: %+v, %v", i, reg, err)
		}
		if reg, err := newClient(t, s.URL, old).GetReg(t.Context(), ""); err == nil {
			t.Errorf("the key before key %d has the account %+v", i, reg)
		}
		files, err := os.ReadDir(filepath.Join(a.Dir(), acmeDir))
		if want := min(2, 3-i); err != nil || len(files) != want {
			t.Errorf("%d files of one account, %v", len(files), err)
		}
	}
	if all, err := a.Accounts(); err != nil || len(all) != 1 || !strings.HasSuffix(before.URI, all[0].ID) {
		t.Errorf("the accounts are %v, %v", all, err)
	}
	_, _, err = client.CreateOrderCert(t.Context(), o.FinalizeURL, csr(t, nil, "box.lan"), true)
	if err != nil {
		t.Error(err)
	}
	if err := client.RevokeCert(t.Context(), nil, chain[0], acme.CRLReasonSuperseded); err != nil {
		t.Error("what was issued to the account before:", err)
	}
}

// TestKeyChangeRefuses has inner requests that RFC 8555, Section 7.3.5, has a server check.
func TestKeyChangeRefuses(t *testing.T) {
	_, s := served(t, Options{}, new(ACME))
	c, other := newSignedClient(t, s), newSignedClient(t, s)
	c.open("")
	other.open("")
	gone := newSignedClient(t, s)
	gone.open("")
	if r, got := gone.post(gone.account, `{"status":"deactivated"}`); r.StatusCode != 200 {
		t.Fatal(got)
	}
	key := newP256(t)
	jwk := string(rawJWK(t, key))
	url := s.URL + "/acme/key-change"
	for name, tc := range map[string]struct {
		change         keyChange
		status         int
		kind, location string
	}{
		"no JWS":         {keyChange{signed: "{"}, 400, "malformed", ""},
		"nothing":        {keyChange{signed: "{}"}, 400, "malformed", ""},
		"another signer": {keyChange{key: key, signer: newP256(t)}, 400, "malformed", ""},
		"the old signer": {keyChange{key: key, signer: c.key}, 400, "malformed", ""},
		"another URL":    {keyChange{key: key, url: s.URL + "/acme/new-order"}, 400, "malformed", ""},
		"no URL": {keyChange{key: key, header: `{"alg":"ES256","jwk":` + jwk + `}`}, 400,
			"malformed", ""},
		"a nonce": {keyChange{key: key, header: fmt.Sprintf(
			`{"alg":"ES256","nonce":"n","jwk":%s,"url":%q}`, jwk, url)}, 400, "malformed", ""},
		"a kid for the key": {keyChange{key: key, header: fmt.Sprintf(
			`{"alg":"ES256","kid":%q,"url":%q}`, c.account, url)}, 400, "malformed", ""},
		"no key": {keyChange{key: key, header: fmt.Sprintf(`{"alg":"ES256","url":%q}`, url)}, 400,
			"malformed", ""},
		"another algorithm": {keyChange{key: key, alg: "ES512"}, 400, "badSignatureAlgorithm", ""},
		"a secret": {keyChange{key: key, header: fmt.Sprintf(
			`{"alg":"ES256","jwk":{"kty":"oct","k":"AA"},"url":%q}`, url)}, 400, "badPublicKey", ""},
		"no payload":      {keyChange{key: key, payload: "x"}, 400, "malformed", ""},
		"another payload": {keyChange{key: key, payload: "{}"}, 400, "malformed", ""},
		"no account": {keyChange{key: key, payload: `{"oldKey":` + string(rawJWK(t, c.key)) + `}`}, 400,
			"malformed", ""},
		"another's account": {keyChange{key: key, account: other.account}, 400, "malformed", ""},
		"no old key": {keyChange{key: key, payload: fmt.Sprintf(`{"account":%q}`, c.account)}, 400,
			"malformed", ""},
		"another's old key": {keyChange{key: key, old: string(rawJWK(t, other.key))}, 400,
			"malformed", ""},
		"the new key as old": {keyChange{key: key, old: jwk}, 400, "malformed", ""},
		"its own key":        {keyChange{key: c.key}, 409, "malformed", c.account},
		"another's key":      {keyChange{key: other.key}, 409, "malformed", other.account},
		"a deactivated one":  {keyChange{key: gone.key}, 409, "malformed", gone.account},
	} {
		r, got := c.post("/acme/key-change", c.inner(tc.change))
		if r.StatusCode != tc.status || got["type"] != "urn:ietf:params:acme:error:"+tc.kind ||
			r.Header.Get("Location") != tc.location || r.Header.Get("Replay-Nonce") == "" {
			t.Errorf("%s: %d, %v, at %q", name, r.StatusCode, got, r.Header.Get("Location"))
		}
		if r, got := c.post(c.account, ""); r.StatusCode != 200 {
			t.Fatalf("%s: then the old key is refused: %v", name, got)
		}
	}
	c.jwk = string(rawJWK(t, c.key))
	if r, got := c.post("/acme/key-change", c.inner(keyChange{key: key})); r.StatusCode != 400 {
		t.Errorf("without an account in the outer request: %d, %v", r.StatusCode, got)
	}
	c.jwk = ""
	if r, got := c.post("/acme/key-change", c.inner(keyChange{key: key})); r.StatusCode != 200 ||
		got["status"] != stateValid || got["orders"] == nil {
		t.Errorf("without a mistake: %d, %v", r.StatusCode, got)
	}
}

// TestKeyChangeNonce sends a change again.
func TestKeyChangeNonce(t *testing.T) {
	_, s := served(t, Options{}, new(ACME))
	c := newSignedClient(t, s)
	c.open("")
	url := s.URL + "/acme/key-change"
	send := func(nonce string) (int, string) {
		body := flat(t, c.key, fmt.Sprintf(`{"alg":"ES256","nonce":%q,"url":%q,"kid":%q}`, nonce, url,
			c.account), c.inner(keyChange{key: newP256(t)}))
		r, err := http.Post(url, "application/jose+json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode, r.Header.Get("Replay-Nonce")
	}
	status, nonce := send("unknown")
	if status != 400 {
		t.Errorf("with a nonce of no one: %d", status)
	}
	if status, _ := send(nonce); status != 200 {
		t.Errorf("with a nonce of the server: %d", status)
	}
	if status, _ := send(nonce); status == 200 {
		t.Error("with a nonce that was used, and the old key, it is changed")
	}
}

// TestOldKey uses a key after it was replaced, for what an account may do and for a new one.
func TestOldKey(t *testing.T) {
	m := newMachine(t)
	a, s := served(t, Options{}, &ACME{Dial: m.dial})
	c, other := newSignedClient(t, s), newSignedClient(t, s)
	c.open("")
	other.open("")
	key := newP256(t)
	if r, got := c.post("/acme/key-change", c.inner(keyChange{key: key})); r.StatusCode != 200 {
		t.Fatal(got)
	}
	for _, path := range []string{c.account, "/acme/new-order", "/acme/revoke", "/acme/key-change"} {
		if r, got := c.post(path, "{}"); r.StatusCode == 200 {
			t.Errorf("%s: %v", path, got)
		}
	}
	id := c.account
	if _, status := c.open(""); status != 401 {
		t.Errorf("it opens an account: %d", status)
	}
	r, got := other.post("/acme/key-change", other.inner(keyChange{key: c.key}))
	if r.StatusCode != 409 || r.Header.Get("Location") != id {
		t.Errorf("another account has it then: %d, %v", r.StatusCode, got)
	}
	changed := &signedClient{t: t, server: s, key: key, alg: "ES256", account: id}
	client := newClient(t, s.URL, other.key)
	o, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs("box.lan"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.prove(t.Context(), client, o.AuthzURLs[0], methodHTTP); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*ecdsa.PrivateKey{"old": c.key, "new": key} {
		_, _, err := client.CreateOrderCert(t.Context(), o.FinalizeURL, csr(t, key, "box.lan"), true)
		var refused *acme.Error
		if !errors.As(err, &refused) || !strings.HasSuffix(refused.ProblemType, ":badCSR") {
			t.Errorf("a certificate for the %s key: %v", name, err)
		}
	}
	if r, got := changed.post(id, `{"status":"deactivated"}`); r.StatusCode != 200 {
		t.Error(got)
	}
	if _, status := changed.open(""); status != 401 {
		t.Errorf("the new key of a deactivated account opens one: %d", status)
	}
	if err := a.RemoveAccount(id[strings.LastIndex(id, "/")+1:]); err != nil {
		t.Error(err)
	}
	if files, err := filepath.Glob(filepath.Join(a.Dir(), acmeDir, "*"+keySuffix)); err != nil ||
		len(files) != 0 {
		t.Errorf("a removed account leaves %v, %v", files, err)
	}
	if _, status := changed.open(""); status != 201 {
		t.Errorf("after its account was removed the new key has %d", status)
	}
}

// TestKeyChangeCutOff has what a process leaves that ends between the two files of a change.
func TestKeyChangeCutOff(t *testing.T) {
	a, s := served(t, Options{}, new(ACME))
	m := &ACME{authority: a}
	c := newSignedClient(t, s)
	c.open("")
	next := newSignedClient(t, s)
	_, print, err := parseJWK(rawJWK(t, next.key))
	if err != nil {
		t.Fatal(err)
	}
	id := c.account[strings.LastIndex(c.account, "/")+1:]
	if err := writeFile(m.keyFile(print), []byte(id)); err != nil {
		t.Fatal(err)
	}
	if _, status := next.open(""); status != 201 {
		t.Errorf("a key that no account got yet has %d", status)
	}
	next.account = c.account
	if r, got := next.post(c.account, ""); r.StatusCode != 400 {
		t.Errorf("it has the account: %d, %v", r.StatusCode, got)
	}
	if err := a.RemoveAccount(print); err != nil {
		t.Fatal(err)
	}
	if r, got := c.post("/acme/key-change", c.inner(keyChange{key: next.key})); r.StatusCode != 200 {
		t.Errorf("the change again: %d, %v", r.StatusCode, got)
	}
	dangling := rawBase64.EncodeToString(make([]byte, 32))
	if err := writeFile(m.keyFile(dangling), []byte(dangling)); err != nil {
		t.Fatal(err)
	}
	if n, err := m.expireAccounts(filepath.Join(a.Dir(), acmeDir)); n != 1 || err != nil {
		t.Errorf("%d accounts, %v", n, err)
	}
	if _, err := os.Stat(m.keyFile(dangling)); err == nil {
		t.Error("a file of no account stays")
	}
	if _, err := os.Stat(m.keyFile(print)); err != nil {
		t.Errorf("the file of an account: %v", err)
	}
}

// TestKeyChangeRaces has two accounts change to one key at once, and one account change to several
// and end: one of each succeeds.
func TestKeyChangeRaces(t *testing.T) {
	a := newAuthority(t, Options{})
	m := &ACME{}
	a.Handler(m)
	request := &http.Request{RemoteAddr: "192.0.2.1:1"}
	open := func(key *ecdsa.PrivateKey) (*call, error) {
		_, print, err := parseJWK(rawJWK(t, key))
		if err != nil {
			t.Error(err)
		}
		c := &call{Request: request, key: key.Public(), print: print, payload: []byte("{}")}
		r, err := m.newAccount(c)
		if err == nil {
			c.account, c.known = r.location[strings.LastIndex(r.location, "/")+1:], true
		}
		return c, err
	}
	change := func(c *call, key *ecdsa.PrivateKey) error {
		_, print, err := parseJWK(rawJWK(t, key))
		if err != nil {
			t.Error(err)
		}
		return m.replaceKey(c, key.Public(), print)
	}
	succeed := func(all ...func() error) (n int) {
		var wg sync.WaitGroup
		errs := make([]error, len(all))
		for i, f := range all {
			wg.Go(func() { errs[i] = f() })
		}
		wg.Wait()
		for _, err := range errs {
			if err == nil {
				n++
			}
		}
		return n
	}
	one, err := open(newP256(t))
	two, err2 := open(newP256(t))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(change(one, newP256(t)), change(two, newP256(t))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*call{one, two} { // whose keys were verified before they were changed
		if err := change(c, newP256(t)); !errors.Is(err, errReplaced) {
			t.Errorf("a request with the key before is answered %v", err)
		}
		if err := m.deactivate(c); !errors.Is(err, errReplaced) {
			t.Errorf("with the key before the account ends: %v", err)
		}
	}
	one, err = open(newP256(t))
	two, err2 = open(newP256(t))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	key := newP256(t)
	if n := succeed(func() error { return change(one, key) }, func() error { return change(two, key) },
		func() error { return change(one, key) }); n != 1 {
		t.Errorf("%d changes to one key succeed", n)
	}
	three, err := open(newP256(t))
	if err != nil {
		t.Fatal(err)
	}
	var all []func() error
	for range 4 {
		next := newP256(t)
		all = append(all, func() error { return change(three, next) })
	}
	if n := succeed(append(all, func() error { return m.deactivate(three) })...); n != 1 {
		// A change and then the end of the account, or its end, but with the old key alone.
		t.Errorf("%d requests with one key change the account", n)
	}
	id, err := m.accountOf(three.print)
	if id != three.account && !errors.Is(err, errReplaced) && !errors.Is(err, errDeactivated) {
		t.Errorf("the old key has the account %q, %v", id, err)
	}
}

// TestKeyChangesAreBounded has a source change keys without end.
func TestKeyChangesAreBounded(t *testing.T) {
	a, s := served(t, Options{}, new(ACME))
	c := newSignedClient(t, s)
	c.open("")
	for i := 1; ; i++ {
		key := newP256(t)
		r, got := c.post("/acme/key-change", c.inner(keyChange{key: key}))
		if r.StatusCode == http.StatusTooManyRequests && i == maxSourceAccounts {
			break
		}
		if r.StatusCode != 200 || i > maxSourceAccounts {
			t.Fatalf("change %d: %d, %v", i, r.StatusCode, got)
		}
		c.key = key
	}
	if files, err := os.ReadDir(filepath.Join(a.Dir(), acmeDir)); err != nil || len(files) != 2 {
		t.Errorf("%d files of one account, %v", len(files), err)
	}
}

// TestOrdersOfAccount lists the orders of an account. RFC 8555, Section 7.1.2.1: the list "MUST be
// a JSON object whose 'orders' field is an array of URLs".
func TestOrdersOfAccount(t *testing.T) {
	service := new(ACME)
	a, s := served(t, Options{}, service)
	now := time.Now()
	a.now = func() time.Time { return now }
	c, other := newSignedClient(t, s), newSignedClient(t, s)
	c.open("")
	other.open("")
	_, account := c.post(c.account, "")
	url, _ := account["orders"].(string)
	list := func() string {
		t.Helper()
		r, got := c.post(url, "")
		orders, ok := got["orders"].([]any)
		if r.StatusCode != 200 || !ok || len(got) != 1 {
			t.Fatalf("%d, %v", r.StatusCode, got)
		}
		return fmt.Sprint(orders...)
	}
	if got := list(); got != "" {
		t.Errorf("without orders: %s", got)
	}
	order := `{"identifiers":[{"type":"dns","value":"box.lan"}]}`
	first, body := c.post("/acme/new-order", order)
	now = now.Add(time.Minute)
	second, _ := c.post("/acme/new-order", order)
	other.post("/acme/new-order", order)
	want := first.Header.Get("Location") + " " + second.Header.Get("Location")
	if got := strings.ReplaceAll(list(), "http", " http"); strings.TrimSpace(got) != want {
		t.Errorf("the list is %s, want %s", got, want)
	}
	proofs, _ := body["authorizations"].([]any)
	if r, got := c.post(fmt.Sprint(proofs...), `{"status":"deactivated"}`); r.StatusCode != 200 {
		t.Fatal(got)
	}
	if got := list(); got != second.Header.Get("Location") {
		t.Errorf("with an invalid order the list is %s", got)
	}
	if r, got := other.post(url, ""); r.StatusCode != 401 || got["orders"] != nil {
		t.Errorf("another account is shown %d, %v", r.StatusCode, got)
	}
	now = now.Add(orderLife + time.Second)
	if got := list(); got != "" {
		t.Errorf("after an hour the list is %s", got)
	}
}
