package main

import (
	"crypto"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A connection is one connection to the runner.
type connection struct {
	memory   *memory
	settings *settings
	retry    *settings // for what follows when 0-RTT data is refused
	resuming bool
	target   engine.Target // of a client

	credentials []*engine.Credential // as the flags list them; nil for a pre-shared key
	usual       *engine.Credential
	psks        []*engine.PSK
	pskOwner    []int              // for each of psks, which of the credentials it is
	using       *engine.Credential // what this side showed
	chosen      int                // which of credentials that is; -1 for none of them

	conn      net.Conn
	receiver  *engine.Receiver
	sender    *engine.Sender
	datagrams *datagrams // with -dtls, in place of the two
	quic      *quicConn  // with -quic
	out       engine.Outgoing
	in        []byte // received, and not used yet
	held      []byte // held back by -read-with-unfinished-write until more is sent
	later     []byte // to be sent once the handshake is done
	shown     int    // with -async, how much of in the engine may see

	offeredEarly bool              // 0-RTT data was offered
	messages     strings.Builder   // as -expect-msg-callback has them
	answering    bool              // a callback is called for the second time
	secrets      map[string][]byte // by the label of the key log
	newSession   *engine.Session
	begun        bool // the first data of the shim was sent
	done         bool // the handshake is
	closed       bool // the peer has closed in good order
}

// connect makes one connection and checks its results.
func connect(m *memory, s, retry *settings, resuming bool) error {
	c := &connection{memory: m, settings: s, retry: retry, resuming: resuming, chosen: -1, secrets: map[string][]byte{}}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	switch {
	case s.dtls:
		c.datagrams, err = newDatagrams(c, cfg)
	case s.quic:
		if c.quic, err = newQUIC(c, cfg); err != nil {
			return err
		}
	case s.server:
		c.receiver, c.sender, err = engine.Server(cfg)
	default:
		c.receiver, c.sender, err = engine.Client(cfg, c.target)
	}
	if err != nil {
		return unimplemented("%v", err) // the flags are for something that the engine does not have
	}
	if err := c.dial(); err != nil {
		return err
	}
	defer c.hangUp()
	return c.settings.checkRejected(c.exchange())
}

// dial connects to the runner and sends the number of this shim.
func (c *connection) dial() error {
	host := "127.0.0.1"
	if c.settings.ipv6 {
		host = "::1"
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(c.settings.port)))
	if err != nil {
		return err
	}
	c.conn = conn
	_, err = conn.Write(binary.LittleEndian.AppendUint64(nil, c.settings.shimID))
	return err
}

// hangUp ends the TCP connection so that the runner can still read the alert,
// and its writes do not fail.
func (c *connection) hangUp() {
	if tcp, ok := c.conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
		_ = tcp.SetReadDeadline(time.Now().Add(drainTime))
		_, _ = io.Copy(io.Discard, tcp)
	}
	_ = c.conn.Close()
}

// drainTime limits the time in which the runner may continue to write.
const drainTime = 10 * time.Second

// keep is the key log.
func (c *connection) keep(label string, _, secret []byte) { c.secrets[label] = secret }

// trace records a message in the form of -expect-msg-callback.
func (c *connection) trace(t engine.Trace) {
	verb := "read"
	if t.Sent {
		verb = "write"
	}
	switch t.Type {
	case iana.ContentHandshake:
		fmt.Fprintf(&c.messages, "%s hs %d\n", verb, t.Data[0])
	case iana.ContentChangeCipherSpec:
		fmt.Fprintf(&c.messages, "%s ccs\n", verb)
	case iana.ContentACK:
		fmt.Fprintf(&c.messages, "%s ack\n", verb)
	case iana.ContentAlert:
		fmt.Fprintf(&c.messages, "%s alert %d %d\n", verb, t.Data[0], t.Data[1])
	}
}

// next passes received bytes to the engine and returns the event. At the end of
// the stream the error is io.EOF.
func (c *connection) next() (engine.Event, error) {
	if c.datagrams != nil {
		return c.datagrams.next()
	}
	if c.quic != nil {
		return c.quic.next()
	}
	visible := len(c.in)
	if c.settings.async {
		visible = c.shown
	}
	n, ev, err := c.receiver.Receive(c.in[:visible])
	c.in, c.shown = c.in[n:], max(0, c.shown-n)
	c.out.Add(ev.Reply)
	if err != nil || c.out.Urgent() {
		if flushed := c.flush(); err == nil {
			err = flushed
		}
	}
	if err == nil && ev.Kind == engine.EventWantRead && (c.begun || !c.mayBegin()) {
		err = c.more() // with nothing to send first, such as 0-RTT data
	}
	return ev, err
}

// more makes more bytes available to the engine: one byte with -async,
// otherwise all that the socket has.
func (c *connection) more() error {
	if c.settings.async && c.shown < len(c.in) {
		c.shown++
		return nil
	}
	size := 1 << 15
	if c.settings.readSize > 0 {
		size = c.settings.readSize
	}
	buf := make([]byte, size)
	n, err := c.conn.Read(buf)
	c.in = append(c.in, buf[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// flush sends the output of the receiving half.
func (c *connection) flush() error {
	if c.datagrams != nil {
		return c.datagrams.flush()
	}
	if c.quic != nil {
		return nil // all is sent at once
	}
	raw, err := c.sender.Apply(nil, c.out)
	c.out = engine.Outgoing{}
	return c.send(raw, err)
}

// send writes the bytes that a method of the sending half returned.
func (c *connection) send(raw []byte, err error) error {
	if len(raw) > 0 && len(c.held) > 0 {
		raw, c.held = append(c.held, raw...), nil
	}
	if len(raw) > 0 {
		if _, failed := c.conn.Write(raw); err == nil {
			err = failed
		}
	}
	return err
}

// write sends application data after pending output. Data above the limit for
// 0-RTT is sent after the handshake.
func (c *connection) write(data []byte) error {
	if err := c.flush(); err != nil {
		return err
	}
	if !c.ready() {
		now := data[:min(len(data), c.early())]
		c.later = append(c.later, data[len(now):]...)
		if data = now; len(data) == 0 {
			return nil
		}
	}
	if c.datagrams != nil {
		return c.datagrams.write(data)
	}
	if c.quic != nil {
		return c.quic.writeData(data)
	}
	return c.send(c.sender.Seal(nil, data))
}

// startWrite sends one byte of a record and keeps the rest for the next send.
func (c *connection) startWrite(data []byte) error {
	if err := c.flush(); err != nil {
		return err
	}
	raw, err := c.sender.Seal(nil, data)
	if err != nil {
		return err
	}
	if err := c.send(raw[:1], nil); err != nil {
		return err
	}
	c.held = raw[1:]
	return nil
}

// rekey changes the sending key.
func (c *connection) rekey() error {
	if err := c.flush(); err != nil {
		return err
	}
	if c.datagrams != nil {
		return c.datagrams.rekey()
	}
	if c.quic != nil {
		return unimplemented("a key update in QUIC")
	}
	return c.send(c.sender.Rekey(nil, false))
}

// answer calls a callback again that deferred its answer.
func (c *connection) answer(q engine.Question) error {
	c.answering = true
	defer func() { c.answering = false }()
	var a engine.Answer
	var err error
	switch q := q.(type) {
	case *engine.ClientHelloInfo:
		var cfg *engine.Config
		cfg, err = c.forClient(q)
		a = q.Configure(cfg)
	case *engine.CredentialRequest:
		var cred *engine.Credential
		cred, err = c.selectCredential(q)
		a = q.Show(cred)
	case *engine.PeerCertificate:
		var key crypto.PublicKey
		key, err = verifier{c}.VerifyPeer(q)
		a = q.Accept(key)
	case *engine.SignRequest:
		var signature []byte
		signature, err = c.using.Sign(q)
		a = q.Signed(signature)
	default:
		return fmt.Errorf("a question of type %T", q)
	}
	if err != nil {
		a = engine.Refuse(err)
	}
	if c.datagrams != nil {
		return c.datagrams.take(c.datagrams.Resume(c.datagrams.now, a))
	}
	if c.quic != nil {
		return c.quic.take(c.quic.Resume(a))
	}
	return c.receiver.Resume(a)
}
