package authority

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

func idOf(account string) string { return account[strings.LastIndex(account, "/")+1:] }

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

// TestFirstKeyOfNoAccount: who has the first key of an account that is no more does not get what
// the account has ordered, since an account of that key would have the same ID. The key was
// replaced because it may be known to others.
func TestFirstKeyOfNoAccount(t *testing.T) {
	service := &ACME{Lifetime: 100 * 24 * time.Hour}
	a, s := served(t, Options{}, service)
	now := time.Now()
	a.now = func() time.Time { return now }
	folder := filepath.Join(a.Dir(), acmeDir)
	for name, end := range map[string]func(id string) error{
		"removed": a.RemoveAccount,
		"expired": func(id string) error {
			was := now.Add(-accountLife - time.Hour)
			if err := os.Chtimes(service.accountFile(id), was, was); err != nil {
				return err
			}
			_, err := service.expireAccounts(folder)
			return err
		},
	} {
		old, next := changed(t, newSignedClient(t, s))
		order := `{"identifiers":[{"type":"dns","value":"box.lan"}]}`
		made, got := next.post("/acme/new-order", order)
		if made.StatusCode != 201 {
			t.Fatal(got)
		}
		id := idOf(next.account)
		if err := end(id); err != nil {
			t.Fatal(err)
		}
		account, status := old.open("")
		if status != 401 {
			t.Errorf("%s: the first key has %s with %d", name, account, status)
		}
		old.account = next.account
		if r, _ := old.post(made.Header.Get("Location"), ""); r.StatusCode == 200 {
			t.Errorf("%s: the first key has the order", name)
		}
		other := newSignedClient(t, s)
		other.open("")
		r, got := other.post("/acme/key-change", other.inner(keyChange{key: old.key}))
		if r.StatusCode != 409 || r.Header.Get("Location") != "" {
			t.Errorf("%s: another account has %d, %v", name, r.StatusCode, got)
		}
		if account, status := next.open(""); status != 201 || idOf(account) == id {
			t.Errorf("%s: the new key has %s with %d", name, account, status)
		}
		now = now.Add(accountLife + service.Lifetime - time.Hour)
		if _, err := service.expireAccounts(folder); err != nil {
			t.Fatal(err)
		}
		if _, status := old.open(""); status != 401 {
			t.Errorf("%s: before the last certificate has expired it has %d", name, status)
		}
		now = now.Add(2 * time.Hour)
		if _, err := service.expireAccounts(folder); err != nil {
			t.Fatal(err)
		}
		if _, status := old.open(""); status != 201 {
			t.Errorf("%s: after the last certificate has expired it has %d", name, status)
		}
		now = time.Now()
	}
}

// TestFirstKeyAgain: an account that has its first key again is removed as any other.
func TestFirstKeyAgain(t *testing.T) {
	a, s := served(t, Options{}, new(ACME))
	old, next := changed(t, newSignedClient(t, s))
	r, got := next.post("/acme/key-change", next.inner(keyChange{key: old.key}))
	if r.StatusCode != 200 {
		t.Fatal(got)
	}
	if err := a.RemoveAccount(idOf(old.account)); err != nil {
		t.Fatal(err)
	}
	if _, status := old.open(""); status != 201 {
		t.Errorf("its key has %d", status)
	}
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

// TestAccountUnreadable: while the file of an account cannot be read, its key opens no second
// account, and the file that finds it by the key stays.
func TestAccountUnreadable(t *testing.T) {
	a, s := served(t, Options{}, new(ACME))
	m := &ACME{authority: a}
	_, next := changed(t, newSignedClient(t, s))
	_, print, err := parseJWK(rawJWK(t, next.key))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{m.accountFile(idOf(next.account)), m.keyFile(print)} {
		aside := filepath.Join(t.TempDir(), "aside")
		if err := os.Rename(name, aside); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		if account, status := next.open(""); status != 500 {
			t.Errorf("without %s: its key has %s with %d", name, account, status)
		}
		if _, err := m.expireAccounts(filepath.Dir(name)); err != nil {
			t.Error(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, name); err != nil {
			t.Fatal(err)
		}
		if _, status := next.open(""); status != 200 {
			t.Errorf("with %s again: its key has %d", name, status)
		}
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

// TestRemovedStaysRemoved: an account is not written while another process may remove it. It would
// be there again, and its key would open no other one.
func TestRemovedStaysRemoved(t *testing.T) {
	a, s := served(t, Options{}, new(ACME))
	c := newSignedClient(t, s)
	c.open("")
	unlock, err := lockFolder(a.Dir(), lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	defer func(before time.Duration) { lockPatience = before }(lockPatience)
	lockPatience = time.Millisecond
	for path, payload := range map[string]string{
		c.account:          `{"status":"deactivated"}`,
		"/acme/key-change": c.inner(keyChange{key: newP256(t)}),
	} {
		if r, got := c.post(path, payload); r.StatusCode != 503 {
			t.Errorf("%s: %d, %v", path, r.StatusCode, got)
		}
	}
	lockPatience = time.Minute
	unlock()
	if err := a.RemoveAccount(idOf(c.account)); err != nil {
		t.Fatal(err)
	}
	if _, status := c.open(""); status != 201 {
		t.Errorf("its key has %d", status)
	}
}
