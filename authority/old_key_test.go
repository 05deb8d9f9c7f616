package authority

import (
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// changed opens an account, changes its key, and returns clients with its first and its new key.
func changed(t *testing.T, c *signedClient) (old, next *signedClient) {
	t.Helper()
	c.open("")
	key := newP256(t)
	if r, got := c.post("/acme/key-change", c.inner(keyChange{key: key})); r.StatusCode != 200 {
		t.Fatal(got)
	}
	return c, &signedClient{t: t, server: c.server, key: key, alg: "ES256", account: c.account}
}

// TestFirstKeyFindsNone: RFC 8555, Section 7.3.1: with onlyReturnExisting, if "an account does not
// exist, then the server MUST return an error response with status code 400 (Bad Request) and type
// 'urn:ietf:params:acme:error:accountDoesNotExist'."
func TestFirstKeyFindsNone(t *testing.T) {
	_, s := served(t, Options{}, new(ACME))
	old, next := changed(t, newSignedClient(t, s))
	if _, err := newClient(t, s.URL, old.key).GetReg(t.Context(), ""); err != acme.ErrNoAccount {
		t.Errorf("the first key: %v", err)
	}
	if _, err := newClient(t, s.URL, next.key).GetReg(t.Context(), ""); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

// TestKeyChangesHoldNoFolder: a source that has changed enough keys does not lock the folder, for
// which others wait.
func TestKeyChangesHoldNoFolder(t *testing.T) {
	service := new(ACME)
	a, s := served(t, Options{}, service)
	c := newSignedClient(t, s)
	c.open("")
	for range maxSourceAccounts - 1 {
		if err := service.mayOpen("127.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	unlock, err := lockFolder(a.Dir(), lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	defer func(before time.Duration) { lockPatience = before }(lockPatience)
	lockPatience = time.Millisecond
	r, got := c.post("/acme/key-change", c.inner(keyChange{key: newP256(t)}))
	if r.StatusCode != 429 {
		t.Errorf("it has %d, %v", r.StatusCode, got)
	}
}
