package engine

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/record"
)

// An end is one side of a connection of DTLS without a network.
type end struct {
	*DatagramConn
	messages [][]byte
	early    [][]byte
	kinds    []EventKind
	sessions []*Session
	question Question
	err      error
}

// take keeps what a method has returned.
func (e *end) take(events []Event, err error) {
	for _, ev := range events {
		e.kinds = append(e.kinds, ev.Kind)
		switch {
		case ev.Early:
			e.early = append(e.early, bytes.Clone(ev.Data))
		case ev.Kind == EventData:
			e.messages = append(e.messages, bytes.Clone(ev.Data))
		case ev.Kind == EventSession:
			e.sessions = append(e.sessions, ev.Session)
		case ev.Kind == EventWaiting:
			e.question = ev.Question
		}
	}
	if err != nil {
		e.err = err
	}
}

func (e *end) had(kind EventKind) bool { return slices.Contains(e.kinds, kind) }

// A link is two ends and the time.
type link struct {
	client, server *end
	now            time.Time
	// lose reports whether a datagram is lost; nil loses none.
	lose func(from *end, datagram []byte) bool
}

func newLink(t testing.TB, client, server *config, o DatagramOptions) *link {
	t.Helper()
	c, err := DatagramClient(&client.Config, client.Target, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := DatagramServer(&server.Config, o)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{client: &end{DatagramConn: c}, server: &end{DatagramConn: s}, now: time.Unix(1e9, 0)}
	l.client.take(c.Start(l.now))
	return l
}

// pump carries datagrams both ways until nothing moves. It returns how many moved.
func (l *link) pump() (moved int) {
	for {
		n := l.carry(l.client, l.server) + l.carry(l.server, l.client)
		if n == 0 {
			return moved
		}
		moved += n
	}
}

func (l *link) carry(from, to *end) (moved int) {
	for d := from.NextDatagram(); d != nil; d = from.NextDatagram() {
		moved++
		if l.lose == nil || !l.lose(from, d) {
			to.take(to.Receive(l.now, bytes.Clone(d)))
		}
	}
	return moved
}

// expire moves the time to the next timeout of either side. It returns false if there is none.
func (l *link) expire() bool {
	next := earlier(l.client.Timeout(), l.server.Timeout())
	if next.IsZero() {
		return false
	}
	if l.now.Before(next) {
		l.now = next
	}
	for _, e := range []*end{l.client, l.server} {
		if at := e.Timeout(); !at.IsZero() && !l.now.Before(at) {
			e.take(e.Expire(l.now))
		}
	}
	return true
}

// failed returns what ended either side.
func (l *link) failed() error { return errors.Join(l.client.err, l.server.err) }

// send sends one message and expects it at the other end.
func (l *link) send(t testing.TB, from, to *end, data string) {
	t.Helper()
	d, err := from.Send(nil, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	to.take(to.Receive(l.now, d))
	l.pump()
	if n := len(to.messages); n == 0 || string(to.messages[n-1]) != data {
		t.Fatalf("the messages are %q, and the last should be %q (%v)", to.messages, data, l.failed())
	}
}

// open pumps until the handshake is done, and fails if it does not get there.
func (l *link) open(t testing.TB) {
	t.Helper()
	done := func() bool {
		return l.client.had(EventHandshakeDone) && l.server.had(EventHandshakeDone)
	}
	for l.pump(); !done() && l.failed() == nil && l.expire(); l.pump() {
	}
	if err := l.failed(); err != nil || !done() {
		t.Fatalf("the handshake is not done: %v; client %v, server %v", err, l.client.kinds, l.server.kinds)
	}
	l.send(t, l.client, l.server, "from the client")
	l.send(t, l.server, l.client, "from the server")
}

// datagramConfigs returns configurations for one version.
func datagramConfigs(t testing.TB, v iana.Version) (client, server *config) {
	client = &config{Config: Config{Verifier: acceptAll{}}, Target: Target{ServerName: "example.com"}}
	server = &config{Config: Config{Credentials: []*Credential{newCredential(t, nil)}}}
	for _, c := range []*config{client, server} {
		c.MinVersion, c.MaxVersion = v, v
		c.Now = func() time.Time { return time.Unix(1e9, 0) }
	}
	return client, server
}

var versionsOfDatagrams = []iana.Version{iana.TLS13, iana.TLS12}

// TestDatagramHandshake: both versions, in datagrams of any size.
func TestDatagramHandshake(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		for _, mtu := range []int{256, 548, 1200, 9000} {
			client, server := datagramConfigs(t, v)
			l := newLink(t, client, server, DatagramOptions{MTU: mtu, AddressProved: true})
			largest := 0
			l.lose = func(_ *end, d []byte) bool {
				largest = max(largest, len(d))
				return false
			}
			l.open(t)
			if s := l.client.State(); s.Version != v || !s.HandshakeDone || s.PeerChain == nil {
				t.Errorf("%v: the state is %+v", v, s)
			}
			if largest > mtu {
				t.Errorf("%v: a datagram of %d bytes with an MTU of %d", v, largest, mtu)
			}
			for l.expire() { // the keys of the handshake are dropped, and nothing else
				if n := l.pump(); n > 0 {
					t.Errorf("%v: %d datagrams after the handshake", v, n)
				}
			}
			l.send(t, l.client, l.server, "later")
		}
	}
}

// TestDatagramClose: close_notify ends one direction, and data may still go the other way.
func TestDatagramClose(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		l := newLink(t, client, server, DatagramOptions{})
		l.open(t)
		if err := l.client.CloseNotify(); err != nil {
			t.Fatal(err)
		}
		l.pump()
		if !l.server.had(EventClosed) || l.server.err != nil {
			t.Errorf("%v: the server has %v and %v", v, l.server.kinds, l.server.err)
		}
		if _, err := l.client.Send(nil, []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("%v: sending after close_notify: %v", v, err)
		}
		l.send(t, l.server, l.client, "still open")
		if !l.client.Timeout().IsZero() {
			t.Errorf("%v: a timeout after close_notify", v)
		}
	}
}

// TestDatagramAlert: a side that refuses tells the other one.
func TestDatagramAlert(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		client.ALPN, server.ALPN = []string{"a"}, []string{"b"}
		l := newLink(t, client, server, DatagramOptions{})
		l.pump()
		var e *Error
		if !errors.As(l.client.err, &e) || e.Fault != FaultAlert || e.Alert != iana.AlertNoApplicationProtocol {
			t.Errorf("%v: the client ends with %v", v, l.client.err)
		}
		if !errors.As(l.server.err, &e) || e.Fault != FaultIncompatible {
			t.Errorf("%v: the server ends with %v", v, l.server.err)
		}
	}
}

// TestDatagramRetry: a server may ask for another key share.
func TestDatagramRetry(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	client.KeyShares = []iana.NamedGroup{}
	server.HelloRetryCookie = func() []byte { return []byte("cookie") }
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	if s := l.client.State(); !s.Retried {
		t.Error("there was no HelloRetryRequest")
	}
}

// TestDatagramRekey: a key update takes effect when it is acknowledged, and the old key is used
// until then.
func TestDatagramRekey(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	l := newLink(t, client, server, DatagramOptions{})
	l.open(t)
	for i := range 5 {
		old := l.client.sealer.Epoch()
		if err := l.client.Rekey(l.now, true); err != nil {
			t.Fatal(err)
		}
		d, err := l.client.Send(nil, []byte("before the acknowledgment"))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.client.sealer.Epoch(); got != old {
			t.Fatalf("epoch %d before the acknowledgment, and %d before", got, old)
		}
		for l.pump(); l.client.update.sent || l.server.update.sent; l.pump() {
			l.expire() // an acknowledgment is delayed
		}
		l.server.take(l.server.Receive(l.now, d))
		if n := len(l.server.messages); string(l.server.messages[n-1]) != "before the acknowledgment" {
			t.Fatalf("round %d: a message under the old key is lost", i)
		}
		l.send(t, l.server, l.client, "with this the server answers")
		for l.expire(); l.server.update.sent; l.expire() {
			l.pump()
		}
		if c, s := l.client.sealer.Epoch(), l.server.sealer.Epoch(); c != old+1 || s != old+1 {
			t.Fatalf("round %d: epochs %d and %d after the update, expected %d", i, c, s, old+1)
		}
		l.send(t, l.client, l.server, "after")
		l.send(t, l.server, l.client, "after")
	}
}

// TestDatagramSuites: CCM_8 of DTLS 1.3 is refused, and that of DTLS 1.2 is not.
// RFC 9147, Section 4.5.3.
func TestDatagramSuites(t *testing.T) {
	for suite, allowed := range map[iana.CipherSuite]bool{
		iana.TLS_AES_128_CCM_8_SHA256: false, iana.TLS_AES_128_CCM_SHA256: true,
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: true,
	} {
		cfg := &Config{FindPSK: func([]byte) (*PSK, error) { return nil, nil }}
		cfg.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, suite}
		if _, err := DatagramServer(cfg, DatagramOptions{}); (err == nil) != allowed {
			t.Errorf("%v: %v", suite, err)
		}
	}
}

// TestDatagramOldPeer: a client and a server of DTLS 1.0 are refused by name, in an alert that they
// understand, and without a hint at package legacy, which has no DTLS.
func TestDatagramOldPeer(t *testing.T) {
	// A ClientHello of DTLS 1.0: legacy_version, a random, no session, no cookie, one suite, no
	// compression, and no extensions.
	hello := slices.Concat([]byte{0xfe, 0xff}, make([]byte, 32), []byte{0, 0, 0, 2, 0x00, 0x2f, 1, 0})
	datagram := oldRecord(dtls.Fragment{
		Type: iana.HandshakeClientHello, Length: len(hello), Data: hello,
	})
	client, server := datagramConfigs(t, iana.TLS13)
	server.MinVersion = iana.TLS12
	g := newGate(t, server)
	verdict, reply, _ := g.Check(time.Unix(1e9, 0), g.address, bytes.Clone(datagram))
	if verdict != AddressReply || !bytes.HasSuffix(reply, []byte{2, byte(iana.AlertProtocolVersion)}) {
		t.Errorf("verdict %d, reply %x", verdict, reply)
	}
	s, err := DatagramServer(&server.Config, DatagramOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Receive(time.Unix(1e9, 0), bytes.Clone(datagram))
	refusesOld(t, "a client", err)
	if d := s.NextDatagram(); !bytes.Equal(d[len(d)-2:], []byte{2, byte(iana.AlertProtocolVersion)}) {
		t.Errorf("the alert is %x", d)
	}

	// The ServerHello: a version, a random, no session, the suite, no compression.
	answer := slices.Concat([]byte{0xfe, 0xff}, make([]byte, 32), []byte{0, 0x00, 0x2f, 0})
	client.MinVersion = iana.TLS12
	c, err := DatagramClient(&client.Config, client.Target, DatagramOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Start(time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	_, err = c.Receive(time.Unix(1e9, 0), oldRecord(dtls.Fragment{
		Type: iana.HandshakeServerHello, Length: len(answer), Data: answer,
	}))
	refusesOld(t, "a server", err)
}

// oldRecord is a record of DTLS 1.0 with a message.
func oldRecord(f dtls.Fragment) []byte {
	payload := f.AppendTo(nil)
	head := []byte{byte(iana.ContentHandshake), 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	return append(append(head, byte(len(payload)>>8), byte(len(payload))), payload...)
}

func refusesOld(t *testing.T, name string, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Alert != iana.AlertProtocolVersion || e.Remedy != RemedyNone ||
		e.Expected != "DTLS 1.3 or DTLS 1.2" || !strings.HasPrefix(e.Got, "DTLS 1.0") ||
		strings.Contains(e.Hint, "legacy") || e.Hint == "" {
		t.Errorf("%s of DTLS 1.0: %v", name, err)
	}
}

// TestDatagramShortRecords: records that are too short for a key are discarded, and do not count
// among the forgeries that end a connection.
func TestDatagramShortRecords(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		l := newLink(t, client, server, DatagramOptions{})
		l.open(t)
		d, err := l.client.Send(nil, []byte("message"))
		if err != nil {
			t.Fatal(err)
		}
		r, _, _ := record.NextRecord(d, l.server.ids.length())
		head := d[:len(d)-r.Len()]
		k := l.server.keys.latest()
		k.forged, k.most = 0, 10
		short := 16 // of DTLS 1.3: its length stands in the last two bytes of the header
		if v == iana.TLS12 {
			short = 8 + 16
		}
		for n := range short {
			b := append(bytes.Clone(head), make([]byte, n)...)
			b[len(head)-2], b[len(head)-1] = 0, byte(n)
			l.server.take(l.server.Receive(l.now, b))
		}
		if l.server.err != nil || k.forged != 0 {
			t.Errorf("%v: %d records count as forged: %v", v, k.forged, l.server.err)
		}
		forged := bytes.Clone(d)
		forged[len(forged)-1] ^= 1
		for range 10 {
			l.server.take(l.server.Receive(l.now, bytes.Clone(forged)))
		}
		if k.forged != 10 || l.server.err == nil {
			t.Errorf("%v: %d records count as forged: %v", v, k.forged, l.server.err)
		}
	}
}

// TestDatagramPadding: padding fills a datagram up to the MTU and no further, and a message of the
// largest size keeps its room.
func TestDatagramPadding(t *testing.T) {
	for _, ids := range []int{0, 20} {
		client, server := datagramConfigs(t, iana.TLS13)
		client.Padding = func(int) int { return 1 << 14 }
		server.ConnectionIDLength = ids
		client.ConnectionIDLength = ids
		l := newLink(t, client, server, DatagramOptions{AddressProved: true})
		l.open(t)
		for _, n := range []int{1, 100, l.client.MaxData() - 1, l.client.MaxData()} {
			d, err := l.client.Send(nil, bytes.Repeat([]byte("x"), n))
			if err != nil || len(d) != l.client.MTU() {
				t.Errorf("a message of %d bytes is in a datagram of %d, expected %d: %v",
					n, len(d), l.client.MTU(), err)
			}
			l.server.take(l.server.Receive(l.now, d))
			if last := l.server.messages[len(l.server.messages)-1]; len(last) != n {
				t.Errorf("%d bytes arrive of %d", len(last), n)
			}
		}
	}
}
