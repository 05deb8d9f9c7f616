package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestConnectionIDs: each side decides which IDs it receives, a negative length does without, and
// both versions carry them in all kinds of handshakes and in all that follows.
func TestConnectionIDs(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		for _, tc := range []struct{ client, server, toServer, toClient int }{
			{0, 0, 8, 0}, {4, 6, 6, 4}, {32, 1, 1, 32}, {4, 0, 8, 4}, {-1, 5, 0, 0}, {5, -1, 0, 0},
		} {
			for _, mtu := range []int{256, 1200} {
				client, server := datagramConfigs(t, v)
				client.ConnectionIDLength, server.ConnectionIDLength = tc.client, tc.server
				client.KeyShares = []iana.NamedGroup{} // so that there is a retry in DTLS 1.3
				l := newLink(t, client, server, DatagramOptions{MTU: mtu})
				l.open(t)
				c, s := l.client.State().Datagram, l.server.State().Datagram
				if len(s.ConnectionID) != tc.toServer || len(c.ConnectionID) != tc.toClient ||
					!bytes.Equal(s.ConnectionID, c.PeerConnectionID) ||
					!bytes.Equal(c.ConnectionID, s.PeerConnectionID) {
					t.Fatalf("%v, %+v: %x and %x", v, tc, s.ConnectionID, c.ConnectionID)
				}
				if agreed := tc.client >= 0 && tc.server >= 0; c.PathChecks != agreed || s.PathChecks != agreed {
					t.Errorf("%v, %+v: path checks %v and %v", v, tc, c.PathChecks, s.PathChecks)
				}
				hasID(t, l.client, tc.toServer)
				hasID(t, l.server, tc.toClient)
				if v == iana.TLS13 {
					rekeyed(t, l)
				}
			}
		}
	}
}

// hasID checks the ID of a message that an end sends.
func hasID(t *testing.T, e *end, n int) {
	t.Helper()
	d, err := e.Send(nil, []byte("x"))
	if err != nil || len(d) > 1+e.sealer.DatagramOverhead() {
		t.Fatalf("%d bytes, %v", len(d), err)
	}
	r, _, ok := record.NextRecord(d, n)
	if !ok || len(r.ConnectionID()) != n {
		t.Errorf("the ID is %x, expected %d bytes", r.ConnectionID(), n)
	}
}

// rekeyed changes the key, after which records have the same ID.
func rekeyed(t *testing.T, l *link) {
	t.Helper()
	if err := l.client.Rekey(l.now, false); err != nil {
		t.Fatal(err)
	}
	for l.pump(); l.client.update.sent; l.pump() {
		l.expire()
	}
	l.send(t, l.client, l.server, "under a new key")
}

// TestConnectionIDResumed: IDs are negotiated anew with each connection. RFC 9146, Section 3.
func TestConnectionIDResumed(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := bothKinds(t, v, false)
		client.Session = overDatagrams(t, client, server).session
		server.ConnectionIDLength = 3
		l := newLink(t, client, server, DatagramOptions{})
		l.open(t)
		if s := l.server.State(); !s.Resumed || len(s.Datagram.ConnectionID) != 3 {
			t.Errorf("%v: resumed %v, ID %x", v, s.Resumed, s.Datagram.ConnectionID)
		}
		client.ConnectionIDLength = -1
		l = newLink(t, client, server, DatagramOptions{})
		l.open(t)
		if s := l.server.State().Datagram; s.ConnectionID != nil || s.PathChecks {
			t.Errorf("%v: ID %x for a client that offered none", v, s.ConnectionID)
		}
	}
}

// TestConnectionIDExpected: where an ID is expected, a record with none or another one is
// discarded. RFC 9146, Section 3.
func TestConnectionIDExpected(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		l := newLink(t, client, server, DatagramOptions{})
		l.open(t)
		before := len(l.server.messages)
		take := func(d []byte) { l.server.take(l.server.Receive(l.now, d)) }
		sealer := l.client.sealer.(record.IDSealer)
		sealer.SetConnectionID(nil)
		bare := sealedBy(t, l.client, "without an ID")
		take(bytes.Clone(bare))
		sealer.SetConnectionID([]byte("12345678"))
		take(sealedBy(t, l.client, "with another ID"))
		sealer.SetConnectionID(l.client.ids.peer)
		if n := len(l.server.messages); n != before || l.failed() != nil {
			t.Fatalf("%v: %d messages, %v", v, n-before, l.failed())
		}
		both := append(sealedBy(t, l.client, "with the ID"), bare...)
		take(both)
		// RFC 9147, Section 4: each datagram of DTLS 1.3 has an ID, not each record.
		want := map[iana.Version]int{iana.TLS13: 2, iana.TLS12: 1}[v]
		if n := len(l.server.messages); n != before+want || l.failed() != nil {
			t.Errorf("%v: %d messages of a datagram, expected %d (%v)", v, n-before, want, l.failed())
		}
	}
}

func sealedBy(t *testing.T, e *end, text string) []byte {
	t.Helper()
	d, err := e.Send(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestConnectionIDAnswers: a client refuses answers that were not asked for, or do not fit.
func TestConnectionIDAnswers(t *testing.T) {
	id := []byte{1, 2}
	for _, tc := range []struct {
		name    string
		offered bool
		sh      wire.ServerHello
		alert   iana.Alert
	}{
		{"not offered", false, wire.ServerHello{ConnectionID: id}, iana.AlertUnsupportedExtension},
		{"rrc alone", true, wire.ServerHello{RRC: true}, iana.AlertIllegalParameter},
		{"fine", true, wire.ServerHello{ConnectionID: id, RRC: true}, 0},
	} {
		for _, v := range versionsOfDatagrams {
			client, server := datagramConfigs(t, v)
			if client.ConnectionIDLength = -1; tc.offered {
				client.ConnectionIDLength = 0
			}
			l := newLink(t, client, server, DatagramOptions{})
			o := l.client.recv.state.(*awaitServerHello).offer
			sh := tc.sh
			raw, err := encode(&sh)
			if err != nil {
				t.Fatal(err)
			}
			m, err := wire.ParseServerHello(raw[wire.HeaderLen:])
			if err != nil {
				t.Fatal(err)
			}
			err = o.checkExtensions("server_hello", m.Present, iana.ExtConnectionID, iana.ExtRRC)
			if err == nil {
				err = o.takeDatagrams(&l.client.recv.info, m, nil)
			}
			var e *Error
			if errors.As(err, &e) != (tc.alert != 0) || e != nil && e.Alert != tc.alert {
				t.Errorf("%v, %s: %v", v, tc.name, err)
			}
		}
	}
}

// idsOf opens a connection of DTLS 1.3 with IDs both ways.
func idsOf(t *testing.T, change func(client, server *config)) *link {
	t.Helper()
	client, server := datagramConfigs(t, iana.TLS13)
	client.ConnectionIDLength = 4
	if change != nil {
		change(client, server)
	}
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	return l
}

// settle lets time pass until both ends have nothing to send again.
func (l *link) settle() {
	idle := func(e *end) bool { return e.flight.Empty() && len(e.held) == 0 && e.ackAt.IsZero() }
	for l.pump(); !(idle(l.client) && idle(l.server)) && l.failed() == nil && l.expire(); l.pump() {
	}
}

// TestNewConnectionIDs: IDs are given, asked for, used in order and retired, within bounds, also
// if the messages about them are lost at first.
func TestNewConnectionIDs(t *testing.T) {
	l := idsOf(t, nil)
	first := l.client.State().Datagram.PeerConnectionID
	if err := l.client.RequestConnectionIDs(l.now, 200); err != nil {
		t.Fatal(err)
	}
	if err := l.client.RequestConnectionIDs(l.now, 1); err == nil {
		t.Error("a second request before the answer")
	}
	lost := 0
	l.lose = func(*end, []byte) bool { lost++; return lost <= 2 }
	l.settle()
	l.lose = nil
	l.settle()
	if got, own := len(l.client.ids.spare), len(l.server.ids.own); got != maxIDs-1 || own != maxIDs {
		t.Fatalf("%d spare IDs, %d own: expected %d and %d", got, own, maxIDs-1, maxIDs)
	}
	for i := range maxIDs - 1 {
		if err := l.client.ChangeConnectionID(); err != nil {
			t.Fatal(err)
		}
		l.send(t, l.client, l.server, "with another ID")
		c, s := l.client.State().Datagram, l.server.State().Datagram
		if bytes.Equal(c.PeerConnectionID, first) || !bytes.Equal(c.PeerConnectionID, s.ConnectionID) {
			t.Fatalf("change %d: %x and %x", i, c.PeerConnectionID, s.ConnectionID)
		}
	}
	if err := l.client.ChangeConnectionID(); err == nil {
		t.Error("a change without an ID")
	}
	if n := len(l.server.ids.own); n != 2 {
		t.Errorf("%d IDs after those before were retired, expected 2", n)
	}
	if err := l.server.NewConnectionIDs(l.now, maxIDs, false); err == nil {
		t.Error("more IDs than eight")
	}
	if err := l.server.NewConnectionIDs(l.now, 2, true); err != nil {
		t.Fatal(err)
	}
	if err := l.server.NewConnectionIDs(l.now, 1, false); err == nil {
		t.Error("a second NewConnectionId before the acknowledgment of the first")
	}
	old := l.client.State().Datagram.PeerConnectionID
	l.settle()
	if now := l.client.State().Datagram.PeerConnectionID; bytes.Equal(now, old) || len(l.client.ids.spare) != 1 {
		t.Errorf("an immediate change from %x to %x, %d spare", old, now, len(l.client.ids.spare))
	}
	l.send(t, l.client, l.server, "with the immediate ID")
}

// TestConnectionIDRequestWaits: a request that comes while a NewConnectionId or a KeyUpdate is on
// its way is answered afterwards.
func TestConnectionIDRequestWaits(t *testing.T) {
	l := idsOf(t, nil)
	if err := l.server.NewConnectionIDs(l.now, 1, false); err != nil {
		t.Fatal(err)
	}
	if err := l.client.RequestConnectionIDs(l.now, 2); err != nil {
		t.Fatal(err)
	}
	l.carry(l.client, l.server)
	if !l.server.ids.owed || !l.server.ids.sent {
		t.Fatal("two NewConnectionId are on their way")
	}
	l.settle()
	if n := len(l.client.ids.spare); n != 3 || l.failed() != nil {
		t.Errorf("%d spare IDs, %v", n, l.failed())
	}
	if err := l.server.Rekey(l.now, false); err != nil {
		t.Fatal(err)
	}
	if err := l.server.NewConnectionIDs(l.now, 1, false); err == nil {
		t.Error("a NewConnectionId behind a KeyUpdate, under its old key")
	}
	if err := l.client.RequestConnectionIDs(l.now, 1); err != nil {
		t.Fatal(err)
	}
	l.carry(l.client, l.server)
	if !l.server.ids.owed {
		t.Fatal("answered while a KeyUpdate is on its way")
	}
	for range 4 {
		l.settle()
	}
	if n := len(l.client.ids.spare); n != 4 || l.failed() != nil {
		t.Errorf("%d spare IDs after the KeyUpdate, %v", n, l.failed())
	}
}

// TestConnectionIDViolations: messages that a peer must not send end the connection.
func TestConnectionIDViolations(t *testing.T) {
	give := func(immediate bool, ids ...[]byte) encoder {
		return &wire.NewConnectionID{IDs: ids, Immediate: immediate}
	}
	none := func(client, _ *config) { client.ConnectionIDLength = -1 }
	half := func(client, _ *config) { client.ConnectionIDLength = 0 }
	for _, tc := range []struct {
		name   string
		change func(client, server *config)
		m      encoder // of the client
		alert  iana.Alert
	}{
		{"IDs without negotiation", none, give(false, []byte{1}), iana.AlertUnexpectedMessage},
		{"a request without negotiation", none, &wire.RequestConnectionID{Count: 1},
			iana.AlertUnexpectedMessage},
		{"IDs of a side that receives none", half, give(false, []byte{1}), iana.AlertUnexpectedMessage},
		{"a request of a side that sends none", func(client, server *config) {
			server.ConnectionIDLength = 3
		}, nil, 0},
		{"an empty ID", nil, give(false, []byte{}), iana.AlertIllegalParameter},
		{"none for immediate use", nil, give(true), iana.AlertIllegalParameter},
		{"more than are kept", nil, give(false, bytes.Split([]byte("a.b.c.d.e.f.g.h.i.j.k"), []byte("."))...), 0},
		{"no more", nil, give(false), 0},
	} {
		l := idsOf(t, tc.change)
		if tc.m == nil {
			continue
		}
		raw, err := encode(tc.m)
		if err != nil {
			t.Fatal(err)
		}
		l.client.addMessages(raw)
		l.client.take(l.client.Expire(l.now))
		l.settle()
		var e *Error
		if errors.As(l.server.err, &e) != (tc.alert != 0) || e != nil && e.Alert != tc.alert {
			t.Errorf("%s: %v", tc.name, l.server.err)
		}
		if n := len(l.server.ids.spare); n > maxIDs {
			t.Errorf("%s: %d spare IDs are kept", tc.name, n)
		}
	}
}

// TestConnectionIDRate: a peer cannot ask for ever.
func TestConnectionIDRate(t *testing.T) {
	l := idsOf(t, nil)
	for range 2 * idRate.burst {
		l.client.ids.asked = false
		if err := l.client.RequestConnectionIDs(l.now, 1); err != nil {
			break
		}
		l.settle()
	}
	var e *Error
	if !errors.As(l.server.err, &e) || e.Alert != iana.AlertUnexpectedMessage {
		t.Errorf("the server has %v", l.server.err)
	}
	if n := len(l.server.ids.own); n > maxIDs {
		t.Errorf("%d IDs", n)
	}
}

// issuer makes IDs that count.
type issuer struct {
	next    byte
	retired [][]byte
}

func (i *issuer) Issue() []byte    { i.next++; return []byte{9, 9, i.next} }
func (i *issuer) Retire(id []byte) { i.retired = append(i.retired, id) }

// TestConnectionIDSource: the caller makes the IDs, and learns which are retired.
func TestConnectionIDSource(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	source := new(issuer)
	l := newLink(t, client, server, DatagramOptions{})
	s, err := DatagramServer(&server.Config, DatagramOptions{ConnectionIDs: source})
	if err != nil {
		t.Fatal(err)
	}
	l.server = &end{DatagramConn: s}
	l.open(t)
	if got := l.client.State().Datagram.PeerConnectionID; !bytes.Equal(got, []byte{9, 9, 1}) {
		t.Fatalf("the ID is %x", got)
	}
	if err := l.server.NewConnectionIDs(l.now, 3, false); err != nil {
		t.Fatal(err)
	}
	l.settle()
	for range 3 {
		if err := l.client.ChangeConnectionID(); err != nil {
			t.Fatal(err)
		}
		l.send(t, l.client, l.server, "x")
	}
	if len(source.retired) != 2 || !bytes.Equal(source.retired[1], []byte{9, 9, 2}) {
		t.Errorf("retired are %x", source.retired)
	}
}

// TestConnectionIDConfig: a length that is too large, and profiles that are not known.
func TestConnectionIDConfig(t *testing.T) {
	for _, tc := range []struct {
		change func(*Config)
		ok     bool
	}{
		{func(c *Config) { c.ConnectionIDLength = maxIDLength }, true},
		{func(c *Config) { c.ConnectionIDLength = maxIDLength + 1 }, false},
		{func(c *Config) { c.SRTPProfiles = []iana.SRTPProfile{iana.SRTP_AEAD_AES_256_GCM} }, true},
		{func(c *Config) { c.SRTPProfiles = []iana.SRTPProfile{5} }, false},
		{func(c *Config) { c.SRTPProfiles = []iana.SRTPProfile{1, 1} }, false},
	} {
		client, server := datagramConfigs(t, iana.TLS13)
		tc.change(&client.Config)
		tc.change(&server.Config)
		_, err := DatagramClient(&client.Config, client.Target, DatagramOptions{})
		if serr := server.CheckServer(); (err == nil) != tc.ok || (serr == nil) != tc.ok {
			t.Errorf("%+v: %v, %v", client.Options.SRTPProfiles, err, serr)
		}
	}
}

// TestConnectionIDsEarly: 0-RTT data has no ID, because it is sent before that is known.
func TestConnectionIDsEarly(t *testing.T) {
	client, server := bothKinds(t, iana.TLS13, false)
	m := server.Tickets.(*memory)
	server.AntiReplay, server.MaxEarlyData, client.EarlyData = m, 1000, true
	client.Groups = []iana.NamedGroup{iana.X25519} // without a retry, which refuses 0-RTT data
	client.Session = overDatagrams(t, client, server).session
	l := newLink(t, client, server, DatagramOptions{AddressProved: true})
	d, err := l.client.Send(nil, []byte("early"))
	if err != nil {
		t.Fatal(err)
	}
	l.carry(l.client, l.server)
	l.server.take(l.server.Receive(l.now, d))
	l.open(t)
	if len(l.server.early) != 1 || len(l.server.State().Datagram.ConnectionID) != 8 {
		t.Errorf("%d early messages, ID %x, accepted %v", len(l.server.early),
			l.server.State().Datagram.ConnectionID, l.server.State().EarlyData)
	}
}
