package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/proxyprotocol"
)

// headerFlags are the flags of the PROXY protocol.
type headerFlags struct {
	accept string // listen: who sends a header
	send   int    // the version of the header that is sent; 0 for none
}

func (flags *headerFlags) registerSend(f *pflag.FlagSet, to string) {
	f.IntVar(&flags.send, "send-proxy-header", 0,
		"tell "+to+" the address of the client in a PROXY protocol header of this `version`, 1 or 2")
}

func (flags *headerFlags) registerAccept(f *pflag.FlagSet) {
	f.StringVar(&flags.accept, "accept-proxy-header", "", "take the address of the client from a PROXY "+
		"protocol header, and only serve these `networks`, which must send one, as in "+
		"10.0.0.0/8,192.0.2.1; unix and any are such words too")
}

// check finds values that do not exist.
func (flags *headerFlags) check() error {
	if flags.send < 0 || flags.send > 2 {
		return usage("--send-proxy-header %d is no version", flags.send).hinted("it is 1 or 2")
	}
	_, err := parseSenders(flags.accept)
	return err
}

// senders are those that may send a PROXY protocol header.
type senders struct {
	any, unix bool
	networks  []netip.Prefix
}

// parseSenders parses --accept-proxy-header.
func parseSenders(text string) (*senders, error) {
	s := new(senders)
	for _, word := range list(text) {
		switch word {
		case "any":
			s.any = true
			continue
		case "unix":
			s.unix = true
			continue
		}
		network, err := netip.ParsePrefix(word)
		if ip, ipErr := netip.ParseAddr(word); ipErr == nil && ip.Zone() == "" {
			network, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return nil, usage("--accept-proxy-header: %q is no network", printable.Line(word)).
				hinted("as in 10.0.0.0/8,192.0.2.1; unix for UNIX-domain sockets, any for all")
		}
		s.networks = append(s.networks, admit.Unmapped(network.Masked()))
	}
	return s, nil
}

// allow reports whether a client may send a header.
func (s *senders) allow(client net.Addr) bool {
	switch a := client.(type) {
	case *net.UnixAddr:
		return s.any || s.unix
	case *net.TCPAddr:
		ip := a.AddrPort().Addr().Unmap().WithZone("")
		return s.any || slices.ContainsFunc(s.networks, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	return s.any
}

// acceptHeader reads the header of a connection. A client that may not send one is
// refused before anything is read: the header decides what address the connection has.
func (s *senders) acceptHeader(ctx context.Context, raw net.Conn) (net.Conn, error) {
	if !s.allow(raw.RemoteAddr()) {
		return nil, &problem{
			text: "it is not in the networks of --accept-proxy-header",
			code: "proxy-header",
			hint: "add its network if it is a proxy of yours; clients connect to the proxy",
		}
	}
	conn, _, err := proxyprotocol.Accept(ctx, raw)
	return conn, err
}

// describeHeader explains why there is no PROXY protocol header.
func describeHeader(e *proxyprotocol.Error) *problem {
	return &problem{
		text: printable.Line(e.Error()), code: "proxy-header",
		hint: "the other side must send a PROXY protocol header in front of TLS, " +
			"or leave out --accept-proxy-header",
	}
}

// sendHeader sends a header about client to a server, if version is not 0.
func sendHeader(server net.Conn, version int, client net.Conn) error {
	if version == 0 {
		return nil
	}
	h := &proxyprotocol.Header{
		Version: version, Source: client.RemoteAddr(), Destination: client.LocalAddr(),
	}
	if v, ok := client.(*serverConn); ok && v.facts != nil && version == 2 {
		h.ALPN, h.Authority, h.TLS = v.facts.ALPN, v.facts.Name, v.tls()
	}
	b, err := h.Append(nil)
	if err != nil {
		return err
	}
	_, err = server.Write(b)
	return err
}

// tls returns what a header tells about an encrypted connection.
func (v *serverConn) tls() *proxyprotocol.TLS {
	f := v.facts
	t := &proxyprotocol.TLS{
		Version: strings.Replace(f.Version, "TLS ", "TLSv", 1), Cipher: f.Suite,
		Group: f.Group, SignatureScheme: f.Own,
	}
	if f.Peer == nil {
		return t
	}
	t.CertificateSess, t.CertificateConn = true, !f.Resumed
	t.Verified = f.Peer.Trusted != "no"
	c, ok := v.tlsConn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return t
	}
	if peers := c.ConnectionState().PeerCertificates; len(peers) > 0 {
		t.CommonName, t.Certificate = peers[0].Subject.CommonName, peers[0].Raw
	}
	return t
}
