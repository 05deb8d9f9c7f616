package address

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/unix"
)

// audited reports a socket of package net to the auditor of package socket, with the
// same events as one of package socket causes: its making, and then op, which is
// "connect" or "bind". Package net calls the function with the address that was
// looked up, before it uses it.
func audited(op string) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, addr string, _ syscall.RawConn) error {
		e := eventOf(network, addr)
		at := e.Addr
		e.Op, e.Addr = "socket", nil
		if err := socket.Audit(e); err != nil {
			return err
		}
		e.Op, e.Addr = op, at
		return socket.Audit(e)
	}
}

// eventOf describes a socket of package net.
func eventOf(network, addr string) socket.AuditEvent {
	if network == "unix" {
		at := unix.Path(addr)
		if abstract, ok := strings.CutPrefix(addr, "@"); ok {
			at = unix.Abstract(abstract)
		}
		return socket.AuditEvent{Family: "unix", Type: socket.Stream, Addr: at}
	}
	e := socket.AuditEvent{Family: "inet", Type: socket.Stream}
	if strings.HasSuffix(network, "6") {
		e.Family = "inet6"
	}
	base := strings.TrimRight(network, "46")
	if base == "udp" {
		e.Type = socket.Datagram
	}
	if at, err := netip.ParseAddrPort(addr); err == nil {
		e.Addr = inet.Addr{AddrPort: at, Net: base}
	}
	return e
}

// auditName reports that a host's name is going to be looked up.
func (t tcp) auditName(op string) error {
	if t.name == "" {
		return nil
	}
	if err := socket.Audit(socket.AuditEvent{Op: "getaddrinfo", Name: t.name}); err != nil {
		return opError(op, Address{t.scheme, t}, err)
	}
	return nil
}

// dialer is a net.Dialer whose sockets are audited.
func dialer() *net.Dialer { return &net.Dialer{ControlContext: audited("connect")} }

// listening is a net.ListenConfig whose sockets are audited.
func listening() *net.ListenConfig {
	control := audited("bind")
	return &net.ListenConfig{Control: func(network, addr string, c syscall.RawConn) error {
		return control(context.Background(), network, addr, c)
	}}
}
