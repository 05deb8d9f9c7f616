package endpoint

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/sealsock/sealsock/internal/auditing"
)

// audited reports a socket of package net to the auditor of package socket, with the
// same events as one of package socket causes: its making, and then op, which is
// "connect" or "bind". Package net calls the function with the address that was
// looked up, before it uses it.
func audited(op string) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, addr string, _ syscall.RawConn) error {
		if err := auditing.Report(auditing.Event{Op: "socket", Network: network}); err != nil {
			return err
		}
		return auditing.Report(auditing.Event{Op: op, Network: network, Addr: addrOf(network, addr)})
	}
}

// addrOf returns an address as package net has it, or nil if it cannot be read.
func addrOf(network, addr string) net.Addr {
	if network == "unix" || network == "unixgram" {
		return &net.UnixAddr{Name: addr, Net: network}
	}
	at, err := netip.ParseAddrPort(addr)
	switch {
	case err != nil:
		return nil
	case strings.HasPrefix(network, "udp"):
		return net.UDPAddrFromAddrPort(at)
	}
	return net.TCPAddrFromAddrPort(at)
}

// auditName reports that a host's name is going to be looked up.
func (t TCP) auditName(op string) error {
	if t.Name == "" {
		return nil
	}
	if err := auditing.Report(auditing.Event{Op: "getaddrinfo", Name: t.Name}); err != nil {
		return OpError(op, t, err)
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
