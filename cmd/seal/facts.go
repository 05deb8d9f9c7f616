package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/trust"
)

// facts describes a connection.
type facts struct {
	ID        int64       `json:"id,omitempty"` // its number among those of this process
	Remote    string      `json:"remote"`
	Local     string      `json:"local"`
	Version   string      `json:"version"`
	Suite     string      `json:"suite"`
	Group     string      `json:"group,omitempty"`
	Signature string      `json:"signature,omitempty"` // the peer's
	Own       string      `json:"own_signature,omitempty"`
	Name      string      `json:"server_name,omitempty"` // asked for by the client
	ALPN      string      `json:"alpn,omitempty"`
	Retried   bool        `json:"hello_retry,omitempty"`
	Resumed   bool        `json:"resumed"`
	Session   string      `json:"session,omitempty"`      // of --session: see sessionFile.outcome
	PSK       string      `json:"psk_identity,omitempty"` // of the pre-shared key in use
	ECH       bool        `json:"ech,omitempty"`          // the ClientHello was encrypted
	Early     *earlyFacts `json:"early_data,omitempty"`
	// Quantum tells which parts resist a quantum computer. Only --json has all of it.
	Quantum *sealsock.PostQuantum `json:"post_quantum,omitempty"`

	Peer *peerFacts `json:"peer,omitempty"`

	Weaknesses []string `json:"weaknesses,omitempty"` // of --legacy

	verb string // "connected to" or "connection from"
}

// peerFacts describes the certificate or key of a peer.
type peerFacts struct {
	Name      string    `json:"name"` // the one proved, else the certificate's first
	Names     []string  `json:"names,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Issuer    string    `json:"issuer,omitempty"`
	Serial    string    `json:"serial,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	RawKey    bool      `json:"raw_key,omitempty"` // a bare key, without a certificate
	Pin       string    `json:"pin"`
	Trusted   string    `json:"trusted"` // "authority", "pin", "known" or "no"
	FirstUse  bool      `json:"first_use,omitempty"`

	Revocation []revocationFact `json:"revocation,omitempty"` // leaf first
}

// revocationFact is whether a certificate was revoked, as far as it was asked.
type revocationFact struct {
	Status  string `json:"status"` // "good", "revoked" or "unknown"
	Source  string `json:"source,omitempty"`
	File    string `json:"file,omitempty"` // of the cache, which has the answer
	Problem string `json:"problem,omitempty"`

	Made    time.Time `json:"made,omitzero"`    // when the answer was made
	Expires time.Time `json:"expires,omitzero"` // when it is to be replaced
}

// text is what the line about a connection has of an answer.
func (r revocationFact) text() string {
	if r.Status != "good" {
		return ""
	}
	source := r.Source
	if r.File != "" {
		source += ", stored in " + r.File
	}
	return "not revoked on " + r.Made.UTC().Format("2006-01-02 15:04 UTC") + " (" + source + ")"
}

func (*facts) event() string       { return "connected" }
func (f *facts) connection() int64 { return f.ID }

// text is the one line: version, suite, group, signature, name, expiry.
func (f *facts) text() string {
	parts := []string{f.Version, f.Suite}
	for _, p := range []string{f.Group, f.Signature, f.ALPN} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if f.PSK != "" {
		parts = append(parts, "pre-shared key "+f.PSK)
	}
	switch {
	case f.Resumed:
		parts = append(parts, "resumed")
	case f.Session != "":
		parts = append(parts, outcomes[f.Session])
	}
	if f.Early != nil {
		parts = append(parts, f.Early.text())
	}
	if f.ECH {
		parts = append(parts, "encrypted ClientHello")
	}
	if f.postQuantum() {
		parts = append(parts, "post-quantum")
	}
	if f.Peer != nil {
		parts = append(parts, f.Peer.text())
	}
	// One line: control characters in names from the peer are replaced.
	return printable.Line("seal: " + f.verb + " " + f.Remote + ": " + strings.Join(parts, ", "))
}

// postQuantum reports whether both parts resist a quantum computer without a pre-shared key,
// whose worth depends on its entropy, which is not known here.
func (f *facts) postQuantum() bool {
	return f.PSK == "" && f.Quantum != nil && f.Quantum.KeyExchange && f.Quantum.Authentication
}

// text is a name and its expiry.
func (p *peerFacts) text() string {
	if p.RawKey {
		return p.Name + ", raw public key " + p.Pin
	}
	text := p.Name + ", certificate until " + day(p.NotAfter)
	if len(p.Revocation) > 0 && p.Revocation[0].text() != "" {
		text += ", " + p.Revocation[0].text()
	}
	return text
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// factsOf reads the facts off a connection whose handshake is done.
func factsOf(c *sealsock.Conn, verb string) *facts {
	s := c.State()
	f := &facts{
		Remote:  addressText(c.RemoteAddr()),
		Local:   addressText(c.LocalAddr()),
		Version: s.Version.String(),
		Suite:   s.CipherSuite.String(),
		Name:    s.ServerName,
		ALPN:    s.ALPN,
		Retried: s.Retried,
		Resumed: s.Resumed,
		ECH:     s.ECHAccepted,
		verb:    verb,
	}
	if c.MaxMessage() > 0 {
		f.Version = "D" + f.Version // the engine names versions as in TLS
	}
	f.keys(s)
	quantum := c.PostQuantum()
	f.Quantum = &quantum
	if len(s.PSKIdentity) > 0 {
		f.PSK = printable.Line(string(s.PSKIdentity))
	}
	if p := c.Peer(); p != nil {
		f.Peer = peerFactsOf(p)
		if s.PeerRawKey != nil {
			f.Peer.RawKey, f.Peer.Pin = true, pinOfRaw(s.PeerRawKey).String()
			f.Peer.Name = cmp.Or(f.Peer.Name, "no name")
		}
	}
	return f
}

// factsOfLegacy reads the facts off a connection of package legacy.
func factsOfLegacy(c *legacy.Conn, verb string) *facts {
	s := c.ConnectionState()
	f := &facts{
		Remote:     addressText(c.RemoteAddr()),
		Local:      addressText(c.LocalAddr()),
		Version:    iana.Version(s.Version).String(),
		Suite:      tls.CipherSuiteName(s.CipherSuite),
		Name:       s.ServerName,
		ALPN:       s.NegotiatedProtocol,
		Weaknesses: c.Weaknesses(),
		verb:       verb,
	}
	if s.CurveID != 0 {
		f.Group = iana.NamedGroup(s.CurveID).String()
	}
	if p := c.Peer(); p != nil {
		f.Peer = peerFactsOf(p)
	}
	return f
}

// known corrects the facts of a connection whose policy had a file of known peers:
// without a chain, it was the file that decided.
func (f *facts) known() *facts {
	if f.Peer != nil && f.Peer.Trusted == "no" {
		f.Peer.Trusted = "known"
	}
	return f
}

func (f *facts) keys(s engine.State) {
	if s.Group != 0 {
		f.Group = s.Group.String()
	}
	if s.PeerScheme != 0 {
		f.Signature = s.PeerScheme.String()
	}
	if s.OwnScheme != 0 {
		f.Own = s.OwnScheme.String()
	}
}

func peerFactsOf(r *trust.Result) *peerFacts {
	p := &peerFacts{Name: r.Name, Trusted: "no", FirstUse: r.FirstUse}
	for _, check := range r.Revocation {
		fact := revocationFact{Status: check.Status.String(), Source: check.Source,
			File: check.File, Made: certtext.Encodable(check.ThisUpdate),
			Expires: certtext.Encodable(check.NextUpdate)}
		if check.Err != nil {
			fact.Problem = check.Err.Error()
		}
		p.Revocation = append(p.Revocation, fact)
	}
	switch {
	case len(r.Chains) > 0:
		p.Trusted = "authority"
	case r.Pin != trust.Pin{}:
		p.Trusted = "pin"
	}
	leaf := r.Leaf
	if leaf == nil {
		return p
	}
	p.Names = namesOf(leaf)
	p.Subject, p.Issuer = leaf.Subject.String(), leaf.Issuer.String()
	p.Serial = leaf.SerialNumber.Text(16)
	p.NotBefore = certtext.Encodable(leaf.NotBefore)
	p.NotAfter = certtext.Encodable(leaf.NotAfter)
	p.Pin = trust.PinOf(leaf).String()
	if p.Name == "" && len(p.Names) > 0 {
		p.Name = p.Names[0]
	}
	p.Name = cmp.Or(p.Name, leaf.Subject.CommonName, "no name")
	return p
}

// namesOf lists the names that a certificate is valid for.
func namesOf(c *x509.Certificate) []string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, c.EmailAddresses...)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return names
}

// addressText is an address as a user would write it, in one line: a peer chooses
// the name of its own UNIX-domain socket.
func addressText(a net.Addr) string {
	if a == nil {
		return "an unknown address"
	}
	text := printable.Line(a.String())
	switch {
	case a.Network() == "unix" && (text == "" || text == "@"):
		return "a local process"
	case a.Network() == "unix":
		return "unix://" + text
	case text == "":
		return a.Network()
	case a.Network() == "can":
		return "isotp://" + text
	}
	switch a.Network() {
	case "vsock", "rfcomm", "l2cap", "tipc", "sctp", "mptcp", "smc", "udp", "udplite", "unixgram":
		return a.Network() + "://" + text
	}
	return text
}
