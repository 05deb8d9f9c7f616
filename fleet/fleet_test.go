package fleet

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/printed"
)

// line returns the line of a key whose bytes are all b.
func line(b byte) string { return hex.EncodeToString(bytes.Repeat([]byte{b}, 32)) + "\n" }

func write(t *testing.T, name, text string) {
	t.Helper()
	next := name + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, name); err != nil {
		t.Fatal(err)
	}
}

// fixed is a source of one key.
type fixed sealsock.TicketKey

func (f fixed) TicketKeys(time.Time) []sealsock.TicketKey {
	return []sealsock.TicketKey{sealsock.TicketKey(f)}
}

// nameOf returns the name of the key that a source seals with: it begins each ticket.
func nameOf(t *testing.T, keys sealsock.TicketKeys, now time.Time) string {
	t.Helper()
	tickets := sealsock.SealTickets(keys, func() time.Time { return now })
	ticket, err := tickets.Issue(&engine.Session{Version: iana.TLS13})
	if err != nil {
		t.Fatal(err)
	}
	return string(ticket[:16])
}

// opens reports whether tickets that one source seals are opened by another.
func opens(t *testing.T, seals, opening sealsock.TicketKeys, now time.Time) bool {
	t.Helper()
	name := nameOf(t, seals, now)
	return slices.ContainsFunc(opening.TicketKeys(now), func(k sealsock.TicketKey) bool {
		return nameOf(t, fixed(k), now) == name
	})
}

// TestKeyFileRotates: a server with the next file opens what one with the earlier file seals,
// and the other way round. A file is read again when it has changed.
func TestKeyFileRotates(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	write(t, one, "# keys\n\n"+line(1)+line(2))
	write(t, two, line(1)+line(2))
	a, err := OpenKeyFile(one, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenKeyFile(two, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	both := func(want bool) {
		t.Helper()
		now = now.Add(2 * time.Second) // the files are looked at again
		if got := opens(t, a, b, now); got != want {
			t.Errorf("b opens the tickets of a: %v", got)
		}
		if got := opens(t, b, a, now); got != want {
			t.Errorf("a opens the tickets of b: %v", got)
		}
	}
	both(true)
	write(t, one, line(2)+line(1)+line(3))
	both(true)
	write(t, two, line(2)+line(3)+line(1))
	both(true)
	write(t, one, line(3)+line(2))
	both(true)
	write(t, two, line(4)+line(5))
	both(false)
}

// TestKeyFileKeepsItsKeys: a file that has become unusable changes nothing, and is reported once.
func TestKeyFileKeepsItsKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	write(t, name, line(1)+line(2))
	var reported []error
	f, err := OpenKeyFile(name, func(err error) { reported = append(reported, err) })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	look := func(reports int) {
		t.Helper()
		for range 3 {
			now = now.Add(2 * time.Second)
			if keys := f.TicketKeys(now); len(keys) != 2 {
				t.Errorf("%d keys", len(keys))
			}
		}
		if len(reported) != reports {
			t.Errorf("%d errors were reported, want %d: %v", len(reported), reports, reported)
		}
	}
	look(0)
	write(t, name, line(1)+"half a li")
	look(1)
	if err := f.Reload(); err == nil {
		t.Error("Reload has no error")
	}
	os.Remove(name)
	look(2)
	write(t, name, line(3)+line(2))
	look(2)
	write(t, name, "")
	look(3)
}

// TestSecretFiles refuses files that are not of the form, without showing what they have.
func TestSecretFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	long := strings.Repeat(line(1)[:64]+"\n", maxFile/64)
	var many strings.Builder
	for i := range byte(maxKeys + 1) {
		many.WriteString(line(i + 1))
	}
	for text, want := range map[string]string{
		"":                               "0 ticket keys",
		line(1):                          "1 ticket keys",
		line(1) + line(1):                "line 2 is the same as line 1",
		line(1) + line(0):                "all zeros",
		line(1) + line(0x5a)[:62] + "\n": "line 2 has 62 characters",
		line(1) + "5a5a5a" + strings.Repeat("x", 58): "no hexadecimal digit",
		many.String(): "more than 32",
		long:          "more than",
	} {
		write(t, name, text)
		_, err := OpenKeyFile(name, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "5a5a") {
			t.Errorf("%.70q: %v, want %q", text, err, want)
		}
	}
	write(t, name, line(1)+line(2))
	if _, err := ReadSecret(name); err == nil || !strings.Contains(err.Error(), "2 secrets") {
		t.Error(err)
	}
	if _, err := OpenKeyFile(name+".none", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o601} {
		os.Chmod(name, mode)
		if _, err := OpenKeyFile(name, nil); !errors.Is(err, ErrAccess) {
			t.Errorf("mode %o: %v", mode, err)
		}
		if _, err := ReadSecret(name); !errors.Is(err, ErrAccess) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// TestSecretDoesNotPrint looks for the secret in all forms of output.
func TestSecretDoesNotPrint(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	b := [32]byte([]byte("a secret that must not be shown!"))
	write(t, name, hex.EncodeToString(b[:])+"\n")
	s, err := ReadSecret(name)
	if err != nil || s.Bytes() != b || !s.Valid() {
		t.Fatal(err)
	}
	if (Secret{}).Valid() || NewSecret([32]byte{}).Valid() {
		t.Error("zeros are a secret")
	}
	for _, form := range printed.Forms(struct{ S Secret }{s}) {
		for _, mark := range printed.Marks(b[:]) {
			if strings.Contains(form, mark) {
				t.Errorf("%s is shown in %s", mark, form)
			}
		}
	}
}

// TestRates: a network has its connections within the time, and one more for each share of the
// time that passes. Connections elsewhere count.
func TestRates(t *testing.T) {
	a, b := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32")
	r, start := NewRates(4, time.Minute), time.Now()
	take := func(network netip.Prefix, after time.Duration, want bool) {
		t.Helper()
		if got := r.Take(network, start.Add(after)); got != want {
			t.Errorf("%v after %v: %v", network, after, got)
		}
	}
	take(a, 0, true)
	r.Spend(a, 2, start)
	take(a, 0, true)
	take(a, 0, false)
	take(b, 0, true)
	r.Spend(a, 1000, start) // no debt
	take(a, 14*time.Second, false)
	take(a, 16*time.Second, true)
	take(a, 16*time.Second, false)
	if n := r.Left(b, start); n != 3 {
		t.Error(n)
	}
	if NewRates(-1, time.Minute).Take(a, start) || NewRates(1, 0).Take(a, start) {
		t.Error("a rate that is not positive allows a connection")
	}
}

// TestRatesAreBounded has more networks than are remembered.
func TestRatesAreBounded(t *testing.T) {
	r, now := NewRates(2, time.Hour), time.Now()
	for i := range uint32(MaxNetworks + 100) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], i)
		if !r.Take(netip.PrefixFrom(netip.AddrFrom4(ip), 32), now) {
			t.Fatalf("address %d was refused", i)
		}
		if len(r.seen) > MaxNetworks {
			t.Fatalf("%d addresses are remembered", len(r.seen))
		}
	}
}

// TestSweeps: many networks do not make each new one cost a look at all of them.
func TestSweeps(t *testing.T) {
	r, start := NewRates(2, 16*time.Second), time.Now()
	next := uint32(0)
	take := func(at time.Time) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], next)
		next++
		r.Take(netip.PrefixFrom(netip.AddrFrom4(ip), 32), at)
	}
	for range MaxNetworks {
		take(start)
	}
	take(start.Add(r.per - 1)) // looks at all, none of which is old
	take(start.Add(r.per))     // all but two are old
	if n := len(r.seen); n != MaxNetworks {
		t.Errorf("%d networks are left after two looks within %v", n, time.Nanosecond)
	}
	take(start.Add(r.per + time.Second))
	if n := len(r.seen); n > 3 {
		t.Errorf("%d networks are left after another look", n)
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add([]byte(line(1) + "# x\r\n\n" + line(2)))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseSecrets(text)
		if err != nil {
			return
		}
		if len(list) > maxKeys || len(list) > len(text)/64 {
			t.Errorf("%d secrets in %d bytes", len(list), len(text))
		}
	})
}
