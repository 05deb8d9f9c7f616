package engine

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// A gate is a server that makes a connection only for a client that has proved its address.
type gate struct {
	*AddressCheck
	server  *config
	address []byte
	replies int
}

func newGate(t testing.TB, server *config) *gate {
	t.Helper()
	check, err := NewAddressCheck(&server.Config)
	if err != nil {
		t.Fatal(err)
	}
	return &gate{AddressCheck: check, server: server, address: []byte("192.0.2.1:9")}
}

// meet carries the client's datagrams to the gate until there is a connection.
func (g *gate) meet(t testing.TB, l *link, o DatagramOptions) {
	t.Helper()
	l.server = nil
	for range 20 {
		for d := l.client.NextDatagram(); d != nil; d = l.client.NextDatagram() {
			if l.server != nil {
				l.server.take(l.server.Receive(l.now, d))
				continue
			}
			verdict, reply, proof := g.Check(l.now, g.address, bytes.Clone(d))
			switch verdict {
			case AddressReply:
				if g.replies++; len(reply) > 3*len(d) {
					t.Errorf("a reply of %d bytes to %d", len(reply), len(d))
				}
				l.client.take(l.client.Receive(l.now, reply))
			case AddressProved:
				o.Proof = proof
				s, err := DatagramServer(&g.server.Config, o)
				if err != nil {
					t.Fatal(err)
				}
				l.server = &end{DatagramConn: s}
				l.server.take(s.Receive(l.now, d))
			}
		}
		if l.server != nil {
			return
		}
	}
	t.Fatalf("the client did not prove its address: %v", l.client.err)
}

// TestAddressCheck: a client proves its address with one more round trip, in both versions and
// whether or not it is asked for another key share, and the handshake continues from the
// cookie alone.
func TestAddressCheck(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		for _, shares := range [][]iana.NamedGroup{nil, {}, {iana.X25519}} {
			client, server := datagramConfigs(t, v)
			client.KeyShares = shares
			o := DatagramOptions{MTU: 600}
			l := newLink(t, client, server, o)
			g := newGate(t, server)
			g.meet(t, l, o)
			l.open(t)
			if g.replies != 1 {
				t.Errorf("%v: %d replies", v, g.replies)
			}
			if s := l.client.State(); v == iana.TLS13 && s.Group != iana.X25519MLKEM768 {
				t.Errorf("%v: the group is %v", v, s.Group)
			}
		}
	}
}

// TestAddressCheckSession: a session is resumed behind a proof, and 0-RTT data is refused.
func TestAddressCheckSession(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		server.Tickets = newMemory()
		l := newLink(t, client, server, DatagramOptions{})
		l.open(t)
		if len(l.client.sessions) == 0 {
			t.Fatalf("%v: no session", v)
		}
		client.Session = l.client.sessions[0]
		l = newLink(t, client, server, DatagramOptions{})
		newGate(t, server).meet(t, l, DatagramOptions{})
		l.open(t)
		if !l.client.State().Resumed || !l.server.State().Resumed {
			t.Errorf("%v: the session was not resumed", v)
		}
	}
}

// TestAddressCheckRefuses: a cookie is for one address, one ClientHello and one minute.
func TestAddressCheckRefuses(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		l := newLink(t, client, server, DatagramOptions{MTU: 9000}) // one datagram a hello
		g := newGate(t, server)
		_, reply, _ := g.Check(l.now, g.address, l.client.NextDatagram())
		l.client.take(l.client.Receive(l.now, reply))
		second := l.client.NextDatagram()
		verdict := func(at time.Time, address string, d []byte) AddressVerdict {
			v, _, _ := g.Check(at, []byte(address), bytes.Clone(d))
			return v
		}
		own := string(g.address)
		if got := verdict(l.now, own, second); got != AddressProved {
			t.Fatalf("%v: verdict %d", v, got)
		}
		if got := verdict(l.now, "192.0.2.2:9", second); got != AddressReply {
			t.Errorf("%v: another address: verdict %d", v, got)
		}
		if got := verdict(l.now.Add(cookieLifetime+time.Second), own, second); got != AddressReply {
			t.Errorf("%v: an old cookie: verdict %d", v, got)
		}
		for i := range second {
			for _, n := range []int{i, len(second)} {
				d := bytes.Clone(second[:n])
				if n == len(second) {
					d[i] ^= 1
				}
				g.Check(l.now, g.address, d) // nothing panics
			}
		}
		changed := bytes.Clone(second)
		changed[13+12+2] ^= 1 // the random value
		got, _, proof := g.Check(l.now, g.address, changed)
		if v == iana.TLS12 {
			if got != AddressReply { // the random is part of the MAC
				t.Errorf("another random: verdict %d", got)
			}
			continue
		}
		s, err := DatagramServer(&server.Config, DatagramOptions{Proof: proof})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receive(l.now, changed); err == nil {
			t.Errorf("%v: a ClientHello that changes is accepted", v)
		}
	}
}

// TestInvalidCookie12: a client whose cookie is too old is asked again, as often as maxVerifies
// allows, and the handshake continues behind the last one.
func TestInvalidCookie12(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS12)
	for old := range maxVerifies + 1 {
		l := newLink(t, client, server, DatagramOptions{})
		g := newGate(t, server)
		hello := l.client.NextDatagram()
		for range old {
			_, reply, _ := g.Check(l.now, g.address, hello)
			if len(reply) > amplification*len(hello) {
				t.Fatalf("a reply of %d bytes to %d", len(reply), len(hello))
			}
			l.client.take(l.client.Receive(l.now, reply))
			hello = l.client.NextDatagram()
			l.now = l.now.Add(cookieLifetime + time.Second)
		}
		v, reply, _ := g.Check(l.now, g.address, bytes.Clone(hello))
		if old == maxVerifies {
			if v != AddressDiscard || reply != nil {
				t.Errorf("after %d old cookies: verdict %d", old, v)
			}
			continue
		}
		l.client.take(l.client.Receive(l.now, reply))
		g.meet(t, l, DatagramOptions{})
		l.open(t)
	}
}

// TestTooManyVerifies: a client answers a bounded number of HelloVerifyRequests.
func TestTooManyVerifies(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS12)
	l := newLink(t, client, server, DatagramOptions{})
	for i := range uint16(maxVerifies + 1) {
		if l.client.err != nil || l.client.NextDatagram() == nil {
			t.Fatalf("after %d: %v", i, l.client.err)
		}
		m, err := encode(&wire.HelloVerifyRequest{Cookie: []byte{byte(i)}})
		if err != nil {
			t.Fatal(err)
		}
		l.client.take(l.client.Receive(l.now, replyRecord(record.Number{Sequence: uint64(i)},
			iana.ContentHandshake, dtls.Fragment{
				Type: iana.HandshakeHelloVerifyRequest, Length: len(m) - wire.HeaderLen, Seq: i,
				Data: m[wire.HeaderLen:],
			}.AppendTo(nil))))
	}
	if asError(l.client.err).Alert != iana.AlertUnexpectedMessage {
		t.Errorf("after %d: %v", maxVerifies+1, l.client.err)
	}
}

// TestInvalidCookie13: a client of DTLS 1.3 whose cookie is not valid gets illegal_parameter, and
// one that sends the cookie of DTLS 1.2 too. A part of a ClientHello gets no answer.
func TestInvalidCookie13(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	client.KeyShares = []iana.NamedGroup{iana.X25519}
	l := newLink(t, client, server, DatagramOptions{MTU: 9000})
	g := newGate(t, server)
	first := l.client.NextDatagram()
	_, reply, _ := g.Check(l.now, g.address, bytes.Clone(first))
	l.client.take(l.client.Receive(l.now, reply))
	second := l.client.NextDatagram()
	l.now = l.now.Add(cookieLifetime + time.Second)
	if v, r, _ := g.Check(l.now, g.address, second[:len(second)-1]); v != AddressDiscard || r != nil {
		t.Errorf("a datagram that was cut: verdict %d", v)
	}
	v, reply, proof := g.Check(l.now, g.address, bytes.Clone(second))
	if v != AddressReply || proof != nil {
		t.Fatalf("verdict %d", v)
	}
	_, err := l.client.Receive(l.now, reply)
	if err == nil || asError(err).Alert != iana.AlertIllegalParameter {
		t.Errorf("the client: %v", err)
	}
	// RFC 9147, Section 5.3: legacy_cookie is empty.
	f, number, _ := firstFragment(first)
	at := 2 + 32 + 1 + int(f.Data[2+32])
	body := slices.Concat(f.Data[:at], []byte{1, 9}, f.Data[at+1:])
	f.Data, f.Length, f.Seq = body, len(body), 1
	legacy := replyRecord(number, iana.ContentHandshake, f.AppendTo(nil))
	v, reply, _ = g.Check(l.now, g.address, legacy)
	if v != AddressReply || !bytes.HasSuffix(reply, []byte{2, byte(iana.AlertIllegalParameter)}) {
		t.Errorf("legacy_cookie: verdict %d, %x", v, reply)
	}
}

// TestAddressCheckBound: garbage gets no answer, and no answer is longer than what it answers
// allows.
func TestAddressCheckBound(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	client.MaxVersion, server.MinVersion, server.MaxVersion = iana.TLS12, iana.TLS13, iana.TLS13
	client.MinVersion = iana.TLS12
	l := newLink(t, client, server, DatagramOptions{})
	g := newGate(t, server)
	verdict, reply, _ := g.Check(l.now, g.address, l.client.NextDatagram())
	if verdict != AddressReply {
		t.Fatalf("verdict %d for a client without a version in common", verdict)
	}
	if _, err := l.client.Receive(l.now, reply); err == nil {
		t.Error("the client does not see the alert")
	}
	for _, d := range []string{"", "x", "GET / HTTP/1.0", "\x16\xfe\xfd\x00\x00", "\x2f123456789"} {
		verdict, reply, _ := g.Check(l.now, g.address, []byte(d))
		if verdict != AddressDiscard || reply != nil {
			t.Errorf("%q: verdict %d, reply %x", d, verdict, reply)
		}
	}
}

// TestAddressCheckEarly: a ClientHello with 0-RTT data needs no proof where the data may be
// accepted. The reply for a server that cannot keep it refuses the data, and asks for the proof.
func TestAddressCheckEarly(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(client, server *config)
		want AddressVerdict
	}{
		{"accepted", func(_, _ *config) {}, AddressUnproved},
		{"a server that takes none", func(_, s *config) { s.MaxEarlyData = 0 }, AddressReply},
		{"a server without memory", func(_, s *config) { s.AntiReplay = nil }, AddressReply},
		{"another group", func(_, s *config) {
			s.Groups = []iana.NamedGroup{iana.SecP256r1}
		}, AddressReply},
		{"a client that sends none", func(c, _ *config) { c.EarlyData = false }, AddressReply},
	} {
		client, server := earlyConfigs(t, true)
		client.KeyShares = []iana.NamedGroup{iana.X25519}
		server.Groups = client.KeyShares
		tc.edit(client, server)
		l := newLink(t, client, server, DatagramOptions{})
		g := newGate(t, server)
		d := l.client.NextDatagram()
		verdict, reply, _ := g.Check(l.now, g.address, d)
		if verdict != tc.want || len(reply) == 0 || len(reply) > 3*len(d) {
			t.Errorf("%s: verdict %d, a reply of %d bytes", tc.name, verdict, len(reply))
			continue
		}
		l.client.take(l.client.Receive(l.now, reply))
		g.meet(t, l, DatagramOptions{})
		l.open(t)
		if s := l.server.State(); !s.Resumed || s.EarlyData || l.client.Early() > 0 {
			t.Errorf("%s: the state is %+v", tc.name, s)
		}
	}
}

// TestAddressCheckECH: a ClientHello with Encrypted ClientHello needs no proof, and is not asked
// for one, which would tell the client that it was not decrypted. One with a proof must not add it.
func TestAddressCheckECH(t *testing.T) {
	key := newECHKey(t, 1)
	client, server := datagramConfigs(t, iana.TLS13)
	server.ECHKeys = []*ECHKey{key}
	list, err := ECHConfigList(key)
	if err != nil {
		t.Fatal(err)
	}
	plain := *client
	client.ECHConfigs = list
	l := newLink(t, client, server, DatagramOptions{MTU: 9000})
	g := newGate(t, server)
	verdict, reply, _ := g.Check(l.now, g.address, l.client.NextDatagram())
	if verdict != AddressUnproved || reply != nil {
		t.Errorf("verdict %d, a reply of %d bytes", verdict, len(reply))
	}
	l = newLink(t, client, server, DatagramOptions{MTU: 9000})
	l.open(t)
	if !l.server.State().ECHAccepted {
		t.Error("the ClientHello was not decrypted")
	}
	o := DatagramOptions{MTU: 9000}
	l = newLink(t, &plain, server, o)
	g.meet(t, l, o)
	l.open(t)

	l = newLink(t, &plain, server, o)
	_, reply, _ = g.Check(l.now, g.address, l.client.NextDatagram())
	l.client.take(l.client.Receive(l.now, reply))
	second := l.client.NextDatagram()
	_, _, proof := g.Check(l.now, g.address, second)
	s, err := DatagramServer(&server.Config, DatagramOptions{Proof: proof})
	if err != nil {
		t.Fatal(err)
	}
	grease := &wire.ECHClientHello{
		KDF: 1, AEAD: 1, Enc: make([]byte, 32), Payload: make([]byte, 200),
	}
	_, err = s.Receive(l.now, withECH(t, second, grease))
	wantAlert(t, err, iana.AlertIllegalParameter)
}

// withECH adds the extension to the ClientHello of a datagram.
func withECH(t *testing.T, datagram []byte, ech *wire.ECHClientHello) []byte {
	t.Helper()
	const head = 13 + 12
	h, err := wire.ParseDatagramClientHello(datagram[head:])
	if err != nil {
		t.Fatal(err)
	}
	h.ECH = ech
	raw, err := h.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := record.Number{Sequence: 9}
	return replyRecord(n, iana.ContentHandshake, dtls.Fragment{
		Type: iana.HandshakeClientHello, Seq: 1, Length: len(raw) - wire.HeaderLen,
		Data: raw[wire.HeaderLen:],
	}.AppendTo(nil))
}
