package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// aSession makes a session, always the same, by a connection without a network.
func aSession(t testing.TB) *engine.Session {
	t.Helper()
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	now := func() time.Time { return time.Now().Truncate(time.Hour) }
	cr, cs, err := engine.Client(&engine.Config{
		PSKs: []*engine.PSK{key}, Groups: []iana.NamedGroup{iana.X25519}, Rand: zeros{}, Now: now,
	}, engine.Target{ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	find := func([]byte) (*engine.PSK, error) { return key, nil }
	sr, ss, err := engine.Server(&engine.Config{FindPSK: find, Tickets: oneTicket{}, NumTickets: 1, Rand: zeros{}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	var toServer, toClient []byte
	var got *engine.Session
	step := func(r *engine.Receiver, s *engine.Sender, in, out *[]byte) {
		for {
			n, ev, err := r.Receive(*in)
			if err != nil {
				t.Fatal(err)
			}
			*in = (*in)[n:]
			if *out, err = s.Apply(*out, ev.Reply); err != nil {
				t.Fatal(err)
			}
			if ev.Session != nil {
				got = ev.Session
			}
			if ev.Kind == engine.EventWantRead {
				return
			}
		}
	}
	for range 4 {
		step(cr, cs, &toClient, &toServer)
		step(sr, ss, &toServer, &toClient)
	}
	if got == nil {
		t.Fatal("the server gave no session")
	}
	return got
}

// zeros is a source of zero bytes in place of randomness.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// oneTicket issues the same ticket always, and accepts none.
type oneTicket struct{}

func (oneTicket) Issue(*engine.Session) ([]byte, error)  { return []byte("ticket"), nil }
func (oneTicket) Redeem([]byte) (*engine.Session, error) { return nil, nil }

func TestSessionFile(t *testing.T) {
	session := aSession(t)
	file := t.TempDir() + "/s"
	out := newOutput(os.Stderr)
	r, err := openSession(out, file, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	cfg := new(sealsock.Config)
	r.apply(cfg)
	cfg.OnSession(session)
	r.close(out)
	read, err := openSession(out, file, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	if read.stored == nil || !bytes.Equal(read.stored.Ticket, session.Ticket) || read.stored.Version != iana.TLS13 {
		t.Errorf("the file has %v, want %v", read.stored, session)
	}
	next := new(sealsock.Config)
	if read.apply(next); next.Session != read.stored {
		t.Error("the session is not used")
	}

	// One that has expired is not used, and not taken for refused.
	read.stored.Created = time.Now().Add(-8 * 24 * time.Hour)
	late := new(sealsock.Config)
	if read.apply(late); late.Session != nil {
		t.Error("an expired session is used")
	}
	if got := read.outcome(false); got != "expired" {
		t.Errorf("the outcome is %q", got)
	}
	read.close(out)
	if _, err := os.Stat(file); err != nil {
		t.Error("a session that was never shown is removed:", err)
	}

	// One that was used and has no successor is removed.
	again, err := openSession(out, file, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	if got := again.outcome(true); got != "resumed" {
		t.Errorf("the outcome is %q", got)
	}
	again.close(out)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Error("a ticket that was used is kept")
	}
}

func FuzzSessionFile(f *testing.F) {
	data, err := marshalSession(aSession(f), "localhost")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("-----BEGIN SSL SESSION PARAMETERS-----\nMAA=\n-----END SSL SESSION PARAMETERS-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, server, err := parseSession(data)
		if err != nil {
			return
		}
		again, err := marshalSession(s, "x")
		if err != nil {
			t.Fatalf("a session for %q cannot be written: %v", server, err)
		}
		if _, name, err := parseSession(again); err != nil || name != "x" {
			t.Errorf("what was written is read as %q, %v", name, err)
		}
	})
}

// A file is replaced as a whole and with its mode, or left as it was.
func TestReplaceSecret(t *testing.T) {
	dir := t.TempDir()
	secret := make([]byte, 100)
	rand.Read(secret)
	if err := os.WriteFile(dir+"/f", []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceSecret(dir+"/f", secret); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(dir + "/f")
	if err != nil || !bytes.Equal(got, secret) {
		t.Errorf("the file has %x, %v", got, err)
	}
	if err := os.Mkdir(dir+"/d", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/d/x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if replaceSecret(dir+"/d", secret) == nil {
		t.Error("a folder was replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v is left, %v", entries, err)
	}
}

func TestIsSecret(t *testing.T) {
	for line, want := range map[string]bool{
		"GET / HTTP/1.1":                           false,
		"GET /secrets HTTP/1.1":                    false,
		"GET /x?p=/secret HTTP/1.1":                false,
		"GET /secret/../open HTTP/1.1":             false,
		"OPTIONS * HTTP/1.1":                       false,
		"GET /secret":                              true,
		"GET /secret/ HTTP/1.1":                    true,
		"GET /secret?x HTTP/1.1":                   true,
		"GET //secret/x HTTP/1.1":                  true,
		"GET /a/../secret HTTP/1.1":                true,
		"GET /%73ecret HTTP/1.1":                   true,
		"GET /./%2e%2e/Secret%2fx HTTP/1.1":        true,
		`GET \secret HTTP/1.1`:                     true,
		`GET /\secret HTTP/1.1`:                    true,
		"GET https://host/secret HTTP/1.1":         true,
		"GET https://secret.test/x HTTP/1.1":       false,
		"GET /%zz HTTP/1.1":                        true,
		"GET":                                      true,
		"GET secret HTTP/1.1":                      true,
		"GET /" + "\x00secret HTTP/1.1":            true,
		"CONNECT host:443 HTTP/1.1":                false,
		"GET http://host/a/%2e%2e/secret HTTP/1.1": true,
		"GET /secret#x HTTP/1.1":                   true,
		"GET /open#/secret HTTP/1.1":               false,
		"GET /secret%23x HTTP/1.1":                 false,
		"GET /secret;v=1/x HTTP/1.1":               true,
		"GET /;v=1/secret HTTP/1.1":                true,
		"GET /secret%00.txt HTTP/1.1":              true,
		"GET /secret%20 HTTP/1.1":                  true,
		"GET http:secret HTTP/1.1":                 true,
	} {
		if got := isSecret(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestEscapes(t *testing.T) {
	var said bytes.Buffer
	e := &escapes{out: &output{w: &said}}
	for typed, want := range map[string]string{
		"hello": "hello", "": "", "~": "~", "~x": "~x", "~ k": "~ k", "~kk": "~kk", " ~k": " ~k",
		"~~": "~", "~~k": "~k", "~~~": "~~", "~/file": "~/file", "k": "k", "~?x": "~?x",
	} {
		if got, ok := e.line(typed); !ok || got != want {
			t.Errorf("%q is sent as %q, %v", typed, got, ok)
		}
	}
	if said.Len() > 0 {
		t.Errorf("something was said: %s", said.Bytes())
	}
	if _, ok := e.line("~?"); ok || !strings.Contains(said.String(), "~K  update") {
		t.Errorf("~? says %q, and is sent: %v", said.String(), ok)
	}
}

func FuzzIsSecret(f *testing.F) {
	f.Add("/secret/x")
	f.Add("/%2e%2e//SECRET")
	f.Fuzz(func(t *testing.T, target string) {
		// What a file server would find below /secret is secret.
		if strings.ContainsAny(target, " %?#\\") || !strings.HasPrefix(target, "/secret/") || strings.Contains(target, "..") {
			return
		}
		if !isSecret("GET " + target + " HTTP/1.1") {
			t.Errorf("%q is open", target)
		}
	})
}

func TestKeyLogOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes do not show it there
	}
	for mode, warnings := range map[os.FileMode]int{0o600: 1, 0o644: 2} {
		file := filepath.Join(t.TempDir(), "keys")
		if err := errors.Join(os.WriteFile(file, nil, mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		var told bytes.Buffer
		done, err := (&negotiationFlags{keylog: file}).openKeyLog(new(sealsock.Config), &output{w: &told})
		if err != nil {
			t.Fatal(err)
		}
		done()
		if got := strings.Count(told.String(), "seal: warning:"); got != warnings {
			t.Errorf("mode %o: %s", mode, told.String())
		}
	}
}
