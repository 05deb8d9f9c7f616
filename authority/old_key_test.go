package authority

import (
	"testing"
	"time"
)

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
