package inet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/sealsock/sealsock/socket"
)

// ServerOptions change what CreateServer does. The zero value is right for TCP.
type ServerOptions struct {
	// Version is 4 or 6; 0 means the version of the address, and IPv4 for an
	// empty host without DualStack.
	Version int

	// DualStack accepts IPv4 on an IPv6 socket, where it appears as mapped
	// addresses. Without it an IPv6 socket is for IPv6 only.
	DualStack bool

	// ReusePort lets many sockets, of many processes, share the port.
	ReusePort bool

	// Backlog is how many connections may wait to be accepted; 0 means as many
	// as the system allows.
	Backlog int

	// Prepare, if not nil, is called with the socket before it is bound, for
	// example to set options.
	Prepare func(*socket.Socket) error

	// Transport is the protocol; the zero Transport means TCP.
	Transport Transport
}

// CreateServer listens on "host:port". An empty host means every address of
// this machine. ReuseAddr is set on systems where it cannot take the port of a
// running server, so that the port can be reused immediately after the server
// ends. o may be nil.
func CreateServer(ctx context.Context, address string, o *ServerOptions) (*socket.Listener, error) {
	var opts ServerOptions
	if o != nil {
		opts = *o
	}
	if opts.Transport.Name == "" {
		opts.Transport = TCP
	}
	addr, err := opts.resolve(ctx, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: opts.Transport.Name, Err: fmt.Errorf("%s: %w", address, err)}
	}
	version := 4
	if addr.Addr().Is6() {
		version = 6
	}
	s, err := opts.Transport.New(version)
	if err != nil {
		return nil, err
	}
	if err := opts.start(s, addr); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s.Listener(), nil
}

// HasDualStackIPv6 reports whether an IPv6 socket of this machine can also
// accept IPv4.
func HasDualStackIPv6() bool {
	s, err := socket.New(Family6, socket.Stream, 0)
	if err != nil {
		return false
	}
	defer s.Close()
	return V6Only.Set(s, false) == nil
}

func (o *ServerOptions) resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if o.DualStack && o.Version == 4 {
		return netip.AddrPort{}, errors.New("an IPv4 socket cannot be dual stack")
	}
	if o.DualStack && !HasDualStackIPv6() {
		return netip.AddrPort{}, fmt.Errorf("one socket for IPv6 and IPv4: %w", errors.ErrUnsupported)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	six := o.Version == 6 || o.DualStack
	if host == "" {
		return netip.AddrPortFrom(unspecified(six), uint16(port)), nil
	}
	ip, err := o.lookup(ctx, host, six)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

// lookup returns the first address of a host.
func (o *ServerOptions) lookup(ctx context.Context, host string, six bool) (netip.Addr, error) {
	network := "ip"
	if six {
		network = "ip6"
	} else if o.Version == 4 {
		network = "ip4"
	}
	if err := socket.Audit(socket.AuditEvent{Op: "getaddrinfo", Name: host}); err != nil {
		return netip.Addr{}, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return netip.Addr{}, err
	}
	if !six {
		return ips[0].Unmap(), nil
	}
	return ips[0], nil
}

func (o *ServerOptions) start(s *socket.Socket, addr netip.AddrPort) error {
	if reuseAddrIsSafe {
		if err := socket.ReuseAddr.Set(s, true); err != nil {
			return err
		}
	}
	if o.ReusePort {
		if err := socket.ReusePort.Set(s, true); err != nil {
			return err
		}
	}
	if addr.Addr().Is6() {
		if err := V6Only.Set(s, !o.DualStack); err != nil {
			return err
		}
	}
	if o.Prepare != nil {
		if err := o.Prepare(s); err != nil {
			return err
		}
	}
	if err := s.Bind(Addr{AddrPort: addr, Net: o.Transport.Name}); err != nil {
		return err
	}
	return s.Listen(o.Backlog)
}
