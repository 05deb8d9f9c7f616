package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/printable"
)

// A name may have several addresses, behind which are servers with different configurations. One
// scan looks at one of them: the first that answers. With --all-addresses each is scanned.

// maxAddresses bounds the addresses of a name that are scanned.
const maxAddresses = 64

// inspect scans the server of a target, or with --all-addresses that of each address.
func (s *servers) inspect(ctx context.Context, t target) []inspection {
	if !s.flags.allAddresses {
		i := s.inspectOne(ctx, t)
		if t.named() && i.IP != "" {
			// It has the other ones for the report alone.
			list, _ := s.addresses(ctx, t)
			for _, ip := range list {
				if text := ip.String(); text != i.IP {
					i.OtherIPs = append(i.OtherIPs, text)
				}
			}
		}
		return []inspection{i}
	}
	list, err := s.targetAddresses(ctx, t)
	if err != nil {
		return []inspection{{Address: t.text, err: err, Error: explain(err).text}}
	}
	var results []inspection
	for _, ip := range list {
		t.ip = ip
		results = append(results, s.inspectOne(ctx, t))
	}
	return results
}

// targetAddresses returns the addresses to scan: none is that of a target that has no name.
func (s *servers) targetAddresses(ctx context.Context, t target) ([]netip.Addr, error) {
	if !t.named() {
		return []netip.Addr{{}}, nil
	}
	through, _, err := s.proxy.choose(belowTLS(t.addr))
	if err != nil {
		return nil, err
	}
	if through != nil {
		return nil, failed(nil, "a proxy looks up the addresses of the name, and tells none").
			hinted("leave out --all-addresses, or connect without a proxy (--proxy none)")
	}
	list, err := s.addresses(ctx, t)
	if err == nil && len(list) > maxAddresses {
		err = failed(nil, "the name has %d addresses: --all-addresses scans at most %d", len(list),
			maxAddresses).hinted("name the addresses, and the server with --name")
	}
	return list, err
}

// addresses looks up the addresses of a name.
func (s *servers) addresses(ctx context.Context, t target) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, s.flags.timeout)
	defer cancel()
	network := "ip"
	if scheme := t.addr.Scheme(); scheme == "tcp4" || scheme == "tcp6" {
		network += scheme[3:]
	}
	list, err := s.lookup(ctx, network, t.addr.Host())
	if err != nil {
		return nil, err
	}
	var unique []netip.Addr
	for _, ip := range list {
		if ip = ip.Unmap(); !slices.Contains(unique, ip) {
			unique = append(unique, ip)
		}
	}
	return unique, nil
}

// named reports whether the target is a name that is looked up for TCP.
func (t *target) named() bool {
	_, _, tcp := t.addr.HostPort()
	scheme := t.addr.Scheme()
	if !tcp && scheme != "tcp4" && scheme != "tcp6" || scheme == "ws" || t.addr.Host() == "" {
		return false
	}
	_, err := netip.ParseAddr(t.addr.Host())
	return err != nil
}

// A fixedServer dials one address of a target: that of the first connection, or the one that is
// given.
type fixedServer struct {
	first func(context.Context) (net.Conn, error) // dials any address
	named bool                                    // there may be several
	turn  chan struct{}                           // of one, for to
	to    address.Address                         // what the others dial; zero until it is known
}

func (s *servers) fixed(t target) (*fixedServer, error) {
	a := belowTLS(t.addr)
	f := &fixedServer{
		first: func(ctx context.Context) (net.Conn, error) { return s.proxy.dial(ctx, a) },
		named: t.named(), turn: make(chan struct{}, 1),
	}
	if through, _, err := s.proxy.choose(a); err == nil && through != nil {
		f.named = false // it looks up the address for each connection
	}
	if t.ip.IsValid() {
		_, port, err := net.SplitHostPort(strings.TrimPrefix(a.String(), a.Scheme()+"://"))
		if err != nil {
			return nil, err
		}
		if f.to, err = address.Parse(net.JoinHostPort(t.ip.String(), port)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// dial connects to the server. Until one connection is there, the others wait.
func (f *fixedServer) dial(ctx context.Context) (net.Conn, error) {
	if !f.named {
		return f.first(ctx)
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return f.first(ctx) // which tells what was not reached, such as the proxy
	}
	if to := f.to; to != (address.Address{}) {
		<-f.turn
		return to.Dial(ctx)
	}
	defer func() { <-f.turn }()
	conn, err := f.first(ctx)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok { // not through a proxy
		f.to, err = address.Parse(tcp.String())
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ip returns the IP address of the server, or "" if it is not known.
func (f *fixedServer) ip() string {
	f.turn <- struct{}{}
	defer func() { <-f.turn }()
	return f.to.Host()
}

// Where names the server of an inspection, with its address if the name has others that are
// inspected too.
func (i *inspection) Where() string {
	text := i.Address
	if i.one {
		text += " (" + i.IP + ")"
	}
	return printable.Line(text)
}

// AddressText tells which address of a name was scanned, of how many.
func (i *inspection) AddressText() string {
	if n := len(i.OtherIPs); n > 0 {
		return i.IP + ", one of " + strconv.Itoa(n+1) + " (--all-addresses)"
	}
	return i.IP
}
