package engine

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// flights returns what each side of a handshake with everything in it sends, for
// seeds.
func flights(f *testing.F, client, server *config) (toClient, toServer []byte) {
	f.Helper()
	cr, cs, _ := startClient(client)
	sr, ss, _ := startServer(server)
	c, s := &side{r: cr, s: cs}, &side{r: sr, s: ss}
	for range 4 {
		out, err := c.step()
		if err != nil {
			f.Fatal(err)
		}
		toServer = append(toServer, out...)
		s.in = append(s.in, out...)
		back, err := s.step()
		if err != nil {
			f.Fatal(err)
		}
		toClient = append(toClient, back...)
		c.in = append(c.in, back...)
	}
	return toClient, toServer
}

// fuzzConfigs uses Ed25519, whose signatures are the same each time.
func fuzzConfigs(t testing.TB) (client, server *config) {
	cred := newCredential(t, ed25519.NewKeyFromSeed(make([]byte, 32)))
	now := func() time.Time { return time.Unix(1e9, 0) }
	m := newMemory()
	client = &config{
		Verifier: acceptAll{}, Credentials: []*Credential{cred}, ServerName: "example.com", ALPN: []string{"a"}, Now: now,
		PostHandshakeAuth: true, Rand: zeros{}, Groups: []iana.NamedGroup{iana.X25519}, RecordSizeLimit: 500,
	}
	server = &config{
		Verifier: acceptAll{}, Credentials: []*Credential{cred}, ClientAuth: RequireClientCert, ALPN: []string{"a"}, Now: now,
		Tickets: m, AntiReplay: m, MaxEarlyData: 100, Rand: zeros{},
	}
	return client, server
}

// zeros is randomness for fuzzing: the same keys each time, so that mutated
// flights get beyond the first message.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

// FuzzEngine gives both roles any bytes, cut anywhere. For all of them, the
// engine must end in an error, an event or a need for more, must not read
// without end, and must not take application data from a peer it did not prove.
func FuzzEngine(f *testing.F) {
	client, server := fuzzConfigs(f)
	fuzzEngine(f, client, server)
}

// FuzzEngine12 is FuzzEngine for TLS 1.2.
func FuzzEngine12(f *testing.F) {
	client, server := fuzzConfigs(f)
	server.MaxVersion = iana.TLS12
	fuzzEngine(f, client, server)
}

func fuzzEngine(f *testing.F, client, server *config) {
	toClient, toServer := flights(f, client, server)
	f.Add(toClient, false, uint8(0))
	f.Add(toServer, true, uint8(0))
	f.Add(toClient, false, uint8(1))
	f.Add(toServer, true, uint8(7))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), true, uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, asServer bool, cut uint8) {
		r, s, err := startClient(client)
		if asServer {
			r, s, err = startServer(server)
		}
		if err != nil {
			t.Fatal(err)
		}
		var in []byte
		data = bytes.Clone(data)
		for len(data) > 0 {
			n := min(int(cut)+1, len(data))
			in, data = append(in, data[:n]...), data[n:]
			for steps := 0; ; steps++ {
				if steps > 10*len(in)+100 {
					t.Fatal("the engine goes round in circles")
				}
				n, ev, err := r.Receive(in)
				if _, serr := s.Apply(nil, ev.Reply); serr != nil {
					t.Fatal(serr)
				}
				if err != nil {
					return
				}
				in = in[n:]
				state := r.State()
				if ev.Kind == EventData && !ev.Early && !state.HandshakeDone {
					t.Fatal("application data from nobody")
				}
				if ev.Kind == EventWantRead || ev.Kind == EventClosed || ev.Kind == EventWaiting {
					break
				}
			}
		}
	})
}

// FuzzMessages replaces one handshake message of a live connection, before it is
// sealed, so that mutations get behind the encryption. The other side must not
// finish a handshake that was changed.
func FuzzMessages(f *testing.F) {
	client, server := fuzzConfigs(f)
	fuzzMessages(f, client, server, defaultTickets)
}

// FuzzMessages12 is FuzzMessages for TLS 1.2, whose ticket is part of the
// handshake.
func FuzzMessages12(f *testing.F) {
	client, server := fuzzConfigs(f)
	server.MaxVersion = iana.TLS12
	fuzzMessages(f, client, server, 0)
}

// fuzzMessages leaves out the last messages, which are no part of the handshake.
func fuzzMessages(f *testing.F, client, server *config, last int) {
	var messages [][]byte
	record := func(tr Trace) {
		if tr.Sent && tr.Type == iana.ContentHandshake {
			messages = append(messages, bytes.Clone(tr.Data))
		}
	}
	client.Trace, server.Trace = record, record
	c, s := newPair(f, client, server)
	if err := pump(c, s); err != nil {
		f.Fatal(err)
	}
	client.Trace, server.Trace = nil, nil
	for i, m := range messages {
		f.Add(m, uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, index uint8) {
		c, s := newPair(t, client, server)
		m := &mutator{left: int(index), data: data}
		for range 10 {
			out, err := m.step(c)
			s.in = append(s.in, out...)
			if err != nil {
				return
			}
			back, err := m.step(s)
			c.in = append(c.in, back...)
			if err != nil {
				return
			}
		}
		if m.changed && c.done && s.done && m.left < len(messages)-last {
			t.Error("a handshake that was changed on its way is done")
		}
	})
}

// A mutator replaces the message number left.
type mutator struct {
	left    int
	data    []byte
	changed bool
}

// step is side.step with the mutation in between.
func (m *mutator) step(e *side) (out []byte, err error) {
	for range 100 {
		n, ev, rerr := e.r.Receive(e.in)
		for i := range ev.Reply.steps {
			if st := &ev.Reply.steps[i]; st.kind == stepHandshake {
				st.message = m.mutate(st.message)
			}
		}
		if out, err = e.s.Apply(out, ev.Reply); err != nil || rerr != nil {
			return out, errors.Join(rerr, err)
		}
		e.in = e.in[n:]
		e.done = e.done || ev.Kind == EventHandshakeDone
		if ev.Kind == EventWantRead || ev.Kind == EventClosed {
			return out, nil
		}
	}
	return out, errors.New("the engine goes round in circles")
}

// mutate goes through the messages of a flight.
func (m *mutator) mutate(flight []byte) []byte {
	var out []byte
	for len(flight) >= 4 {
		n := min(4+int(flight[1])<<16+int(flight[2])<<8+int(flight[3]), len(flight))
		one := flight[:n]
		flight = flight[n:]
		if m.left == 0 && !bytes.Equal(one, m.data) {
			one, m.changed = m.data, true
		}
		m.left--
		out = append(out, one...)
	}
	return out
}
