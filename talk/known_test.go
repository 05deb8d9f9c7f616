package talk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/trust"
)

// TestNewNamesAreBounded: a member that joins under one name after another does not fill the file
// of known peers, and those who are known are still recognized.
func TestNewNamesAreBounded(t *testing.T) {
	known, err := trust.OpenKnownPeers(filepath.Join(t.TempDir(), "known"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &Room{opts: Options{Members: 2}}
	var ids []*Identity
	meet := func(i int) (first bool, err error) {
		p := &pairing{name: fmt.Sprint("member", i), other: &introduction{key: ids[i].Public()}}
		return p.recognize(t.Context(), known, r.mayRemember)
	}
	for i := range 22 {
		ids = append(ids, NewIdentity())
		first, err := meet(i)
		if want := i < 20; first != want || errors.Is(err, ErrNewNames) == want {
			t.Fatalf("the new name %d: %v, %v", i, first, err)
		}
	}
	if pins, err := known.Pins(verifiedName("member21")); err != nil || len(pins) > 0 {
		t.Errorf("a name too many is remembered: %v, %v", pins, err)
	}
	if first, err := meet(3); first || err != nil {
		t.Errorf("a known name: %v, %v", first, err)
	}
	r = &Room{opts: Options{Members: 2}}
	if first, err := meet(21); !first || err != nil {
		t.Errorf("another room: %v, %v", first, err)
	}
}

// TestSharedNamesAreBounded: names that have a key in common with one that is known, as all that
// differ in case alone, do not fill the file either. Their member is still recognized.
func TestSharedNamesAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	known, err := trust.OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &Room{opts: Options{Members: 2}}
	id := NewIdentity()
	const letters = 12
	for i := range 200 {
		name := ""
		for bit := range letters { // the small Cyrillic Ve looks like no Latin letter
			name += []string{"\u0432", "\u0412"}[i>>bit&1]
		}
		p := &pairing{name: name, other: &introduction{key: id.Public()}}
		if first, err := p.recognize(t.Context(), known, r.mayRemember); first != (i == 0) || err != nil {
			t.Fatalf("the name %d: %v, %v", i, first, err)
		}
	}
	sizeAtMost(t, file, 20*nameSize)
}

// TestLongNamesAreBounded: names of letters that stand for many others are few.
func TestLongNamesAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	known, err := trust.OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &Room{opts: Options{Members: 2}}
	refused := 0
	for i := range 20 {
		name := strings.Repeat("\ufdfa", 30) + fmt.Sprintf("%02d", i)
		p := &pairing{name: name, other: &introduction{key: NewIdentity().Public()}}
		if _, err := p.recognize(t.Context(), known, r.mayRemember); errors.Is(err, ErrNewNames) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("no name was refused")
	}
	sizeAtMost(t, file, 20*nameSize)
}

func sizeAtMost(t *testing.T, file string, most int64) {
	t.Helper()
	if info, err := os.Stat(file); err != nil || info.Size() > most {
		t.Errorf("the file has %d bytes, not at most %d: %v", info.Size(), most, err)
	}
}
