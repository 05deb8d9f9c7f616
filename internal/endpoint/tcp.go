package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// TCP is a host and a port. The host may be empty, a name, or an IP address in
// its shortest form, with a zone if it has one.
type TCP struct {
	Scheme string // tcp, tcp4 or tcp6
	Name   string
	Port   string // a number, or a service's name
}

// ParseTCP parses host:port.
func ParseTCP(scheme, rest string) (Endpoint, error) {
	host, port, err := SplitPort(rest)
	if err != nil {
		return nil, withScheme(scheme, err)
	}
	host, err = CheckHost(scheme, host)
	if err != nil {
		return nil, err
	}
	return TCP{scheme, host, port}, nil
}

// withScheme puts a scheme other than tcp in front of what an error suggests.
func withScheme(scheme string, err error) error {
	e, ok := errors.AsType[*ParseError](err)
	if !ok || scheme == "tcp" {
		return err
	}
	named := *e
	suggested, ok := strings.CutPrefix(e.Hint, "did you mean ")
	if ok && !strings.HasPrefix(suggested, "unix://") {
		named.Hint = "did you mean " + scheme + "://" +
			strings.ReplaceAll(suggested, " or ", " or "+scheme+"://")
	}
	return &named
}

// Network implements Endpoint.
func (t TCP) Network() string { return t.Scheme }

// Joined returns host:port.
func (t TCP) Joined() string { return net.JoinHostPort(t.Name, t.Port) }

// Text implements Endpoint.
func (t TCP) Text() string {
	s := t.Joined()
	if t.Scheme == "tcp" {
		return s
	}
	return t.Scheme + "://" + s
}

// Host implements Endpoint.
func (t TCP) Host() string {
	host, _, _ := strings.Cut(t.Name, "%")
	return host
}

// Dial implements Endpoint.
func (t TCP) Dial(ctx context.Context) (net.Conn, error) {
	if err := t.auditName("dial"); err != nil {
		return nil, err
	}
	return dialer().DialContext(ctx, t.Scheme, t.Joined())
}

// Listen implements Endpoint.
func (t TCP) Listen(ctx context.Context) (net.Listener, error) {
	if err := t.auditName("listen"); err != nil {
		return nil, err
	}
	return listening().Listen(ctx, t.listenNetwork(), t.Joined())
}

// listenNetwork is the network to listen on. With "tcp", package net takes 0.0.0.0
// for all addresses of IPv6 too; a host that is an IPv4 address means IPv4 alone.
func (t TCP) listenNetwork() string {
	ip, err := netip.ParseAddr(t.Name)
	if err == nil && ip.Is4() && !strings.HasSuffix(t.Scheme, "4") {
		return t.Scheme + "4"
	}
	return t.Scheme
}

// HostPort returns the host and the port for a proxy, and whether one can use them: it
// cannot choose the version of IP.
func (t TCP) HostPort() (host, port string, ok bool) { return t.Name, t.Port, t.Scheme == "tcp" }

// SplitPort splits "host:port", "[ip]:port", ":port" and "port".
func SplitPort(text string) (host, port string, err error) {
	if path := strings.IndexAny(text, "/?#"); path >= 0 {
		return "", "", pathProblem(text, text[:path])
	}
	if text != "" && strings.Trim(text, "0123456789") == "" {
		port, err = CheckPort(text)
		return "", port, err
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		return "", "", Problem("it has no port", "did you mean %s?", withoutBrackets(ip, text))
	}
	host, port, serr := net.SplitHostPort(text)
	if serr != nil {
		return "", "", splitProblem(text, serr)
	}
	if strings.HasPrefix(text, "[") {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return "", "", bracketProblem(host, port)
		}
	}
	port, err = CheckPort(port)
	return host, port, err
}

// pathProblem is the problem of a text with a path, a query or a fragment behind host.
func pathProblem(text, host string) *ParseError {
	if strings.Trim(host, ".") == "" {
		return Problem("it is a path, not host:port", "did you mean unix://%s?", text)
	}
	if scheme, ok := strings.CutSuffix(host, ":"); ok && Forms[scheme].Parse != nil {
		return Problem("its scheme has no ://", "did you mean %s://%s?", scheme,
			strings.TrimPrefix(text, host))
	}
	if _, _, err := SplitPort(host); err != nil {
		return Problem("it has text after the host, and no port", "write host:port")
	}
	return Problem("it has text after the port", "did you mean %s?", host)
}

// bracketProblem is the problem of a text in brackets that is not an IPv6 address.
func bracketProblem(host, port string) *ParseError {
	const problem = "the text in brackets is not an IPv6 address"
	if strings.Contains(host, ":") {
		return Problem(problem, "write host:port, and an IPv6 address in brackets")
	}
	return Problem(problem, "did you mean %s?", net.JoinHostPort(host, port))
}

// withoutBrackets suggests what an IP address without a port may stand for: the end of one of IPv6
// may be the port.
func withoutBrackets(ip netip.Addr, text string) string {
	whole := net.JoinHostPort(ip.String(), "443")
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return whole
	}
	if host, err := netip.ParseAddr(text[:i]); err == nil && host.Is6() {
		if _, err := strconv.ParseUint(text[i+1:], 10, 16); err == nil {
			return net.JoinHostPort(host.String(), text[i+1:]) + " or " + whole
		}
	}
	return whole
}

func splitProblem(text string, err error) *ParseError {
	if ip := strings.Trim(text, "[]"); strings.Contains(text, "[") {
		return Problem("the brackets are not those of an IPv6 address and a port", "write [%s]:443", ip)
	}
	if strings.Contains(text, ":") {
		if i := strings.LastIndexByte(text, ':'); i > 0 {
			if _, err := netip.ParseAddr(text[:i]); err == nil {
				return Problem("an IPv6 address needs brackets before its port", "did you mean [%s]:%s?", text[:i], text[i+1:])
			}
		}
		return Problem("it has more than one colon", "write host:port, and an IPv6 address in brackets")
	}
	if aerr, ok := err.(*net.AddrError); ok && aerr.Err == "missing port in address" {
		return Problem("it has no port", "did you mean %s:443?", text)
	}
	return Problem(err.Error(), "write host:port")
}

// CheckPort returns the canonical form of a port.
func CheckPort(port string) (string, error) {
	if port == "" {
		return "", Problem("the port is empty", "write host:port, as in localhost:443")
	}
	if strings.Trim(port, "0123456789") == "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", Problem(fmt.Sprintf("port %s is not in 0 to 65535", port),
				"check the number")
		}
		return strconv.FormatUint(n, 10), nil
	}
	// A service name has at most 15 letters, digits and hyphens, with a letter
	// among them: RFC 6335, Section 5.1.
	port = strings.ToLower(port)
	letters := strings.ContainsAny(port, "abcdefghijklmnopqrstuvwxyz")
	if len(port) > 15 || !letters || !Words(port, "-") || strings.Trim(port, "-") != port {
		return "", Problem(fmt.Sprintf("port %q is neither a number nor a service's name", port),
			"write a number from 0 to 65535")
	}
	return port, nil
}

// CheckHost validates a host and returns its canonical form.
func CheckHost(scheme, host string) (string, error) {
	if host == "" {
		return "", nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if strings.HasSuffix(scheme, "4") && !ip.Is4() && !ip.Is4In6() || strings.HasSuffix(scheme, "6") && ip.Is4() {
			return "", Problem(fmt.Sprintf("%s is not an address of %s", ip, scheme), "did you mean %s without a scheme?", "the address")
		}
		return ip.String(), nil
	}
	if len(host) > 253 {
		return "", Problem(fmt.Sprintf("the host name has %d bytes, more than 253", len(host)), "")
	}
	for i := range len(host) {
		if host[i] >= 0x80 {
			return "", Problem("the host name is not ASCII", "write an international name in its xn-- form")
		}
	}
	if !Words(host, "-._") {
		return "", Problem(fmt.Sprintf("%q is not a host name", host), "names have letters, digits, hyphens and dots")
	}
	return strings.ToLower(host), nil
}

// Words reports whether s is ASCII letters, digits and the characters in also.
func Words(s, also string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte(also, c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
