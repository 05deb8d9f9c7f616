package authority

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestStoredAccounts: each account is counted when another one is opened, but the files are looked
// at once in an hour, or in a minute if there is no room for another account.
func TestStoredAccounts(t *testing.T) {
	a := newAuthority(t, Options{})
	now := time.Now()
	a.now = func() time.Time { return now }
	m := &ACME{authority: a}
	dir := filepath.Join(a.Dir(), acmeDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const most = 5
	add := func(name string, age time.Duration) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(when string, want int) {
		t.Helper()
		if n, err := m.storedAccounts(dir, most); err != nil || n != want {
			t.Errorf("%s: %d accounts, %v, want %d", when, n, err, want)
		}
	}
	old := accountLife + 24*time.Hour
	add("old.json", old)
	add("new.json", 0)
	counts("at first", 1)
	add("old.json", old)
	add("second.key", 0)
	add("one.gone", 0)
	now = now.Add(expireEvery - time.Second)
	counts("within the hour", 2)
	now = now.Add(time.Second)
	counts("after an hour", 1)
	if _, err := os.Stat(filepath.Join(dir, "second.key")); !os.IsNotExist(err) {
		t.Errorf("a key of no account is there: %v", err)
	}
	for i := range most - 2 {
		add(strconv.Itoa(i)+".json", 0)
	}
	add("old.json", old)
	now = now.Add(expireFull - time.Second)
	counts("full, within a minute", most)
	now = now.Add(time.Second)
	counts("full, after a minute", most-1)
	now = now.Add(-2 * expireEvery)
	add("old.json", old)
	counts("with a clock that was set back", most-1)
	if _, err := m.storedAccounts(filepath.Join(dir, "none"), most); !os.IsNotExist(err) {
		t.Errorf("without a folder: %v", err)
	}
}
