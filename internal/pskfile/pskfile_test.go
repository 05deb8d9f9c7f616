package pskfile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/engine"
)

func TestParseKeys(t *testing.T) {
	keys, lines, err := Parse([]byte("# one\r\nalice:00ff\r\n\n  a:b: c:0A \nlast:01"))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		identity, key string
		line          int
	}{{"alice", "\x00\xff", 2}, {"a:b: c", "\x0a", 4}, {"last", "\x01", 5}}
	if len(keys) != len(want) {
		t.Fatalf("%d keys, want %d", len(keys), len(want))
	}
	for i, w := range want {
		key := engine.NewPSK([]byte(w.identity), []byte(w.key))
		if !keys[i].Equal(key) || lines[i] != w.line {
			t.Errorf("key %d is %v in line %d", i, keys[i], lines[i])
		}
	}
	for text, want := range map[string]string{
		"deadbeef":                        "line 1: there is no colon between identity and key",
		"\n:00":                           "line 2: the identity has 0 bytes: it must have 1 to 1024",
		strings.Repeat("x", 1025) + ":00": "line 1: the identity has 1025 bytes: it must have 1 to 1024",
		"me:0g":                           "line 1: the key is not in hexadecimal, two digits a byte",
		"me:0":                            "line 1: the key is not in hexadecimal, two digits a byte",
		"me:":                             "line 1: the key has 0 bytes: it must have 1 to 512",
		"me:" + strings.Repeat("00", 513): "line 1: the key has 513 bytes: it must have 1 to 512",
		"me:00\nyou:00\nme:01":            "line 3: the identity has a key in line 1 already",
	} {
		if keys, _, err := Parse([]byte(text)); err == nil || err.Error() != want || keys != nil {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

// For every content of a file of keys, the keys that are read can be used, and no
// error shows the text after the last colon.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte("# keys\nalice:8a5b0f3c\nthe:printer: 00\n"))
	f.Add([]byte("secret"))
	f.Add([]byte("a:zz\nb:"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, lines, err := Parse(data)
		if err != nil {
			if len(err.Error()) > 120 {
				t.Errorf("the error is long enough to show a key: %v", err)
			}
			return
		}
		if len(keys) != len(lines) || len(keys) > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("%d keys in %d lines", len(keys), len(lines))
		}
		for _, k := range keys {
			if len(k.Identity) == 0 || k.KeyLen() == 0 || k.KeyLen() > maxKey {
				t.Errorf("identity %q with a key of %d bytes", k.Identity, k.KeyLen())
			}
		}
	})
}
