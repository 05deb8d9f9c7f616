package engine

import (
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// A DatagramConn is one side of a connection of DTLS 1.3 (RFC 9147) or DTLS 1.2 (RFC 6347),
// which carries messages in datagrams. It does no I/O and reads no clock, and is for one
// goroutine at a time.
//
// Give each datagram from the peer to Receive, and act on the events. After every call of any
// method, send what NextDatagram returns, and let Expire be called at the time that Timeout
// returns. Datagrams may be lost, repeated, reordered and changed on their way: what is lost
// of the handshake is sent again, and what is not authentic is discarded.
//
// Versions are those of TLS: in Config and State, TLS 1.3 means DTLS 1.3, and TLS 1.2 means
// DTLS 1.2. Not for datagrams are NoCompatibilityMode, DynamicRecords and HandOver.
type DatagramConn struct {
	recv      Receiver
	send      Sender
	keys      epochs
	plain     *record.PlainDatagrams
	sealer    record.DatagramSealer
	*exchange // nil while the connection rests, and then stands in rested
	rested    rested

	ids   connectionIDs
	paths paths

	mtu     int
	granted int // bytes that may be sent to an address that is not proved

	proved    bool // the peer receives at its address
	ccs       bool // the peer's change_cipher_spec of DTLS 1.2 has come
	replied   bool // the peer has answered the flight
	ackNow    bool
	answerDue bool // the peer has asked for new keys of this side
	timerDue  bool // the timer starts with the next call that has the time
}

// DatagramOptions are what a connection of DTLS has beside its Config. The zero value is
// usable.
type DatagramOptions struct {
	// MTU is the size in bytes of the largest datagram that carries handshake messages,
	// without the headers of UDP and IP: 256 to 65,507; 0 means 1200. While a flight
	// remains unanswered the connection lowers it. See SetMTU.
	MTU int
	// FirstTimeout is the time until the first retransmission; 0 means one second.
	// RFC 9147, Section 5.8.2.
	FirstTimeout time.Duration
	// AddressProved makes a server send without regard to how much it has received: the
	// client's address was proved by other means, or cannot be forged. Without it a server
	// sends at most three times the bytes that it has received until the client has proved
	// that it receives at its address.
	AddressProved bool
	// Proof is what an AddressCheck has returned for the client of a server. It implies
	// AddressProved.
	Proof *AddressProof
	// ConnectionIDs makes the connection IDs by which the caller finds this connection. With
	// nil they are random, of Options.ConnectionIDLength bytes.
	ConnectionIDs ConnectionIDs
}

// The bounds of an MTU, and its default.
const (
	minMTU     = 256
	maxMTU     = 65507 // of UDP over IPv4
	defaultMTU = 1200
)

// LowMTU is the MTU in bytes after flights were lost repeatedly: IPv4's least of 576 bytes without
// its headers.
const LowMTU = 548

// amplification is how many bytes are sent for each that has come from an address that is
// not proved.
const amplification = 3

// DatagramClient returns a client's side of a connection of DTLS. Start begins the
// handshake.
func DatagramClient(cfg *Config, to Target, o DatagramOptions) (*DatagramConn, error) {
	if err := cfg.check(true); err != nil {
		return nil, err
	}
	var start struct { // one piece of memory
		clientStart
		all clientConfig
	}
	all := &start.all
	*all = clientConfig{
		Config: cfg, Target: to, datagram: true, shares: cfg.datagramShares(to, o.MTU),
	}
	if err := all.checkTarget(); err != nil {
		return nil, err
	}
	c, err := newDatagramConn(cfg, o)
	if err != nil {
		return nil, err
	}
	all.ids = &c.ids
	c.recv.client = true
	c.proved = true
	// RFC 6347, Section 4.2.1: the first one may have DTLS 1.0 for compatibility.
	c.plain.Version = iana.DTLS10
	start.clientStart = clientStart{cfg: all, info: &c.recv.info}
	c.recv.state = &start.clientStart
	return c, nil
}

// DatagramServer returns a server's side of a connection of DTLS. Give it the datagram with
// the ClientHello.
func DatagramServer(cfg *Config, o DatagramOptions) (*DatagramConn, error) {
	if err := cfg.check(false); err != nil {
		return nil, err
	}
	c, err := newDatagramConn(cfg, o)
	if err != nil {
		return nil, err
	}
	c.proved = o.AddressProved || o.Proof != nil
	c.recv.started = true
	c.recv.state = &awaitClientHello{cfg: cfg, info: &c.recv.info, proof: o.Proof}
	if o.Proof != nil {
		// What answered each ClientHello before it was a message of this side.
		c.assembler.StartAt(o.Proof.message)
		c.flight.StartAt(o.Proof.message)
		c.plain.SetSequence(o.Proof.sequence)
	}
	return c, nil
}

// datagramShares returns the key shares of a client's first ClientHello. By default it has none
// of a post-quantum group, so that it fits into one datagram and a server can answer it without
// keeping anything. A server that has the group asks for the share, which costs no more than
// the proof of the address does. That would refuse 0-RTT data: a client that sends such data has
// the usual shares.
func (c *Config) datagramShares(to Target, mtu int) []iana.NamedGroup {
	if c.KeyShares != nil || mtu >= roomForShares || c.triesEarly(to) {
		return c.KeyShares
	}
	groups := c.groups()
	if len(groups) > 0 && suites.Classical(groups[0]) {
		return nil // the default is classical already
	}
	list := slices.DeleteFunc(slices.Clone(defaultShares(groups)), func(id iana.NamedGroup) bool {
		return !suites.Classical(id)
	})
	if len(list) == 0 {
		return nil
	}
	return list
}

// triesEarly reports whether a client may send 0-RTT data.
func (c *Config) triesEarly(to Target) bool {
	switch {
	case !c.EarlyData:
		return false
	case to.Session != nil:
		return to.Session.MaxEarlyData > 0
	}
	return slices.ContainsFunc(c.PSKs, func(k *PSK) bool { return k != nil && k.MaxEarlyData > 0 })
}

// roomForShares is an MTU that has room for a ClientHello with a share of a hybrid group.
const roomForShares = 2048

func newDatagramConn(cfg *Config, o DatagramOptions) (*DatagramConn, error) {
	if slices.Contains(cfg.CipherSuites, iana.TLS_AES_128_CCM_8_SHA256) {
		// RFC 9147, Section 4.5.3: it "MUST NOT be used in DTLS without additional safeguards
		// against forgery".
		return nil, usage("%v is too easily forged for DTLS", iana.TLS_AES_128_CCM_8_SHA256)
	}
	var room struct { // one piece of memory for what lives as long
		conn  DatagramConn
		plain record.PlainDatagrams
		state DatagramState
	}
	c := &room.conn
	c.exchange = newExchange()
	if o.MTU == 0 {
		o.MTU = defaultMTU
	}
	if err := c.SetMTU(o.MTU); err != nil {
		return nil, err
	}
	if o.FirstTimeout < 0 {
		return nil, usage("a first timeout of %v: it must not be negative", o.FirstTimeout)
	}
	c.timer.Initial = o.FirstTimeout
	c.recv.cfg, c.recv.opener = cfg, &c.keys
	c.recv.info.datagram, c.recv.info.Datagram = true, &room.state
	room.state.ids = &c.ids
	c.keys.ids, c.ids.source = &c.ids, o.ConnectionIDs
	c.send.cfg, c.send.max = cfg, record.MaxPlaintext
	c.send.perKey = cfg.MaxRecordsPerKey
	c.plain = &room.plain
	c.plain.Version = iana.DTLS12
	c.sealer = c.plain
	return c, nil
}

var errNoDatagramConn = usage("this DatagramConn is nil or a zero value: one comes from " +
	"DatagramClient or DatagramServer")

// made returns an error for a connection that was not made by DatagramClient or
// DatagramServer.
func (c *DatagramConn) made() error {
	if c == nil || c.sealer == nil {
		return errNoDatagramConn
	}
	return nil
}

// usable is made for a method that uses the exchange.
func (c *DatagramConn) usable() error {
	if err := c.made(); err != nil {
		return err
	}
	c.wake()
	return nil
}

// Start begins a client's handshake. On a server it does nothing. Now is the current time; it
// need not be that of a wall clock, but must not go backwards. Events and the error are as
// for Receive.
func (c *DatagramConn) Start(now time.Time) ([]Event, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	return c.run(now, nil, 0)
}

// Receive takes a datagram from the peer. It decrypts in place: Event.Data aliases datagram,
// which is not kept. The events are valid until the next call of any method. Their kinds are
// those of a Receiver but EventProgress and EventWantRead, and their Reply is empty. Each
// EventData is one message as it was sent; empty ones are discarded.
//
// A datagram that is damaged, forged, repeated, or not of this connection is discarded without
// an event or an error. An error is final; NextDatagram may have the alert for the peer.
func (c *DatagramConn) Receive(now time.Time, datagram []byte) ([]Event, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	return c.ReceiveFrom(now, c.paths.current, datagram)
}

// Resume gives the answer to the question of the last EventWaiting. Events and the error are
// as for Receive: an answer that refuses ends the connection.
func (c *DatagramConn) Resume(now time.Time, a Answer) ([]Event, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if err := c.recv.Resume(a); err != nil {
		return nil, err
	}
	c.asked = nil
	return c.run(now, nil, 0)
}

// Timeout is when Expire has to be called; zero if there is no need. It may be in the past:
// then Expire is to be called now.
func (c *DatagramConn) Timeout() time.Time {
	if c.made() != nil || c.recv.err != nil || c.send.closed {
		return time.Time{}
	}
	if c.timerDue {
		return time.Unix(0, 0)
	}
	at := earlier(c.paths.deadline(), c.keys.deadline())
	if c.exchange == nil {
		return at
	}
	return earlier(at, earlier(c.timer.Deadline(), c.ackAt))
}

// Expire does what is due at a time: it sends again what the peer has not answered, sends a
// delayed acknowledgment, and drops keys of the past. If the peer has not answered twelve times
// in a row, the connection ends. Events and the error are as for Receive.
func (c *DatagramConn) Expire(now time.Time) ([]Event, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if c.recv.err == nil && !c.send.closed {
		c.expire(now)
	}
	return c.run(now, nil, 0)
}

// NextDatagram returns the next datagram for the peer; nil if there is none. It belongs to
// the caller.
func (c *DatagramConn) NextDatagram() []byte {
	if c == nil || c.exchange == nil || len(c.out) == 0 {
		return nil
	}
	d := c.out[0]
	if !c.proved {
		if len(d) > c.granted {
			return nil
		}
		c.granted -= len(d)
	}
	if c.out[0], c.out = nil, c.out[1:]; len(c.out) == 0 {
		c.out = c.few[:0]
	}
	return d
}

// State returns what is known of the connection so far.
func (c *DatagramConn) State() State {
	if c == nil {
		return State{}
	}
	s := c.recv.info
	if s.Datagram != nil {
		s.Datagram = &DatagramState{
			SRTPProfile: s.Datagram.SRTPProfile, ConnectionID: c.ids.used(),
			PeerConnectionID: c.ids.peer, PathChecks: c.ids.checks,
		}
	}
	return s
}

// AddressProved reports whether the peer is known to receive at its address: see
// DatagramOptions.AddressProved. A server is known to its client from the start.
func (c *DatagramConn) AddressProved() bool { return c != nil && c.proved }

// Ready reports whether Send may be used for more than 0-RTT data.
func (c *DatagramConn) Ready() bool { return c != nil && c.send.Ready() }

// Early is how many bytes of 0-RTT data Send takes before the handshake is done.
func (c *DatagramConn) Early() int {
	if c == nil {
		return 0
	}
	return c.send.Early()
}

// MaxData is how many bytes of data fit into a datagram of the MTU, and into a record that
// the peer accepts.
func (c *DatagramConn) MaxData() int {
	if c.made() != nil {
		return 0
	}
	return max(0, min(c.mtu-c.sealer.DatagramOverhead(), c.send.max))
}

// SetFirstTimeout changes FirstTimeout, for example after the round-trip time was measured, and
// the timeouts that are set.
func (c *DatagramConn) SetFirstTimeout(d time.Duration) error {
	if err := c.usable(); err != nil {
		return err
	}
	if d < time.Millisecond {
		return usage("a first timeout of %v: it must be a millisecond at least", d)
	}
	old := c.timer.Duration()
	c.timer.SetInitial(d)
	if !c.ackAt.IsZero() {
		c.ackAt = c.ackAt.Add((c.timer.Duration() - old) / 4)
	}
	return nil
}

// MTU is the size in bytes of the largest datagram with handshake messages, at present.
func (c *DatagramConn) MTU() int {
	if c == nil {
		return 0
	}
	return c.mtu
}

// SetMTU changes the MTU, for example after the operating system has reported it. It counts
// from the next datagram on.
func (c *DatagramConn) SetMTU(n int) error {
	switch {
	case c == nil:
		return errNoDatagramConn
	case n < minMTU || n > maxMTU:
		return usage("an MTU of %d bytes: it must be %d to %d", n, minMTU, maxMTU)
	}
	c.mtu = n
	return nil
}
