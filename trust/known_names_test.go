//go:build unix

package trust

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/sealsock/sealsock/address/all"
	"github.com/sealsock/sealsock/internal/filelock"
	"github.com/sealsock/sealsock/internal/readfile"
)

// TestKnownByAddress has two services on one host, a path, and lines without a
// port, which count for all ports without a line of their own.
func TestKnownByAddress(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	k, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := Policy{Roots: new(Roots), KnownPeers: k}
	first, second := issue(t, nil, nil, server("box.lan")), issue(t, nil, nil, server("box.lan"))
	verify := func(address string, chain [][]byte) (bool, error) {
		r, err := p.Verify(context.Background(), &Peer{Server: true, Name: "box.lan", Address: address, Chain: chain, Now: noon})
		return err == nil && r.FirstUse, err
	}
	for _, address := range []string{"box.lan:443", "unix:///run/App.sock", "vsock://3:4433"} {
		if isNew, err := verify(address, chainOf(first)); err != nil || !isNew {
			t.Errorf("%s: %v, %v", address, isNew, err)
		}
	}
	for _, address := range []string{"box.lan:8443", "unix:///run/app.sock", "vsock://4:4433"} {
		if isNew, err := verify(address, chainOf(second)); err != nil || !isNew {
			t.Errorf("another key at %s: %v, %v", address, isNew, err)
		}
	}
	var e *Error
	if _, err := verify("BOX.lan:443", chainOf(second)); !errors.As(err, &e) || e.Code != CodePeerChanged {
		t.Errorf("another key at the same port: %v", err)
	}
	// A line of an earlier version.
	write(t, file, []byte("box.lan "+PinOf(first.Certificate).String()+"\n"))
	if isNew, err := verify("box.lan:443", chainOf(first)); err != nil || isNew {
		t.Errorf("a line without a port: %v, %v", isNew, err)
	}
	if _, err := verify("box.lan:8443", chainOf(second)); !errors.As(err, &e) || e.Code != CodePeerChanged ||
		!strings.Contains(e.Hint, "add a line for box.lan:8443") {
		t.Errorf("another key under a line without a port: %v", err)
	}
	if err := k.Add("box.lan:8443", PinOf(second.Certificate)); err != nil {
		t.Fatal(err)
	}
	if isNew, err := verify("box.lan:8443", chainOf(second)); err != nil || isNew {
		t.Errorf("a line of its own: %v, %v", isNew, err)
	}
}

// TestKnownNamesInject writes keys for names that hold every kind of white space
// and control character: each adds one line, for itself alone.
func TestKnownNamesInject(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	k, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	evil := Pin{0xee}
	spaces := " \t\r\n\v\f\x00\x1b\u0085\u00a0\u1680\u2000\u2007\u2028\u2029\u202f\u205f\u3000\u200b\ufeff\u115f\xff"
	names := []string{"#x", "a%20b", "bücher.example"}
	for _, r := range spaces {
		names = append(names, "victim"+string(r)+evil.String()+string(r)+"x", "a"+string(r))
	}
	for i, name := range names {
		if err := k.Add(name, Pin{byte(i)}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range data {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Fatalf("byte %d of the file is %#x", i, c)
		}
	}
	if lines := strings.Count(string(data), "\n"); lines != len(names) {
		t.Errorf("%d lines for %d names", lines, len(names))
	}
	fresh, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if pins, err := fresh.Pins("victim"); err != nil || len(pins) != 0 {
		t.Errorf("victim has %v, %v", pins, err)
	}
	for i, name := range names {
		pins, err := fresh.Pins(name)
		if err != nil || len(pins) == 0 || strings.TrimSpace(name) == name && pins[len(pins)-1] != (Pin{byte(i)}) {
			t.Errorf("%q: %v, %v", name, pins, err)
		}
	}
	// A file that a person wrote.
	for _, r := range "\v\f\u0085\u00a0\u2028\u3000\u200b" {
		for _, between := range []string{"", " "} { // one field or two
			write(t, file, []byte("victim"+string(r)+between+evil.String()+"\n"))
			if pins, err := fresh.Pins("victim"); err == nil {
				t.Errorf("%U in a line: %v", r, pins)
			}
		}
	}
	write(t, file, []byte("bücher.example\t"+evil.String()+" seen\u00a0first\r\n"))
	if pins, err := fresh.Pins("BÜCHER.example"); err != nil || len(pins) != 1 {
		t.Errorf("%v, %v", pins, err)
	}
}

// TestKnownPeersOfOthers opens the file and its folder to other users.
func TestKnownPeersOfOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := write(t, filepath.Join(dir, "known"), []byte("box.lan "+Pin{1}.String()+"\n"))
	k, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, dir os.FileMode
		ok        bool
	}{
		{0o644, 0o755, true}, {0o602, 0o700, false}, {0o666, 0o700, false}, {0o600, 0o703, false},
		{0o600, 0o777, false}, {0o600, 0o777 | os.ModeSticky, true}, {0o666, 0o777 | os.ModeSticky, false},
		{0o600, 0o700, true},
	} {
		if err := errors.Join(os.Chmod(file, c.file), os.Chmod(dir, c.dir)); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Pins("box.lan"); (err == nil) != c.ok {
			t.Errorf("file %v in %v: %v", c.file, c.dir, err)
		}
		var e *Error
		if _, err := k.check([]string{"box.lan"}, nil, Pin{1}); !c.ok && (!errors.As(err, &e) || e.Code != CodeKnownPeers) {
			t.Errorf("file %v in %v: %v", c.file, c.dir, err)
		}
	}
}

// TestKnownPeersOfGroups has a group of the user alone, and another one.
func TestKnownPeersOfGroups(t *testing.T) {
	for _, c := range []struct {
		mode        os.FileMode
		group, user int
		want        bool
	}{
		{0o600, 100, 1000, false}, {0o644, 100, 1000, false}, {0o660, 100, 1000, true},
		{0o620, 100, 1000, true}, {0o602, 100, 1000, true}, {0o660, 1000, 1000, false},
		{0o662, 1000, 1000, true},
	} {
		if got := othersWrite(c.mode, c.group, c.user); got != c.want {
			t.Errorf("mode %v of user %d and group %d: %v", c.mode, c.user, c.group, got)
		}
	}
}

// TestKnownPeersFileIsHeld has another holder of the file's lock.
func TestKnownPeersFileIsHeld(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	k, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := k.open("other.lan")
	if err != nil {
		t.Fatal(err)
	}
	defer func(before time.Duration) { knownPatience = before }(knownPatience)
	knownPatience = time.Millisecond
	for name, err := range map[string]error{
		"Add":   k.Add("box.lan", Pin{1}),
		"check": second(k.check([]string{"box.lan"}, nil, Pin{1})),
	} {
		if !errors.Is(err, filelock.ErrHeld) || !strings.Contains(err.Error(), "the lock of "+file+" for 1ms") {
			t.Errorf("%s while it is held: %v", name, err)
		}
	}
	knownPatience = time.Minute
	f.Close()
	if err := k.Add("box.lan", Pin{1}); err != nil {
		t.Errorf("after it was released: %v", err)
	}
}

func second(_ bool, err error) error { return err }

// TestKnownPeersSameStamp changes the file and puts its time back, in one size.
func TestKnownPeersSameStamp(t *testing.T) {
	for _, fill := range []int{0, 2 * smallKnownFile} {
		file := filepath.Join(t.TempDir(), "known")
		rest := strings.Repeat("#", fill)
		write(t, file, []byte("box.lan "+Pin{1}.String()+"\n"+rest))
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		k, err := OpenKnownPeers(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, []byte("box.lan "+Pin{2}.String()+"\n"+rest))
		if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		if pins, err := k.Pins("box.lan"); err != nil || len(pins) != 1 || pins[0] != (Pin{2}) {
			t.Errorf("with %d bytes: %v, %v", fill, pins, err)
		}
		if fill > 0 {
			continue
		}
		// A change within one tick of the file system's clock has the same stamp.
		write(t, file, []byte("box.lan "+Pin{3}.String()+"\n"))
		if info, err = os.Stat(file); err != nil {
			t.Fatal(err)
		}
		k.stamp = readfile.StampOf(info)
		if pins, err := k.Pins("box.lan"); err != nil || len(pins) != 1 || pins[0] != (Pin{3}) {
			t.Errorf("with the same stamp: %v, %v", pins, err)
		}
	}
}
