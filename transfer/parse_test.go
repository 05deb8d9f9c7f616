package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/safename"
)

func TestCode(t *testing.T) {
	for _, words := range []int{1, 2, 16} {
		c := newCode(pickNumber(9), words)
		for _, text := range []string{c.Text(), strings.ToUpper(c.Text()),
			"  " + strings.ReplaceAll(c.Text(), "-", " ") + "\n"} {
			got, err := ParseCode(text)
			if err != nil || got.Text() != c.Text() {
				t.Errorf("%q: %v", text, err)
			}
		}
		secret := c.secret()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if strings.Contains(fmt.Sprintf(verb, c), secret) || strings.Contains(
				fmt.Sprintf(verb, *c), secret) {
				t.Errorf("%s prints the words", verb)
			}
		}
	}
	for _, text := range []string{"", "7", "acid-acorn", "0-acid-acorn", "100000-acid",
		"7-acid-acorm", "7-" + strings.Repeat("acid-", 17) + "acid", strings.Repeat("7", 300), "7--"} {
		_, err := ParseCode(text)
		if !errors.Is(err, ErrCode) {
			t.Errorf("%q: %v, want ErrCode", text, err)
		}
		if text != "" && strings.Contains(fmt.Sprint(err), "acorm") {
			t.Errorf("%v shows what was typed", err)
		}
	}
	seen := make(map[uint32]bool)
	for attempt := range 10 {
		n := pickNumber(attempt)
		if n == 0 || n > maxNumber || attempt < 2 && n > 9 {
			t.Errorf("attempt %d has the number %d", attempt, n)
		}
		seen[n] = true
	}
	if len(seen) < 4 {
		t.Errorf("the numbers repeat: %v", seen)
	}
}

func FuzzCode(f *testing.F) {
	f.Add("7-acid-acorn")
	f.Add(" 12 ZEBRA zigzag\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			return
		}
		again, err := ParseCode(c.Text())
		if err != nil || again.Text() != c.Text() {
			t.Errorf("%q is %q, then %v", text, c.Text(), err)
		}
	})
}

func FuzzGreeting(f *testing.F) {
	f.Add((&greeting{greetStart, [sessionSize]byte{1}, make([]byte, 32)}).append())
	f.Add((&greeting{greetRefused, [sessionSize]byte{1}, []byte{1}}).append())
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := parseGreeting(b)
		if err == nil && !bytes.Equal(g.append(), b) {
			t.Errorf("%x becomes %x", b, g.append())
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add((&entry{kind: entryFile, size: 5, modified: 1, name: "x"}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, err := parseEntry(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(e.append(nil), rest...), b) {
			t.Errorf("%x becomes %x", b, e.append(nil))
		}
		if e.size < 0 || e.size > MaxBytes {
			t.Errorf("size %d", e.size)
		}
		e.time()
		new(list).add(e)
	})
}

func FuzzName(f *testing.F) {
	f.Add("a/b")
	f.Add("../a")
	f.Fuzz(func(t *testing.T, name string) {
		for _, system := range []string{"linux", "windows"} {
			if safename.CheckOn(system, name) != nil {
				continue
			}
			for part := range strings.SplitSeq(name, "/") {
				if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\x00\n\x1b") {
					t.Errorf("%q is safe on %s", name, system)
				}
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	h := have{entry: 0, length: 3}
	f.Add(h.append(nil))
	f.Add(fileBody(1, 2))
	f.Add(make([]byte, addrSize))
	l := &list{entries: []entry{{kind: entryFile, size: 5, name: "x"}}}
	f.Fuzz(func(t *testing.T, b []byte) {
		haves := make(map[uint32]have)
		if parseHaves(b, l, haves) == nil {
			for _, h := range haves {
				if h.length < 0 || h.length > 5 {
					t.Errorf("%+v", h)
				}
			}
		}
		if addrs, err := parseAddresses(b); err == nil && len(addrs) > maxAddrs {
			t.Errorf("%d addresses", len(addrs))
		}
		parseFile(b)
		if n, size, err := parseOffer(b); err == nil && (n < 1 || n > MaxEntries || size < 0) {
			t.Errorf("an offer of %d files and %d bytes", n, size)
		}
		if text := textOf(b); strings.ContainsAny(text, "\n\x1b") {
			t.Errorf("%q is shown", text)
		}
	})
}

// TestTextFor: the other side learns no path of this machine.
func TestTextFor(t *testing.T) {
	err := fileError(&fs.PathError{Op: "write", Path: "/home/alice/secret/x", Err: fs.ErrPermission})
	want := strings.TrimPrefix(errFile.Error(), "transfer: ") + ": write x: permission denied"
	if got := string(textFor(err)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
