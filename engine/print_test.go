package engine

import (
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/printed"
)

// TestConnectionsNeverPrintSecrets prints what a connection gives out and holds with
// every verb and encoding, alone and inside of others, and looks for its secrets.
func TestConnectionsNeverPrintSecrets(t *testing.T) {
	secrets := map[string][]string{} // their marks
	log := func(label string, _, secret []byte) { secrets[label] = printed.Marks(secret) }
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
				secrets["session"] = printed.Marks(ev.Session.secret.bytes())
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
			for _, text := range printed.Forms(v) {
				for label, secret := range secrets {
					if printed.Shows(text, secret) {
						t.Errorf("%v: %T shows %s: %.80q", version, v, label, text)
					}
				}
			}
		}
	}
}
