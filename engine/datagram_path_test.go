package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
)

// moving opens a connection whose client may move.
func moving(t *testing.T, v iana.Version) *link {
	t.Helper()
	client, server := datagramConfigs(t, v)
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	l.settle()
	return l
}

// arrives gives the server a datagram from a path.
func (l *link) arrives(path uint64, d []byte) {
	l.server.take(l.server.ReceiveFrom(l.now, path, bytes.Clone(d)))
}

// probes takes what the server sends on other paths, by path.
func (l *link) probes() (all map[uint64][][]byte) {
	all = map[uint64][][]byte{}
	for d, path := l.server.NextProbe(); d != nil; d, path = l.server.NextProbe() {
		all[path] = append(all[path], d)
	}
	return all
}

// answers gives the client a challenge and returns its answer.
func (l *link) answers(t *testing.T, challenge []byte) []byte {
	t.Helper()
	l.client.take(l.client.Receive(l.now, challenge))
	d := l.client.NextDatagram()
	if d == nil || l.client.err != nil {
		t.Fatalf("no answer to a challenge: %v", l.client.err)
	}
	return d
}

// TestPathMoves: a peer is followed once it has proved that it receives on a new path, and not
// before. What it sends from there is used meanwhile.
func TestPathMoves(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		l := moving(t, v)
		l.arrives(1, sealedBy(t, l.client, "from elsewhere"))
		if n := len(l.server.messages); string(l.server.messages[n-1]) != "from elsewhere" {
			t.Fatalf("%v: the message is lost", v)
		}
		probes := l.probes()[1]
		if path, ok := l.server.Checking(); len(probes) != 1 || path != 1 || !ok || l.server.Path() != 0 {
			t.Fatalf("%v: %d challenges, path %d", v, len(probes), l.server.Path())
		}
		answer := l.answers(t, probes[0])
		l.arrives(2, answer) // not the path that was asked
		if l.server.had(EventMoved) {
			t.Fatalf("%v: moved by an answer from another path", v)
		}
		// It began another check, as the newest; the first path again:
		l = moving(t, v)
		l.arrives(1, sealedBy(t, l.client, "from elsewhere"))
		l.arrives(1, l.answers(t, l.probes()[1][0]))
		if _, checks := l.server.Checking(); !l.server.had(EventMoved) || l.server.Path() != 1 || checks {
			t.Fatalf("%v: path %d after the answer", v, l.server.Path())
		}
		l.arrives(1, sealedBy(t, l.client, "still there"))
		if p := l.probes(); len(p) > 0 || !l.server.Timeout().IsZero() && v == iana.TLS12 {
			t.Errorf("%v: probes of the current path: %d", v, len(p))
		}
		// Back again.
		l.arrives(0, sealedBy(t, l.client, "back"))
		l.arrives(0, l.answers(t, l.probes()[0][0]))
		if l.server.Path() != 0 {
			t.Errorf("%v: not back", v)
		}
	}
}

// TestPathIsNotFollowed: what is forged, old, repeated, or without a connection ID changes nothing
// and is not answered.
func TestPathIsNotFollowed(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		hello := newLink(t, clientOf(t, v), nil12(t, v), DatagramOptions{})
		first := hello.client.NextDatagram()
		for name, attack := range map[string]func(*link){
			"forged": func(l *link) {
				d := sealedBy(t, l.client, "x")
				d[len(d)-1] ^= 1
				l.arrives(7, d)
			},
			"repeated": func(l *link) {
				d := sealedBy(t, l.client, "x")
				l.arrives(0, d)
				l.arrives(7, d)
			},
			"older": func(l *link) {
				d := sealedBy(t, l.client, "x")
				l.arrives(0, sealedBy(t, l.client, "y"))
				n := len(l.server.messages)
				l.arrives(7, d)
				if len(l.server.messages) != n+1 {
					t.Errorf("%v: a message that was overtaken is lost", v)
				}
			},
			"a ClientHello": func(l *link) { l.arrives(7, first) },
			"an alert in the clear": func(l *link) {
				l.arrives(7, []byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40})
			},
			"garbage": func(l *link) { l.arrives(7, bytes.Repeat([]byte{0x3f}, 100)) },
			"a peer without rrc": func(l *link) {
				l.server.ids.checks = false
				l.arrives(7, sealedBy(t, l.client, "x"))
			},
		} {
			l := moving(t, v)
			attack(l)
			if _, checks := l.server.Checking(); checks || len(l.probes()) > 0 || l.server.Path() != 0 ||
				l.server.NextDatagram() != nil || l.failed() != nil {
				t.Errorf("%v, %s: path %d, checks %v, %v", v, name, l.server.Path(), checks, l.failed())
			}
			l.send(t, l.client, l.server, "still here")
			l.send(t, l.server, l.client, "and there")
		}
	}
}

func clientOf(t *testing.T, v iana.Version) *config { c, _ := datagramConfigs(t, v); return c }
func nil12(t *testing.T, v iana.Version) *config    { _, s := datagramConfigs(t, v); return s }

// TestPathWithoutID: without a connection ID nothing from elsewhere counts.
func TestPathWithoutID(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		server.ConnectionIDLength = -1
		l := newLink(t, client, server, DatagramOptions{})
		l.arrives(3, l.client.NextDatagram()) // before the handshake is done
		if len(l.server.kinds) > 0 || l.server.NextDatagram() != nil {
			t.Fatalf("%v: a handshake from elsewhere", v)
		}
		l = newLink(t, client, server, DatagramOptions{})
		l.open(t)
		n := len(l.server.messages)
		l.arrives(3, sealedBy(t, l.client, "x"))
		if len(l.server.messages) != n || len(l.probes()) > 0 {
			t.Errorf("%v: a message from elsewhere", v)
		}
	}
}

// TestPathCheckIsBounded: a path gets at most three challenges within a second, and at most three
// times the bytes that have come from it; then the check has failed. RFC 9853, Sections 5.3, 5.5.
func TestPathCheckIsBounded(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		l := moving(t, v)
		d := sealedBy(t, l.client, "a message that is long enough for three challenges, and more")
		l.arrives(1, d)
		start, sent, challenges := l.now, 0, 0
		cookies := map[string]bool{}
		for {
			for _, p := range l.probes()[1] {
				sent += len(p)
				challenges++
				cookies[string(l.answers(t, p))] = true
			}
			at := l.server.paths.deadline()
			if at.IsZero() {
				break
			}
			l.now = at
			l.server.take(l.server.Expire(l.now))
		}
		if challenges != maxChallenges || len(cookies) != challenges || sent > 3*len(d) {
			t.Errorf("%v: %d challenges of %d bytes for %d bytes", v, challenges, sent, len(d))
		}
		if took := l.now.Sub(start); took != pathTimeout {
			t.Errorf("%v: the check ended after %v", v, took)
		}
		for answer := range cookies { // too late
			l.server.take(l.server.Receive(l.now, []byte(answer)))
		}
		if l.server.had(EventMoved) {
			t.Errorf("%v: moved after the end of the check", v)
		}
		amplifies(t, v)
	}
}

// amplifies sends the smallest message: the challenges for it are counted.
func amplifies(t *testing.T, v iana.Version) {
	l := moving(t, v)
	d := sealedBy(t, l.client, "")
	l.arrives(1, d)
	forged := sealedBy(t, l.client, "a forgery grants nothing, as long as it may be")
	forged[len(forged)-1] ^= 1
	l.arrives(1, forged)
	sent := 0
	for range 10 {
		for _, p := range l.probes()[1] {
			sent += len(p)
		}
		l.now = l.now.Add(pathTimeout / 10)
		l.server.take(l.server.Expire(l.now))
	}
	if sent > 3*len(d) {
		t.Errorf("%v: %d bytes for %d", v, sent, len(d))
	}
}

// TestPathAnswers: an answer with another cookie, or path_drop, does not move the connection, and
// a message of an unknown type is ignored.
func TestPathAnswers(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		for name, tc := range map[string]struct {
			m      func(dtls.CheckCookie) []byte
			checks bool // afterwards
		}{
			"another cookie": {func(dtls.CheckCookie) []byte {
				return dtls.Check{Type: dtls.PathResponse}.AppendTo(nil)
			}, true},
			"path_drop": {func(c dtls.CheckCookie) []byte {
				return dtls.Check{Type: dtls.PathDrop, Cookie: c}.AppendTo(nil)
			}, false},
			"an unknown type": {func(c dtls.CheckCookie) []byte {
				return dtls.Check{Type: 9, Cookie: c}.AppendTo(nil)
			}, true},
			"too short": {func(c dtls.CheckCookie) []byte {
				return dtls.Check{Type: dtls.PathResponse, Cookie: c}.AppendTo(nil)[:8]
			}, true},
		} {
			l := moving(t, v)
			l.arrives(1, sealedBy(t, l.client, "x"))
			cookie := l.server.paths.check.cookies[0]
			d, _, err := l.client.sealer.SealDatagram(nil, iana.ContentRRC, tc.m(cookie), 0)
			if err != nil {
				t.Fatal(err)
			}
			l.arrives(1, d)
			if _, checks := l.server.Checking(); l.server.had(EventMoved) || checks != tc.checks ||
				l.failed() != nil {
				t.Errorf("%v, %s: moved %v, checks %v, %v", v, name, l.server.had(EventMoved), checks,
					l.failed())
			}
		}
	}
}

// TestPathCheckUnasked: without rrc its messages end the connection. RFC 9853, Section 3.
func TestPathCheckUnasked(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		l := moving(t, v)
		l.server.ids.checks = false
		d, err := l.client.sealCheck(dtls.Check{Type: dtls.PathChallenge})
		if err != nil {
			t.Fatal(err)
		}
		l.arrives(0, d)
		var e *Error
		if !errors.As(l.server.err, &e) || e.Alert != iana.AlertUnexpectedMessage {
			t.Errorf("%v: %v", v, l.server.err)
		}
	}
}

// TestChallengeFromElsewhere: a challenge is answered on the path on which it came, with no more
// than three times its bytes, and a server may be the one that answers.
func TestChallengeFromElsewhere(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		l := moving(t, v)
		d, err := l.client.sealCheck(dtls.Check{Type: dtls.PathChallenge, Cookie: dtls.CheckCookie{5}})
		if err != nil {
			t.Fatal(err)
		}
		l.arrives(4, d)
		if n := len(l.probes()[4]); n != 2 || l.server.NextDatagram() != nil { // and its own challenge
			t.Errorf("%v: %d datagrams", v, n)
		}
		l = moving(t, v)
		l.server.ids.peer = bytes.Repeat([]byte{1}, 255)
		l.server.identify()
		d, _ = l.client.sealCheck(dtls.Check{Type: dtls.PathChallenge})
		l.arrives(4, d)
		sent := 0
		for _, p := range l.probes()[4] {
			sent += len(p)
		}
		if sent > 3*len(d) {
			t.Errorf("%v: %d bytes for a challenge of %d", v, sent, len(d))
		}
	}
}

// TestPathUsesNewID: on a new path an ID that the peer has given besides is used. RFC 9147,
// Section 9.
func TestPathUsesNewID(t *testing.T) {
	l := idsOf(t, nil)
	if err := l.client.NewConnectionIDs(l.now, 1, false); err != nil {
		t.Fatal(err)
	}
	l.settle()
	before := l.server.State().Datagram.PeerConnectionID
	l.arrives(1, sealedBy(t, l.client, "x"))
	l.arrives(1, l.answers(t, l.probes()[1][0]))
	if after := l.server.State().Datagram.PeerConnectionID; bytes.Equal(before, after) {
		t.Error("the old ID is used on the new path")
	}
	l.send(t, l.server, l.client, "with the new ID")
}

// TestChallengesFromElsewhere: many challenges in one datagram are answered with no more than three
// times its bytes in all, together with what this side sends there itself. RFC 9853, Section 5.
func TestChallengesFromElsewhere(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		l := moving(t, v)
		l.server.ids.peer = bytes.Repeat([]byte{1}, 255)
		l.server.identify()
		var all []byte
		for range 30 {
			d, err := l.client.sealCheck(dtls.Check{Type: dtls.PathChallenge})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d...)
		}
		l.arrives(4, all)
		sent := 0
		for range 4 {
			for _, p := range l.probes()[4] {
				sent += len(p)
			}
			l.now = l.now.Add(pathTimeout / 4)
			l.server.take(l.server.Expire(l.now))
		}
		if sent == 0 || sent > 3*len(all) {
			t.Errorf("%v: %d bytes for challenges of %d", v, sent, len(all))
		}
	}
}
