//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// A radio emulates two Bluetooth controllers and the link between them. The
// kernel's /dev/vhci carries the host controller interface of each. It supports
// classic connections, for L2CAP and RFCOMM, and synchronous ones, for SCO.
// Section numbers are those of the Bluetooth Core Specification 5.4, Volume 4,
// Part E.
type radio struct {
	mu          sync.Mutex
	controllers []*controller
	links       map[uint16]*link
	next        uint16 // handle of the next link
}

// A controller is one adapter.
type controller struct {
	air  *radio
	addr [6]byte // as on the air: the last byte of the text first
	vhci *os.File
}

// A link joins two controllers. Both call it by the same handle.
type link struct {
	ends   [2]*controller
	kind   byte // of the specification's link types
	ready  bool // accepted
	handle uint16
}

// Link types of section 7.7.4.
const (
	linkSCO  = 0
	linkACL  = 1
	linkESCO = 2
)

// Packet types of the UART transport, which vhci uses.
const (
	packetCommand = 1
	packetACL     = 2
	packetSCO     = 3
	packetEvent   = 4
	packetVendor  = 0xff
)

// startRadio makes two controllers and waits until the kernel has set them up.
func startRadio() error {
	air := &radio{links: map[uint16]*link{}, next: 1}
	for i := range 2 {
		f, err := os.OpenFile("/dev/vhci", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		c := &controller{air: air, addr: [6]byte{byte(i + 1), 0, 0, 0x5e, 0x00, 0x02}, vhci: f}
		air.controllers = append(air.controllers, c)
		if _, err := f.Write([]byte{packetVendor, 0}); err != nil { // create a primary controller
			return err
		}
		go c.serve()
	}
	for range 100 {
		time.Sleep(20 * time.Millisecond)
		if _, err := os.Stat("/sys/class/bluetooth/hci1"); err == nil {
			return nil
		}
	}
	return errors.New("no second controller after 2 s")
}

// serve handles what the kernel sends.
func (c *controller) serve() {
	buf := make([]byte, 4096)
	for {
		n, err := c.vhci.Read(buf)
		if err != nil {
			problem("vhci", err)
			return
		}
		p := buf[:n]
		c.air.mu.Lock()
		switch {
		case n >= 4 && p[0] == packetCommand:
			c.command(binary.LittleEndian.Uint16(p[1:]), p[4:])
		case n >= 4 && (p[0] == packetACL || p[0] == packetSCO):
			c.data(p)
		}
		c.air.mu.Unlock()
	}
}

// send gives the kernel a packet.
func (c *controller) send(p []byte) {
	if _, err := c.vhci.Write(p); err != nil {
		fmt.Println("@@ problem vhci:", err)
	}
}

func (c *controller) event(code byte, parts ...[]byte) {
	p := []byte{packetEvent, code, 0}
	for _, part := range parts {
		p = append(p, part...)
	}
	p[2] = byte(len(p) - 3)
	c.send(p)
}

func u16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }

// data delivers a packet to the other end and reports free buffer space to the
// sender (section 7.7.19). The flags in the handle change, because the start of
// a message has different flags for sender and receiver.
func (c *controller) data(p []byte) {
	field := binary.LittleEndian.Uint16(p[1:])
	handle := field & 0x0fff
	l := c.air.links[handle]
	if l == nil {
		return
	}
	out := append([]byte(nil), p...)
	if p[0] == packetACL && field>>12&3 == 0 {
		binary.LittleEndian.PutUint16(out[1:], handle|2<<12)
	}
	l.other(c).send(out)
	c.event(0x13, []byte{1}, u16(handle), u16(1))
}

func (l *link) other(c *controller) *controller {
	if l.ends[0] == c {
		return l.ends[1]
	}
	return l.ends[0]
}

// command answers a command of the kernel. Most commands set something that
// these controllers lack, and succeed.
func (c *controller) command(opcode uint16, arg []byte) {
	answer, connecting := commands[opcode]
	switch {
	case connecting:
		answer(c, opcode, arg)
	default:
		c.complete(opcode, information(c, opcode, arg))
	}
}

// complete sends the event of section 7.7.14, with success. It pads with zeros
// to the longest answer, which suits every command without a specific answer.
func (c *controller) complete(opcode uint16, answer []byte) {
	if answer == nil {
		answer = make([]byte, 248)
	}
	c.event(0x0e, []byte{1}, u16(opcode), []byte{0}, answer)
}

// started is the event of section 7.7.15.
func (c *controller) started(opcode uint16, status byte) {
	c.event(0x0f, []byte{status, 1}, u16(opcode))
}

// features are those of section 3.3 in Volume 2, Part C: no secure simple
// pairing, so that connections need no agent, but SCO and eSCO.
var features = []byte{0x03, 0x08, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00}

// information returns what the commands that ask for something answer.
func information(c *controller, opcode uint16, arg []byte) []byte {
	switch opcode {
	case 0x1001: // version: 2.0
		return []byte{3, 0, 0, 3, 0xff, 0xff, 0, 0}
	case 0x1003:
		return features
	case 0x1004:
		return append([]byte{0, 0}, features...)
	case 0x1005: // buffers: 1,021 bytes of ACL, 64 of SCO, 8 of each
		return append(u16(1021), 64, 8, 0, 8, 0)
	case 0x1009:
		return c.addr[:]
	case 0x080d, 0x0c36, 0x0c37: // answers about a link begin with its handle
		if len(arg) >= 2 {
			return append([]byte(nil), arg[:2]...)
		}
	}
	return nil
}

// commands are those about connections. Sections 7.1.5 to 7.1.28.
var commands map[uint16]func(c *controller, opcode uint16, arg []byte)

func init() {
	commands = map[uint16]func(*controller, uint16, []byte){
		0x0405: (*controller).connect,
		0x0406: (*controller).disconnect,
		0x0407: (*controller).connectSync,
		0x0409: (*controller).accept,
		0x040a: (*controller).reject,
		0x0419: (*controller).remoteName,
		0x041b: (*controller).remoteFeatures,
		0x041d: (*controller).remoteVersion,
		0x041f: (*controller).clockOffset,
		0x0428: (*controller).connectSync,
		0x0429: (*controller).accept,
		0x042a: (*controller).reject,
		0x080b: (*controller).switchRole,
	}
}

// ask offers a link to another controller: section 7.7.4.
func (c *controller) ask(to *controller, kind byte) {
	l := &link{ends: [2]*controller{c, to}, kind: kind, handle: c.air.next}
	c.air.next = c.air.next%0x0e00 + 1
	c.air.links[l.handle] = l
	to.event(0x04, c.addr[:], []byte{0, 0, 0, kind})
}

func (c *controller) connect(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	for _, to := range c.air.controllers {
		if to != c && len(arg) >= 6 && to.addr == [6]byte(arg) {
			c.ask(to, linkACL)
			return
		}
	}
	const pageTimeout = 0x04
	c.connected(&link{kind: linkACL}, [6]byte(arg), pageTimeout)
}

func (c *controller) connectSync(opcode uint16, arg []byte) {
	l := c.air.links[binary.LittleEndian.Uint16(arg)]
	if l == nil {
		const unknownConnection = 0x02
		c.started(opcode, unknownConnection)
		return
	}
	c.started(opcode, 0)
	c.ask(l.other(c), linkESCO)
}

// connected tells a controller how connecting went: sections 7.7.3 and 7.7.35.
func (c *controller) connected(l *link, peer [6]byte, status byte) {
	if l.kind == linkACL {
		c.event(0x03, []byte{status}, u16(l.handle), peer[:], []byte{linkACL, 0})
		return
	}
	c.event(0x2c, []byte{status}, u16(l.handle), peer[:], []byte{l.kind, 12, 4}, u16(60), u16(60), []byte{2})
}

// waiting finds the link that a peer asked this controller for.
func (c *controller) waiting(arg []byte) *link {
	for _, l := range c.air.links {
		if !l.ready && l.ends[1] == c && len(arg) >= 6 && l.ends[0].addr == [6]byte(arg) {
			return l
		}
	}
	return nil
}

func (c *controller) accept(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	if l := c.waiting(arg); l != nil {
		l.ready = true
		for _, end := range l.ends {
			end.connected(l, l.other(end).addr, 0)
		}
	}
}

func (c *controller) reject(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	if l := c.waiting(arg); l != nil {
		delete(c.air.links, l.handle)
		for _, end := range l.ends {
			end.connected(l, l.other(end).addr, arg[6])
		}
	}
}

// disconnect ends a link: section 7.7.5. Both ends receive an event.
func (c *controller) disconnect(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	handle := binary.LittleEndian.Uint16(arg)
	l := c.air.links[handle]
	if l == nil {
		return
	}
	delete(c.air.links, handle)
	const byLocalHost, byRemoteUser = 0x16, 0x13
	c.event(0x05, []byte{0}, u16(handle), []byte{byLocalHost})
	l.other(c).event(0x05, []byte{0}, u16(handle), []byte{byRemoteUser})
}

func (c *controller) remoteName(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	c.event(0x07, []byte{0}, arg[:6], make([]byte, 248))
}

func (c *controller) remoteFeatures(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	c.event(0x0b, []byte{0}, arg[:2], features)
}

func (c *controller) remoteVersion(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	c.event(0x0c, []byte{0}, arg[:2], []byte{3, 0xff, 0xff, 0, 0})
}

func (c *controller) clockOffset(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	c.event(0x1c, []byte{0}, arg[:2], []byte{0, 0})
}

// switchRole succeeds without a change, because the roles have no effect here.
func (c *controller) switchRole(opcode uint16, arg []byte) {
	c.started(opcode, 0)
	c.event(0x12, []byte{0}, arg[:7])
}
