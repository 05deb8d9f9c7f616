package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// A LookupCode is the reason why a lookup failed. It is an error: errors.Is(err,
// names.NoName) tests the code of a *[LookupError].
type LookupCode int

// The codes are those of getaddrinfo(3), which has EAI_ in front of them. The
// numbers are this package's.
const (
	BadFlags     LookupCode = iota + 1 // the flags make no sense
	NoName                             // the host or the service is not known
	TryAgain                           // the name server gave no answer for now
	LookupFailed                       // the name server will not answer
	NoFamily                           // the address family is not supported
	NoType                             // the socket type is not supported
	NoService                          // the service is not there for the type
	NoData                             // the host has no address of the family
)

var codeTexts = [...]string{"", "invalid flags", "name or service not known", "temporary failure in name resolution",
	"non-recoverable failure in name resolution", "address family not supported", "socket type not supported",
	"service not supported for socket type", "no address associated with the name"}

func (c LookupCode) Error() string {
	if c < 1 || int(c) >= len(codeTexts) {
		return "lookup code " + strconv.Itoa(int(c))
	}
	return codeTexts[c]
}

// A LookupError is the error of every lookup.
type LookupError struct {
	Name string // what was looked up
	Code LookupCode
	Err  error // the error of package net; may be nil
}

func (e *LookupError) Error() string {
	if e == nil {
		return "<nil>"
	}
	s := fmt.Sprintf("lookup %q: %v", e.Name, e.Code)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the code and the error of package net.
func (e *LookupError) Unwrap() []error {
	if e == nil {
		return nil
	}
	if e.Err == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Err}
}

// Timeout reports whether the lookup took too long.
func (e *LookupError) Timeout() bool {
	var t interface{ Timeout() bool }
	return e != nil && errors.As(e.Err, &t) && t.Timeout()
}

func lookupError(name string, err error) error {
	code := LookupFailed
	var dns *net.DNSError
	var addr *net.AddrError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, errors.As(err, &addr):
		code = NoName
	case errors.As(err, &dns) && (dns.IsTemporary || dns.IsTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		code = TryAgain
	}
	return &LookupError{Name: name, Code: code, Err: err}
}

// Hints limit what GetAddrInfo returns. The zero value asks for everything.
type Hints struct {
	Version  int         // 4 or 6; 0 is both
	Type     socket.Type // Stream, Datagram, SeqPacket or Raw; 0 is each but SeqPacket
	Protocol int         // 0 is any

	Passive        bool // an empty host is every local address, to bind to
	CanonicalName  bool // ask for the host's official name
	NumericHost    bool // the host must be an address
	NumericService bool // the service must be a number
	V4Mapped       bool // with Version 6: IPv4 as mapped addresses if there is no IPv6
	All            bool // with V4Mapped: also if there is
	AddrConfig     bool // only versions of IP that this machine has an address of
}

// An AddrInfo is one way to open a socket to a host and a service.
type AddrInfo struct {
	Version       int // of IP
	Type          socket.Type
	Protocol      int    // IPPROTO_ number
	CanonicalName string // in the first result, if it was asked for
	Addr          inet.Addr
}

// GetAddrInfo returns the ways to open a socket to a host and a service, the
// best first (RFC 6724). The host is a name, an address with a zone if it needs
// one, or empty; the service is a name, a number, or empty for port 0. An IPv4
// address may have the short forms of [InetAton], as for getaddrinfo(3): "127.1" is
// 127.0.0.1. Check the addresses that are returned, not the text, to allow or to
// refuse them. An empty host is what Python calls None. The error is a *LookupError.
func GetAddrInfo(ctx context.Context, host, service string, h Hints) ([]AddrInfo, error) {
	if err := socket.Audit(socket.AuditEvent{Op: "getaddrinfo", Name: host}); err != nil {
		return nil, err
	}
	if err := h.check(host, service); err != nil {
		return nil, err
	}
	kinds, err := h.kinds(ctx, service)
	if err != nil {
		return nil, err
	}
	ips, err := h.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var all []AddrInfo
	for _, ip := range ips {
		for _, k := range kinds {
			k.Version = 4
			if ip.Is6() {
				k.Version = 6
			}
			k.Addr = inet.Addr{AddrPort: netip.AddrPortFrom(ip, k.Addr.Port()), Net: k.Addr.Net}
			all = append(all, k)
		}
	}
	if h.CanonicalName && host != "" {
		all[0].CanonicalName = canonical(ctx, host)
	}
	return all, nil
}

func (h Hints) check(host, service string) error {
	switch {
	case host == "" && service == "":
		return &LookupError{Name: "", Code: NoName}
	case h.CanonicalName && host == "":
		return &LookupError{Name: host, Code: BadFlags}
	case h.Version != 0 && h.Version != 4 && h.Version != 6:
		return &LookupError{Name: host, Code: NoFamily}
	}
	if strings.IndexByte(host, 0) >= 0 || strings.IndexByte(service, 0) >= 0 {
		return &LookupError{Name: host, Code: NoName}
	}
	return nil
}

// kinds are the combinations of type and protocol, in the order of getaddrinfo of
// the GNU C library. Hints without a type and a protocol select the usual ones.
var kinds = []kind{
	{socket.Stream, 6, "tcp", true},
	{socket.Datagram, 17, "udp", true},
	{socket.Datagram, 136, "udplite", false},
	{socket.Stream, 132, "sctp", false},
	{socket.SeqPacket, 132, "sctp", false},
	{socket.Raw, 0, "ip", true},
}

type kind struct {
	typ     socket.Type
	proto   int // 0 is any
	network string
	usual   bool
}

// fits reports whether the hints ask for k.
func (k kind) fits(h Hints) bool {
	if h.Type == 0 && h.Protocol == 0 {
		return k.usual
	}
	return (h.Type == 0 || h.Type == k.typ) &&
		(h.Protocol == 0 || k.proto == 0 || h.Protocol == k.proto)
}

// kinds returns the types of socket, each with its protocol and port. With a type or
// a protocol in the hints it is the first that fits.
func (h Hints) kinds(ctx context.Context, service string) ([]AddrInfo, error) {
	var all []AddrInfo
	hinted := h.Type != 0 || h.Protocol != 0
	for _, k := range kinds {
		if !k.fits(h) {
			continue
		}
		port, err := h.port(ctx, k.network, service)
		if err != nil && !hinted && len(all) > 0 {
			continue // a service of TCP alone
		}
		if err != nil {
			return nil, err
		}
		if k.proto == 0 { // raw
			k.proto = h.Protocol
		}
		at := inet.Addr{AddrPort: netip.AddrPortFrom(netip.Addr{}, port), Net: k.network}
		all = append(all, AddrInfo{Type: k.typ, Protocol: k.proto, Addr: at})
		if hinted {
			break
		}
	}
	if len(all) == 0 {
		return nil, &LookupError{Name: service, Code: NoType}
	}
	return all, nil
}

var (
	errRawPort = errors.New("raw sockets have no ports")
	errPort    = errors.New("ports are numbers from 0 to 65535")
)

func (h Hints) port(ctx context.Context, network, service string) (uint16, error) {
	if service == "" {
		return 0, nil
	}
	if network == "ip" && (h.Type != 0 || h.Protocol != 0) {
		return 0, &LookupError{Name: service, Code: NoService, Err: errRawPort}
	}
	if n, err := strconv.ParseUint(service, 10, 16); err == nil {
		return uint16(n), nil
	}
	if strings.Trim(service, "+-0123456789") == "" {
		return 0, &LookupError{Name: service, Code: NoService, Err: errPort}
	}
	if h.NumericService {
		return 0, &LookupError{Name: service, Code: NoName}
	}
	if network == "ip" {
		return 0, &LookupError{Name: service, Code: NoService, Err: errRawPort}
	}
	port, err := ServiceByName(ctx, service, network)
	if err != nil {
		return 0, &LookupError{Name: service, Code: NoService, Err: err}
	}
	return port, nil
}

// addresses looks the host up.
func (h Hints) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var ips []netip.Addr
	if ip, ok := numeric(host); ok {
		ips = []netip.Addr{ip}
	} else if host == "" {
		ips = h.local()
	} else if h.NumericHost {
		return nil, &LookupError{Name: host, Code: NoName}
	} else {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, lookupError(host, err)
		}
		for _, ip := range found {
			ips = append(ips, ip.Unmap())
		}
	}
	ips, err := h.choose(ips)
	if err == nil && len(ips) == 0 {
		err = &LookupError{Name: host, Code: NoData}
	}
	return ips, err
}

// numeric parses a host that is an address, as getaddrinfo does: IPv4 in the forms of
// InetAton, without the white space that InetAton allows behind it.
func numeric(host string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip, true
	}
	if strings.ContainsAny(host, whiteSpace) {
		return netip.Addr{}, false
	}
	b, err := InetAton(host)
	return netip.AddrFrom4(b), err == nil
}

func (h Hints) local() []netip.Addr {
	if h.Passive {
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	}
	return []netip.Addr{netip.IPv6Loopback(), Loopback}
}

// choose leaves the versions that were asked for.
func (h Hints) choose(ips []netip.Addr) ([]netip.Addr, error) {
	four := slices.DeleteFunc(slices.Clone(ips), netip.Addr.Is6)
	six := slices.DeleteFunc(slices.Clone(ips), netip.Addr.Is4)
	switch {
	case h.Version == 4:
		ips = four
	case h.Version == 6 && h.V4Mapped && (h.All || len(six) == 0):
		ips = six
		for _, ip := range four {
			ips = append(ips, netip.AddrFrom16(ip.As16()))
		}
	case h.Version == 6:
		ips = six
	}
	if !h.AddrConfig {
		return ips, nil
	}
	has4, has6, err := versions()
	return slices.DeleteFunc(ips, func(ip netip.Addr) bool { return ip.Is4() && !has4 || ip.Is6() && !has6 }), err
}

// versions reports which versions of IP this machine has an address of, the
// loopback ones left out.
func versions() (has4, has6 bool, err error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false, false, &LookupError{Code: LookupFailed, Err: err}
	}
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() {
			continue
		}
		if n.IP.To4() != nil {
			has4 = true
		} else {
			has6 = true
		}
	}
	return has4, has6, nil
}

// canonical returns the official name of a host, or the name itself. An address is
// its own official name.
func canonical(ctx context.Context, host string) string {
	if _, ok := numeric(host); ok {
		return host
	}
	name, err := net.DefaultResolver.LookupCNAME(ctx, host)
	if err != nil || name == "" {
		return host
	}
	return strings.TrimSuffix(name, ".")
}

// GetHostByName returns an IPv4 address of a host. The empty name is [Any], and
// "<broadcast>" is [Broadcast], as in Python.
func GetHostByName(ctx context.Context, name string) (netip.Addr, error) {
	if err := socket.Audit(socket.AuditEvent{Op: "gethostbyname", Name: name}); err != nil {
		return netip.Addr{}, err
	}
	switch name {
	case "":
		return Any, nil
	case "<broadcast>":
		return Broadcast, nil
	}
	ips, err := fourOf(ctx, name)
	if err != nil {
		return netip.Addr{}, err
	}
	return ips[0], nil
}

// fourOf returns the IPv4 addresses of a host, at least one.
func fourOf(ctx context.Context, name string) ([]netip.Addr, error) {
	if name == "" || strings.IndexByte(name, 0) >= 0 {
		return nil, &LookupError{Name: name, Code: NoName}
	}
	return Hints{Version: 4}.addresses(ctx, name)
}

// A HostEntry is what is known of a host.
type HostEntry struct {
	Name    string // the official one
	Aliases []string
	Addrs   []netip.Addr
}

// GetHostByNameEx returns the official name of a host, its other names, and its
// IPv4 addresses.
func GetHostByNameEx(ctx context.Context, name string) (HostEntry, error) {
	if err := socket.Audit(socket.AuditEvent{Op: "gethostbyname", Name: name}); err != nil {
		return HostEntry{}, err
	}
	ips, err := fourOf(ctx, name)
	if err != nil {
		return HostEntry{}, err
	}
	entry := HostEntry{Name: name, Addrs: ips}
	if _, ok := numeric(name); ok {
		return entry, nil
	}
	if all := hostsWith(name); len(all) > 0 {
		entry.Name, entry.Aliases = all[0], all[1:]
	} else if official := canonical(ctx, name); !strings.EqualFold(official, name) {
		entry.Name, entry.Aliases = official, []string{name}
	}
	return entry, nil
}

// GetHostByAddr returns the names that an address has.
func GetHostByAddr(ctx context.Context, addr netip.Addr) (HostEntry, error) {
	if err := socket.Audit(socket.AuditEvent{Op: "gethostbyaddr", Name: addr.String()}); err != nil {
		return HostEntry{}, err
	}
	found, err := net.DefaultResolver.LookupAddr(ctx, addr.WithZone("").String())
	if err != nil {
		return HostEntry{}, lookupError(addr.String(), err)
	}
	for i := range found {
		found[i] = strings.TrimSuffix(found[i], ".")
	}
	if len(found) == 0 {
		return HostEntry{}, &LookupError{Name: addr.String(), Code: NoName}
	}
	return HostEntry{found[0], found[1:], []netip.Addr{addr}}, nil
}

// GetFQDN returns the full name of a host: the first of its names with a dot in
// it. It returns what it was given where there is none. The empty name is this
// machine's.
func GetFQDN(ctx context.Context, name string) string {
	name = strings.TrimSpace(name)
	if name == "" || name == "0.0.0.0" || name == "::" {
		own, err := os.Hostname()
		if err != nil {
			return name
		}
		name = own
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		if socket.Audit(socket.AuditEvent{Op: "gethostbyname", Name: name}) != nil {
			return name
		}
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil || len(ips) == 0 {
			return name
		}
		addr = ips[0].Unmap()
	}
	entry, err := GetHostByAddr(ctx, addr)
	if err != nil {
		return name
	}
	for _, n := range append([]string{entry.Name}, entry.Aliases...) {
		if strings.Contains(n, ".") {
			return n
		}
	}
	return entry.Name
}
