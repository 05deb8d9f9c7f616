package inet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// attemptDelay is how long one address may take before the next is tried too:
// RFC 8305, Section 5.
const attemptDelay = 250 * time.Millisecond

// maxAddresses bounds how many addresses of a name are tried.
const maxAddresses = 64

// ConnectOptions change what CreateConnection does. The zero value is right for
// TCP.
type ConnectOptions struct {
	// Source is the address and port to connect from. Either may be left out:
	// the zero Addr is any address, and port 0 is any port.
	Source netip.AddrPort

	// AllErrors makes the error hold those of all attempts, one a line, instead
	// of the first alone.
	AllErrors bool

	// Version limits the addresses to IPv4 (4) or IPv6 (6).
	Version int

	// AttemptDelay is how long to wait for one address before trying the next
	// one beside it; 0 means 250 ms.
	AttemptDelay time.Duration

	// Prepare, if not nil, is called with each socket before it connects, for
	// example to set options.
	Prepare func(*socket.Socket) error

	// Resolver looks names up; nil means net.DefaultResolver.
	Resolver *net.Resolver

	// Transport is the protocol; the zero Transport means TCP.
	Transport Transport
}

// CreateConnection connects to "host:port". It looks the name up and tries its
// addresses, the versions of IP in turn, each a quarter of a second after the
// one before or as soon as that one fails (Happy Eyeballs, RFC 8305). The first
// connection wins. o may be nil.
func CreateConnection(ctx context.Context, address string, o *ConnectOptions) (*socket.Socket, error) {
	c := connector{results: make(chan attempt)}
	if o != nil {
		c.ConnectOptions = *o
	}
	c.setDefaults()
	addrs, err := c.resolve(ctx, address)
	if err != nil {
		return nil, c.opError(address, err)
	}
	return c.race(ctx, address, interleave(addrs))
}

// connector is the state of one call of CreateConnection.
type connector struct {
	ConnectOptions
	results chan attempt
}

// An attempt is the outcome of connecting to one address.
type attempt struct {
	index int
	s     *socket.Socket
	err   error
}

func (c *connector) setDefaults() {
	if c.Transport.Name == "" {
		c.Transport = TCP
	}
	if c.AttemptDelay <= 0 {
		c.AttemptDelay = attemptDelay
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
}

func (c *connector) opError(address string, err error) error {
	return &net.OpError{Op: "dial", Net: c.Transport.Name, Err: fmt.Errorf("%s: %w", address, err)}
}

// resolve returns the addresses for the text, in the order of the resolver,
// which is that of RFC 6724.
func (c *connector) resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := c.Resolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, err
	}
	network := "ip"
	if c.Version != 0 {
		network = fmt.Sprintf("ip%d", c.Version)
	}
	if host == "" {
		host = "localhost"
	}
	if err := socket.Audit(socket.AuditEvent{Op: "getaddrinfo", Name: host}); err != nil {
		return nil, err
	}
	ips, err := c.Resolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, ip := range ips[:min(len(ips), maxAddresses)] {
		if ip = ip.Unmap(); c.Source.Addr().IsValid() && c.Source.Addr().Is4() != ip.Is4() {
			continue // cannot be reached from that source
		}
		addrs = append(addrs, netip.AddrPortFrom(ip, uint16(port)))
	}
	if len(addrs) == 0 {
		return nil, errors.New("the name has no usable address")
	}
	return addrs, nil
}

// interleave puts the versions of IP in turn, beginning with that of the first
// address: RFC 8305, Section 4.
func interleave(addrs []netip.AddrPort) []netip.AddrPort {
	var groups [2][]netip.AddrPort
	for _, a := range addrs {
		i := 0
		if a.Addr().Is4() != addrs[0].Addr().Is4() {
			i = 1
		}
		groups[i] = append(groups[i], a)
	}
	mixed := make([]netip.AddrPort, 0, len(addrs))
	for i := 0; len(mixed) < len(addrs); i++ {
		for _, g := range groups {
			if i < len(g) {
				mixed = append(mixed, g[i])
			}
		}
	}
	return mixed
}

// race runs the attempts and returns the first success.
func (c *connector) race(ctx context.Context, address string, addrs []netip.AddrPort) (*socket.Socket, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // cancels the other attempts
	errs := make([]error, len(addrs))
	started, running := 0, 0
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			if started < len(addrs) {
				go c.try(ctx, started, addrs[started])
				started++
				running++
				next.Reset(c.AttemptDelay)
			}
		case r := <-c.results:
			running--
			if r.err == nil {
				go c.discard(running)
				return r.s, nil
			}
			errs[r.index] = r.err
			if started < len(addrs) && ctx.Err() == nil {
				next.Reset(0)
			} else if running == 0 {
				return nil, c.failure(address, errs[:started])
			}
		}
	}
}

// failure combines the errors of all attempts.
func (c *connector) failure(address string, errs []error) error {
	if c.AllErrors {
		return c.opError(address, errors.Join(errs...))
	}
	return errs[0]
}

// discard closes the connections of the remaining n attempts.
func (c *connector) discard(n int) {
	for range n {
		if r := <-c.results; r.err == nil {
			_ = r.s.Close()
		}
	}
}

func (c *connector) try(ctx context.Context, index int, addr netip.AddrPort) {
	s, err := c.connect(ctx, addr)
	c.results <- attempt{index, s, err}
}

func (c *connector) connect(ctx context.Context, addr netip.AddrPort) (*socket.Socket, error) {
	version := 4
	if addr.Addr().Is6() {
		version = 6
	}
	s, err := c.Transport.New(version)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, s, addr); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (c *connector) prepare(ctx context.Context, s *socket.Socket, addr netip.AddrPort) error {
	if c.Prepare != nil {
		if err := c.Prepare(s); err != nil {
			return err
		}
	}
	if source := c.Source; source.Addr().IsValid() || source.Port() != 0 {
		if !source.Addr().IsValid() {
			source = netip.AddrPortFrom(unspecified(addr.Addr().Is6()), source.Port())
		}
		if err := s.Bind(Addr{AddrPort: source, Net: c.Transport.Name}); err != nil {
			return err
		}
	}
	return s.Connect(ctx, Addr{AddrPort: addr, Net: c.Transport.Name})
}

func unspecified(six bool) netip.Addr {
	if six {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}
