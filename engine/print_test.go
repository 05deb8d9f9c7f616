package engine

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestConnectionsNeverPrintSecrets prints what a connection gives out and holds with
// every verb and encoding, alone and inside of others, and looks for its secrets.
func TestConnectionsNeverPrintSecrets(t *testing.T) {
	secrets := map[string][]byte{}
	log := func(label string, _, secret []byte) { secrets[label] = bytes.Clone(secret) }
	for _, version := range bothVersions {
		client, server := resumableAt(t, version)
		now := func() time.Time { return time.Unix(1_000_000_000, 0) }
		client.KeyLog, client.Now, client.Session = log, now, nil
		client.Credentials = []*Credential{newCredential(t, nil)}
		server.ClientAuth, server.Verifier = RequireClientCert, acceptAll{}
		c, s := newPair(t, client, server)
		var events []Event
		var replies []Outgoing
		for range 20 {
			for _, e := range []*side{c, s} {
				n, ev, err := e.r.Receive(e.in)
				if err != nil {
					t.Fatal(err)
				}
				e.in = e.in[n:]
				events, replies = append(events, ev), append(replies, ev.Reply)
				out, err := e.s.Apply(nil, ev.Reply)
				if err != nil {
					t.Fatal(err)
				}
				if e == c {
					s.in = append(s.in, out...)
				} else {
					c.in = append(c.in, out...)
				}
			}
		}
		for _, ev := range events {
			if ev.Session != nil {
				secrets["session"] = ev.Session.secret.bytes()
			}
		}
		state := c.r.State()
		type hidden struct {
			state    State
			receiver *Receiver
			sender   *Sender
			events   []Event
			replies  []Outgoing
			exporter any
		}
		for _, v := range []any{
			state, &state, c.r, c.s, s.r, s.s, *c.r, *c.s, events, replies, events[0], &events[0], replies[0], &replies[0],
			hidden{state, c.r, c.s, events, replies, state}, &hidden{state, c.r, c.s, events, replies, &state},
			map[string]any{"x": state}, struct{ E []Event }{events},
		} {
			for _, text := range printed(v) {
				for label, secret := range secrets {
					if shows(text, secret) {
						t.Errorf("%v: %T shows %s: %.80q", version, v, label, text)
					}
				}
			}
		}
	}
}

// printed returns v in every form that a program may write to a log.
func printed(v any) (forms []string) {
	for _, flags := range []string{"", "+", "#", " ", "0"} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			forms = append(forms, fmt.Sprintf("%"+flags+string(verb), v))
		}
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	forms = append(forms, b.String())
	if j, err := json.Marshal(v); err == nil {
		forms = append(forms, string(j))
	}
	if x, err := xml.Marshal(v); err == nil {
		forms = append(forms, string(x))
	}
	b.Reset()
	if gob.NewEncoder(&b).Encode(v) == nil {
		forms = append(forms, b.String())
	}
	return forms
}

// shows reports whether text has the first bytes of a secret in any usual form.
func shows(text string, secret []byte) bool {
	if len(secret) < 16 {
		return false
	}
	head := secret[4:12]
	var forms []string
	for _, verb := range []string{"%d", "%x", "%X", "% x", "%#x", "%# x", "%v", "%o", "%b", "%#v", "%q"} {
		forms = append(forms, strings.Trim(fmt.Sprintf(verb, head), "[]\""))
	}
	var list []string
	for _, b := range head {
		list = append(list, fmt.Sprintf("0x%x", b))
	}
	forms = append(forms, strings.Join(list, ", "), string(head))
	for _, f := range forms {
		f = strings.TrimSuffix(strings.TrimPrefix(f, "[]byte{"), "}")
		if len(f) > 7 && strings.Contains(text, f) {
			return true
		}
	}
	return false
}
