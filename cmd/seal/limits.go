package main

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/admit"
)

// limitFlags holds the flags that bound what clients may take.
type limitFlags struct {
	clients    int
	perAddress int
	allow      []string
	deny       []string
	rate       string
	idle       time.Duration
}

func (l *limitFlags) register(f *pflag.FlagSet) {
	f.IntVar(&l.clients, "clients", 256,
		"`number` of connections served at once, with --keep; further clients are refused")
	f.IntVar(&l.perAddress, "max-per-address", 0,
		"`number` of connections served at once for one IPv4 address or IPv6 network of 64 bits")
	f.StringArrayVar(&l.allow, "allow", nil,
		"serve only clients of this `network`, as in 192.0.2.0/24; may be given several times")
	f.StringArrayVar(&l.deny, "deny", nil,
		"refuse clients of this `network`, also if --allow has it; may be given several times")
	f.StringVar(&l.rate, "rate", "",
		"connections that an address may open in a time, as in 10/1m: a `number`, a slash and a time")
	f.DurationVar(&l.idle, "idle", 0,
		"end a connection that carries no data for this `time`; 0 for no limit")
}

// withoutIP are the schemes whose clients have no IP address.
var withoutIP = []string{
	"unix", "unixgram", "stdio", "seqpacket", "vsock", "rfcomm", "l2cap", "isotp", "tipc",
}

// prepare checks the values of the flags, and returns what decides about clients before
// their handshake, or nil if no flag does. scheme is that of the address, or "" if a header
// has the addresses of clients.
func (l *limitFlags) prepare(scheme string) (*gate, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if len(l.allow)+len(l.deny) == 0 && l.rate == "" {
		return nil, nil
	}
	if slices.Contains(withoutIP, scheme) {
		return nil, usage("--allow, --deny and --rate are for IP addresses, and %s has none", scheme).
			hinted("leave them out; the mode of a socket's folder decides who may use it")
	}
	g := &gate{byeSlots: make(chan struct{}, maxFarewells)}
	var err error
	if g.allow, err = parseNetworks("--allow", l.allow); err != nil {
		return nil, err
	}
	if g.deny, err = parseNetworks("--deny", l.deny); err != nil {
		return nil, err
	}
	if l.rate != "" {
		g.rate, err = parseRate(l.rate)
	}
	return g, err
}

// check finds values that are out of range.
func (l *limitFlags) check() error {
	switch {
	case l.clients <= 0:
		return usage("--clients %d is not positive", l.clients).hinted("as in --clients 256")
	case l.perAddress < 0:
		return usage("--max-per-address %d is negative", l.perAddress).
			hinted("as in --max-per-address 8, or 0 for no limit")
	case l.idle < 0:
		return usage("--idle %v is negative", l.idle).hinted("as in --idle 5m, or 0 for no limit")
	}
	return nil
}

// parseNetworks parses networks, and addresses as networks of one.
func parseNetworks(flag string, texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var ip netip.Addr
			if ip, err = netip.ParseAddr(text); err == nil {
				network, err = ip.Unmap().Prefix(ip.Unmap().BitLen())
			}
		}
		switch {
		case err != nil:
			return nil, usage("%s %q is no network and no IP address", flag, text).
				hinted("as in %s 192.0.2.0/24 or %s 2001:db8::/32", flag, flag)
		case network.Masked() != network:
			return nil, usage("%s %s has bits beyond the length of its network", flag, text).
				hinted("%s, or %s/%d for one address", network.Masked(), network.Addr(),
					network.Addr().BitLen())
		}
		all = append(all, admit.Unmapped(network))
	}
	return all, nil
}

// parseRate parses the value of --rate.
func parseRate(text string) (*rate, error) {
	number, each, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	per, timeErr := time.ParseDuration(each)
	if timeErr != nil { // "10/m" is ten a minute
		per, timeErr = time.ParseDuration("1" + each)
	}
	if !ok || err != nil || n <= 0 || timeErr != nil || per <= 0 {
		return nil, usage("--rate %q is not a number and a time", text).
			hinted("as in --rate 10/1m for ten connections a minute from one address")
	}
	return &rate{n, per, fleet.NewRates(n, per)}, nil
}

// A refusalError is the reason why a client is not served, and the alert that it gets.
type refusalError struct {
	*problem
	alert  iana.Alert
	client net.Addr // if it is not that of the connection: from a header of a proxy
}

// Unwrap returns the reason.
func (r *refusalError) Unwrap() error { return r.problem }

func refusal(alert iana.Alert, code, format string, args ...any) *refusalError {
	p := failed(nil, format, args...)
	p.code = code
	return &refusalError{problem: p, alert: alert}
}

// A gate decides by the address of a client, before its handshake. It is a listener, or what
// follows the header of a proxy, which has the address.
type gate struct {
	net.Listener // nil if there is a header
	allow, deny  []netip.Prefix
	rate         *rate
	refused      func(net.Addr, error)
	byeSlots     chan struct{}
	plain        bool // clients do not use TLS, so that none gets an alert
}

// What a client that is turned away may cost.
const (
	maxFarewells  = 64 // clients that are sent an alert at once
	farewellTime  = time.Second
	farewellBytes = 64 << 10
)

// Accept implements net.Listener. It returns the next client that is not turned away.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		why := g.check(conn.RemoteAddr(), time.Now())
		if why == nil {
			return conn, nil
		}
		g.refused(conn.RemoteAddr(), why)
		if g.plain {
			conn.Close()
		} else {
			g.turnAway(conn, why.alert)
		}
	}
}

// admit returns an error for a client that is turned away, whose address a header has. conn is
// the connection behind the header.
func (g *gate) admit(conn net.Conn) error {
	why := g.check(conn.RemoteAddr(), time.Now())
	if why == nil {
		return nil
	}
	why.client = conn.RemoteAddr()
	select {
	case g.byeSlots <- struct{}{}:
		defer func() { <-g.byeSlots }()
	default:
		return why
	}
	if !g.plain {
		sayFarewell(conn, why.alert)
	}
	return why
}

// check returns why a client is turned away, or nil. One without an IP address is in no
// network, and has no rate.
func (g *gate) check(peer net.Addr, now time.Time) *refusalError {
	network := admit.NetworkOf(peer)
	ip := admit.AddressOf(peer)
	switch {
	case containsIP(g.deny, ip):
		return refusal(iana.AlertAccessDenied, "denied", "--deny has its address")
	case len(g.allow) > 0 && !containsIP(g.allow, ip):
		return refusal(iana.AlertAccessDenied, "denied", "--allow does not have its address")
	case network.IsValid() && g.rate != nil && !g.rate.Take(network, now):
		return refusal(iana.AlertInternalError, "rate",
			"%v opens more than %d connections in %v (--rate)", network, g.rate.most, g.rate.per)
	}
	return nil
}

func containsIP(networks []netip.Prefix, ip netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// turnAway sends an alert and closes the connection.
func (g *gate) turnAway(conn net.Conn, alert iana.Alert) {
	select {
	case g.byeSlots <- struct{}{}:
	default:
		conn.Close()
		return
	}
	go func() {
		defer func() { <-g.byeSlots }()
		defer conn.Close()
		sayFarewell(conn, alert)
	}()
}

// sayFarewell sends an alert in plaintext. It reads what the client sends for a moment, so
// that a reset does not overtake the alert.
func sayFarewell(conn net.Conn, alert iana.Alert) {
	conn.SetDeadline(time.Now().Add(farewellTime))
	// RFC 9846, Sections 5.1 and 6: a fatal alert in a record of its own.
	const contentAlert, fatal = 21, 2
	record := []byte{contentAlert, 3, 3, 0, 2, fatal, byte(alert)}
	if _, err := conn.Write(record); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	drain(conn, farewellBytes)
}

// A rate bounds how many connections each address opens in a time.
type rate struct {
	most int
	per  time.Duration
	fleet.Limiter
}

// placeFor takes a place for a client, or returns why there is none.
func placeFor(p *admit.Places, peer net.Addr) *refusalError {
	switch p.Take(peer) {
	case admit.Full:
		why := refusal(iana.AlertInternalError, "full", "all %d places of --clients are taken", p.Total)
		why.hint = "raise --clients; --idle ends connections that carry no data, and " +
			"--max-per-address leaves places to others"
		return why
	case admit.PeerFull:
		return refusal(iana.AlertInternalError, "full", "%v has all %d places of --max-per-address",
			admit.NetworkOf(peer), p.PerAddress)
	}
	return nil
}
