package socket

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/sealsock/sealsock/internal/auditing"
)

// An AuditEvent is an operation that a socket is about to perform.
type AuditEvent struct {
	// Op is "socket", "bind", "connect", "sendto", "sendmsg", or, from package
	// names, "getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo",
	// "getservbyname", "getservbyport" or "sethostname".
	Op       string
	Family   string   // of the socket: "vsock"; empty for names
	Type     Type     // of the socket
	Protocol int      // of the socket
	Addr     net.Addr // bound, connected or sent to, of package net where that makes the socket; nil for "socket" and names
	Name     string   // the name looked up; empty for sockets
}

// An Auditor is called with each event before the operation. An error refuses the
// operation, and becomes the error of the call that caused it. An Auditor is called
// from many goroutines and must not use the socket.
type Auditor func(AuditEvent) error

var auditor atomic.Pointer[Auditor]

// SetAuditor installs f for all sockets of this package and of package address, and
// for the lookups of names; nil removes it. Sockets that a program makes through
// package net itself are not among them, nor what package trust fetches over HTTP, nor the
// connections that package authority makes to validate names for its ACME service.
func SetAuditor(f Auditor) {
	if f == nil {
		auditor.Store(nil)
		auditing.Auditor.Store(nil)
		return
	}
	auditor.Store(&f)
	ofNet := func(e auditing.Event) error { return Audit(eventOf(e)) }
	auditing.Auditor.Store(&ofNet)
}

// eventOf describes an operation of package net.
func eventOf(e auditing.Event) AuditEvent {
	a := AuditEvent{Op: e.Op, Addr: e.Addr, Name: e.Name}
	switch {
	case e.Network == "":
		return a
	case e.Network == "unix" || e.Network == "unixgram":
		a.Family = "unix"
	case strings.HasSuffix(e.Network, "6"):
		a.Family = "inet6"
	default:
		a.Family = "inet"
	}
	a.Type = Stream
	if strings.HasPrefix(e.Network, "udp") || e.Network == "unixgram" {
		a.Type = Datagram
	}
	return a
}

// Audit reports an event to the auditor, if there is one, and returns its
// refusal. It is for packages that do what sockets do in another way.
func Audit(e AuditEvent) error {
	f := auditor.Load()
	if f == nil {
		return nil
	}
	if err := (*f)(e); err != nil {
		return fmt.Errorf("refused by the auditor: %w", err)
	}
	return nil
}

func (s *Socket) audit(op string, addr net.Addr) error {
	if auditor.Load() == nil {
		return nil
	}
	return Audit(AuditEvent{
		Op: op, Family: s.fam().Name, Type: s.Type(), Protocol: s.Protocol(), Addr: addr,
	})
}
