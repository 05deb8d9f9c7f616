package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/sealsock/sealsock/engine"
)

// exchange runs the handshake, sends the data that the flags request, echoes
// received data, and compares the results with the flags.
func (c *connection) exchange() error {
	for !c.closed && !c.finishing() {
		ev, err := c.next()
		if err == nil {
			err = c.act(ev)
		}
		if err == nil && !c.begun && c.mayBegin() {
			err = c.begin()
		}
		if errors.Is(err, io.EOF) && c.done && !c.settings.checkCloseNotify {
			break // a stream that is cut short counts as an end here
		}
		if err != nil {
			return err
		}
	}
	return c.end()
}

// finishing reports whether this side must end the connection now.
func (c *connection) finishing() bool {
	return c.begun && c.done && (c.settings.shimShutsDown || c.settings.differentSizes)
}

// act handles one event.
func (c *connection) act(ev engine.Event) error {
	switch ev.Kind {
	case engine.EventWaiting:
		return c.answer(ev.Question)
	case engine.EventHandshakeDone:
		c.done = true
		if err := c.checkHandshake(); err != nil || len(c.later) == 0 {
			return err
		}
		later := c.later
		c.later = nil
		return c.write(later)
	case engine.EventData:
		return c.echo(ev.Data)
	case engine.EventSession:
		c.newSession = ev.Session
	case engine.EventEarlyRejected:
		if !c.settings.expect.rejected {
			return mismatch("the 0-RTT data is refused, which was not expected")
		}
		c.settings, c.begun, c.later = c.retry, false, nil
	case engine.EventClosed:
		c.closed = true
	}
	return nil
}

// mayBegin reports whether this side can send data: once the handshake is done,
// and with 0-RTT data before.
func (c *connection) mayBegin() bool {
	if c.settings.server {
		return c.ready() && (c.done || c.state().EarlyData)
	}
	c.offeredEarly = c.offeredEarly || c.early() > 0
	return c.done || c.early() > 0
}

// begin sends the data that the shim sends before it reads.
func (c *connection) begin() error {
	c.begun = true
	s := c.settings
	if !c.done && s.expect.notOffered {
		return mismatch("0-RTT data is offered, which was not expected")
	}
	if err := c.sayKeys(); err != nil {
		return err
	}
	switch {
	case s.differentSizes:
		data := bytes.Repeat([]byte{0x42}, 32769)
		for _, n := range []int{0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769} {
			if err := c.write(data[:n]); err != nil {
				return err
			}
		}
	case s.unfinishedWrite:
		return c.startWrite([]byte(s.initialWrite))
	case s.shimWritesFirst:
		for range s.initialWrites {
			if err := c.write([]byte(s.initialWrite)); err != nil {
				return err
			}
		}
	}
	if s.keyUpdateFirst && !s.shimShutsDown {
		return c.rekey()
	}
	return nil
}

// sayKeys sends keying material for the runner to compare with its own.
func (c *connection) sayKeys() error {
	s := c.settings
	if s.exportLength > 0 {
		state := c.state()
		context := []byte(s.exportContext)
		if !s.exportContextUsed {
			context = nil
		}
		value, err := state.Export(s.exportLabel, context, s.exportLength)
		if err := c.say(value, err); err != nil {
			return err
		}
	}
	if s.tlsUnique {
		state := c.state()
		if err := c.say(state.Unique()); err != nil {
			return err
		}
	}
	if s.exportSecrets {
		read, write := c.secrets["SERVER_TRAFFIC_SECRET_0"], c.secrets["CLIENT_TRAFFIC_SECRET_0"]
		if s.server {
			read, write = write, read
		}
		value := binary.LittleEndian.AppendUint16(nil, uint16(len(read)))
		return c.write(append(append(value, read...), write...))
	}
	return nil
}

// say sends a value, if it is not empty.
func (c *connection) say(value []byte, err error) error {
	if err != nil {
		return err
	}
	return c.write(value)
}

// echo sends data back with every bit inverted.
func (c *connection) echo(data []byte) error {
	if c.settings.keyUpdate {
		if err := c.rekey(); err != nil {
			return err
		}
	}
	for i := range data {
		data[i] ^= 0xff
	}
	if err := c.write(data); err != nil {
		return err
	}
	if c.settings.keyUpdateFirst {
		return c.rekey()
	}
	return nil
}

// end checks the results after the handshake, and closes.
func (c *connection) end() error {
	s := c.settings
	if !s.server {
		if err := c.checkNewSession(); err != nil {
			return err
		}
		if c.newSession != nil {
			c.memory.session = c.newSession
		}
	}
	if !s.checkCloseNotify {
		return c.checkMessages()
	}
	if err := c.closeNotify(); err != nil {
		return err
	}
	for !c.closed {
		ev, err := c.next()
		switch {
		case err != nil:
			return err
		case ev.Kind == engine.EventData:
			return errors.New("data after this side has closed")
		case ev.Kind == engine.EventClosed:
			c.closed = true
		}
	}
	return c.checkMessages()
}
