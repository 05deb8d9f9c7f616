package engine

import (
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// TestSessionsAreApart: a session of TLS is not offered over datagrams, nor one of DTLS over a
// stream. Neither is taken by a server if a client offers it in spite of that.
func TestSessionsAreApart(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		for _, byID := range []bool{false, true} {
			if byID && v == iana.TLS13 {
				continue
			}
			client, server := bothKinds(t, v, byID)
			stream := overStream(t, client, server)
			datagram := overDatagrams(t, client, server)
			if stream.session.Datagram || !datagram.session.Datagram {
				t.Fatalf("%v: the sessions do not tell where they come from", v)
			}
			for _, tc := range []struct {
				name     string
				session  *Session
				datagram bool
				resumed  bool
			}{
				{"TLS over TLS", stream.session, false, true},
				{"DTLS over DTLS", datagram.session, true, true},
				{"TLS over DTLS", stream.session, true, false},
				{"DTLS over TLS", datagram.session, false, false},
				{"TLS over DTLS, offered", marked(stream.session, true), true, false},
				{"DTLS over TLS, offered", marked(datagram.session, false), false, false},
			} {
				client.Session = tc.session
				all := &clientConfig{
					Config: &client.Config, Target: client.Target, datagram: tc.datagram,
				}
				if offers := tc.session.Datagram == tc.datagram; (all.offerable() != nil) != offers {
					t.Errorf("%v, by ID %v, %s: offered is %v", v, byID, tc.name, !offers)
				}
				run := overStream
				if tc.datagram {
					run = overDatagrams
				}
				if got := run(t, client, server).resumed; got != tc.resumed {
					t.Errorf("%v, by ID %v, %s: resumed is %v", v, byID, tc.name, got)
				}
			}
		}
	}
}

// bothKinds returns configurations for one version that resume sessions.
func bothKinds(t *testing.T, v iana.Version, byID bool) (client, server *config) {
	client, server = datagramConfigs(t, v)
	if byID {
		server.SessionIDs, client.NoTickets = cache{}, true
	} else {
		server.Tickets = newMemory()
	}
	return client, server
}

// marked returns a session that claims to be of the other kind.
func marked(s *Session, datagram bool) *Session {
	other := *s
	other.Datagram = datagram
	return &other
}

// An outcome is what a connection has led to.
type outcome struct {
	resumed bool
	session *Session
}

func overStream(t *testing.T, client, server *config) (o outcome) {
	t.Helper()
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if len(c.sessions) > 0 {
		o.session = c.sessions[0]
	}
	o.resumed = c.r.State().Resumed
	return o
}

func overDatagrams(t *testing.T, client, server *config) (o outcome) {
	t.Helper()
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	for range 3 {
		l.pump()
		l.now = l.now.Add(time.Second)
	}
	if len(l.client.sessions) > 0 {
		o.session = l.client.sessions[0]
	}
	o.resumed = l.client.State().Resumed
	return o
}

// TestTicketsBehindKeyUpdate: tickets that are sent while a KeyUpdate is on its way follow under
// the new key. Under the old one the client would end the connection.
func TestTicketsBehindKeyUpdate(t *testing.T) {
	client, server := bothKinds(t, iana.TLS13, false)
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	l.settle()
	n := len(l.client.sessions)
	if err := l.server.Rekey(l.now, false); err != nil {
		t.Fatal(err)
	}
	if err := l.server.SendTickets(3); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.settle()
	}
	if got := len(l.client.sessions) - n; got != 3 || l.failed() != nil {
		t.Errorf("%d tickets, %v", got, l.failed())
	}
}
