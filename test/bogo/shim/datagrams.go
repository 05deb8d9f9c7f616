package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// A datagrams is a connection of DTLS. The runner sends packets over TCP, each behind an
// opcode, and instructions about the time between them: its packet_adapter.go.
type datagrams struct {
	*engine.DatagramConn
	*connection
	now     time.Time
	events  []engine.Event
	started bool
	err     error // that came behind the events
}

// The opcodes.
const (
	opPacket     = 'P' // with a length of 32 bits
	opTimeout    = 'T' // so many nanoseconds pass, in 64 bits
	opTimeoutAck = 't'
	opMTU        = 'M' // in 32 bits
	opExpect     = 'E' // the next timeout is due in so many nanoseconds; the maximum is never
	opUpdate     = 'U' // the time until the first retransmission, in milliseconds, in 32 bits
)

// The MTU of BoringSSL, and the first timeout of its shim.
const (
	usualMTU     = 1400
	usualTimeout = 400 * time.Millisecond
)

func newDatagrams(c *connection, cfg *engine.Config) (*datagrams, error) {
	o := engine.DatagramOptions{MTU: usualMTU, AddressProved: true, FirstTimeout: usualTimeout}
	if c.settings.mtu > 0 {
		o.MTU = c.settings.mtu
	}
	if c.settings.timeout > 0 {
		o.FirstTimeout = time.Duration(c.settings.timeout) * time.Millisecond
	}
	// BoringSSL has no 0-RTT over datagrams, and the runner refuses its extension.
	cfg.EarlyData, cfg.MaxEarlyData = false, 0
	d := &datagrams{connection: c, now: time.Unix(1e9, 0)}
	var err error
	if c.settings.server {
		d.DatagramConn, err = engine.DatagramServer(cfg, o)
	} else {
		if cfg.KeyShares == nil {
			cfg.KeyShares = usualShares(cfg)
		}
		d.DatagramConn, err = engine.DatagramClient(cfg, c.target, o)
	}
	return d, err
}

// usualShares are those of a stream, whether or not they fit into one datagram.
func usualShares(cfg *engine.Config) []iana.NamedGroup {
	list := cfg.Groups
	if list == nil {
		list = suites.DefaultGroups()
	}
	if list[0] == iana.X25519MLKEM768 && slices.Contains(list, iana.X25519) {
		return []iana.NamedGroup{iana.X25519MLKEM768, iana.X25519}
	}
	return list[:1]
}

// take keeps what a method has returned.
func (d *datagrams) take(events []engine.Event, err error) error {
	for _, ev := range events {
		ev.Data = append([]byte(nil), ev.Data...)
		d.events = append(d.events, ev)
	}
	if err != nil {
		d.err = err
	}
	return d.flush()
}

// flush sends what is to be sent.
func (d *datagrams) flush() error {
	for p := d.NextDatagram(); p != nil; p = d.NextDatagram() {
		if err := d.packet(p); err != nil {
			return err
		}
	}
	return nil
}

func (d *datagrams) packet(p []byte) error {
	b := binary.BigEndian.AppendUint32([]byte{opPacket}, uint32(len(p)))
	_, err := d.conn.Write(append(b, p...))
	return err
}

// next returns the next event. At the end of the stream of packets the error is io.EOF.
func (d *datagrams) next() (engine.Event, error) {
	if len(d.events) == 0 && d.err == nil && !d.started {
		d.started = true
		if err := d.take(d.Start(d.now)); err != nil {
			return engine.Event{}, err
		}
	}
	switch {
	case len(d.events) > 0:
		ev := d.events[0]
		d.events = d.events[1:]
		return ev, nil
	case d.err != nil:
		return engine.Event{}, d.err
	case !d.begun && d.mayBegin():
		return engine.Event{}, nil // with something to send first
	}
	return engine.Event{}, d.operation()
}

// operation carries out one instruction of the runner.
func (d *datagrams) operation() error {
	var op [1]byte
	if _, err := io.ReadFull(d.conn, op[:]); err != nil {
		return io.EOF
	}
	size := 4
	if op[0] == opTimeout || op[0] == opExpect {
		size = 8
	}
	n, err := d.number(size)
	if err != nil {
		return err
	}
	switch op[0] {
	case opPacket:
		p := make([]byte, int32(n))
		if _, err := io.ReadFull(d.conn, p); err != nil {
			return err
		}
		return d.take(d.Receive(d.now, p))
	case opTimeout:
		if _, err := d.conn.Write([]byte{opTimeoutAck}); err != nil {
			return err
		}
		d.now = d.now.Add(time.Duration(n))
		return d.take(d.Expire(d.now))
	case opMTU:
		return d.SetMTU(int(n))
	case opExpect:
		return d.expectTimeout(n)
	case opUpdate:
		return d.SetFirstTimeout(time.Duration(n) * time.Millisecond)
	}
	return fmt.Errorf("opcode %q of the runner", op[0])
}

// number reads a number of n bytes.
func (d *datagrams) number(n int) (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(d.conn, b[8-n:])
	return binary.BigEndian.Uint64(b[:]), err
}

// expectTimeout compares the next timeout. No timer of a handshake is longer than a minute; the
// engine has longer ones for old keys. Such a key is dropped early if its time comes before the
// timeout that the runner expects: anything else that is due sends a packet, which fails the test.
func (d *datagrams) expectTimeout(want uint64) error {
	at := d.Timeout()
	for at.After(d.now) && uint64(at.Sub(d.now)) < min(want, uint64(time.Minute)) {
		if err := d.take(d.Expire(at)); err != nil {
			return err
		}
		last := at
		if at = d.Timeout(); at.Equal(last) {
			break
		}
	}
	left := at.Sub(d.now)
	switch {
	case at.IsZero() || left > time.Minute:
		if want != math.MaxUint64 {
			return mismatch("there is no timeout, and one in %v was expected", time.Duration(want))
		}
	case want == math.MaxUint64:
		return mismatch("there is a timeout in %v, and none was expected", left)
	case max(left, 0) != time.Duration(want):
		return mismatch("the timeout is in %v, and not in %v", left, time.Duration(want))
	}
	return nil
}

// write sends one message.
func (d *datagrams) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	p, err := d.Send(nil, data)
	if err != nil {
		return err
	}
	return d.packet(p)
}

func (d *datagrams) rekey() error {
	if err := d.Rekey(d.now, false); err != nil {
		return err
	}
	return d.flush()
}

// state is what is known of the connection.
func (c *connection) state() engine.State {
	if c.datagrams != nil {
		return c.datagrams.State()
	}
	if c.quic != nil {
		return c.quic.State()
	}
	return c.receiver.State()
}

// ready reports whether data may be sent.
func (c *connection) ready() bool {
	if c.datagrams != nil {
		return c.datagrams.Ready()
	}
	if c.quic != nil {
		return c.quic.write[engine.QUICApplication].known
	}
	return c.sender.Ready()
}

// early is how many bytes of 0-RTT data may be sent.
func (c *connection) early() int {
	if c.datagrams != nil {
		return c.datagrams.Early()
	}
	if c.quic != nil {
		return c.quic.mayEarly()
	}
	return c.sender.Early()
}

// closeNotify ends this side's direction.
func (c *connection) closeNotify() error {
	if c.quic != nil {
		return nil // QUIC has an end of its own
	}
	if c.datagrams == nil {
		return c.send(c.sender.CloseNotify(nil))
	}
	if err := c.datagrams.CloseNotify(); err != nil {
		return err
	}
	return c.datagrams.flush()
}
