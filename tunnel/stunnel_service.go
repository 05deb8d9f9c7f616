package tunnel

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/trust"
)

// A stunnelTunnel is a service on its way to a Tunnel.
type stunnelTunnel struct {
	Tunnel
	reader          *stunnelReader
	at              stunnelOption
	tls             *TLS
	client          bool
	verify          string        // none, request, chain or peer
	requires        stunnelOption // requireCert = yes
	hosts           []string
	sni             string
	master, pattern string // of a service for a name
}

// stunnelAddress is the form of package address for one of stunnel: a port, host:port, or a path.
func stunnelAddress(text, host string) string {
	if strings.HasPrefix(text, "/") {
		return "unix://" + text
	}
	if rest, ok := strings.CutPrefix(text, ":::"); ok {
		return "[::]:" + rest
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return host + ":" + text
	}
	if ip, err := netip.ParseAddr(text[:i]); err == nil && ip.Is6() {
		return "[" + text[:i] + "]" + text[i:]
	}
	return text
}

// option handles an option of a service.
func (t *stunnelTunnel) option(o stunnelOption) {
	for _, handle := range []func(stunnelOption) bool{t.endpoint, t.trusted, t.protocol, t.timing,
		t.ignored} {
		if handle(o) {
			return
		}
	}
	t.reader.fail(o, "see docs/tunnel.md", "this option is not known")
}

// yes parses a boolean.
func (t *stunnelTunnel) yes(o stunnelOption) bool {
	if !strings.EqualFold(o.value, "yes") && !strings.EqualFold(o.value, "no") {
		t.reader.fail(o, "write yes or no", "%q is neither yes nor no", o.value)
	}
	return strings.EqualFold(o.value, "yes")
}

// endpoint handles addresses, certificates and keys.
func (t *stunnelTunnel) endpoint(o stunnelOption) bool {
	switch o.name {
	case "client":
		t.client = t.yes(o)
	case "accept":
		t.Listen = []string{stunnelAddress(o.value, "")}
	case "connect":
		t.Backends = append(t.Backends, Backend{Address: stunnelAddress(o.value, "localhost")})
	case "failover":
		t.Balance = map[string]string{"rr": "round-robin", "prio": "first"}[strings.ToLower(o.value)]
		if t.Balance == "" {
			t.reader.fail(o, "write rr or prio", "%q is no order", o.value)
		}
	case "cert":
		t.tls.Cert = o.value
	case "key":
		t.tls.Key = o.value
	case "psksecrets":
		t.tls.PSKFile = o.value
		t.reader.note(o, "each line is IDENTITY:KEY with a key in hexadecimal; a key in text is refused")
	case "pskidentity":
		t.tls.PSKIdentity = o.value
	case "sni":
		t.sni = o.value
	default:
		return t.impossible(o)
	}
	return true
}

// stunnelImpossible are options that a tunnel cannot honour, each with the reason and a hint.
var stunnelImpossible = map[string][2]string{
	"exec":        {"a tunnel runs no programs", "seal listen runs programs"},
	"execargs":    {"a tunnel runs no programs", "seal listen runs programs"},
	"pty":         {"a tunnel runs no programs", "seal listen runs programs"},
	"transparent": {"the client's address cannot be used as the source", "protocol = proxy tells it"},
	"local":       {"the source address of connections cannot be chosen", "leave it out"},
	"redirect":    {"clients that are refused are not sent elsewhere", "leave it out"},
	"checkemail":  {"e-mail addresses in certificates are not compared", "leave it out"},
}

func (t *stunnelTunnel) impossible(o stunnelOption) bool {
	why, is := stunnelImpossible[o.name]
	if is {
		t.reader.fail(o, why[1], "%s", why[0])
	}
	return is
}

// trusted handles how the peer is verified.
func (t *stunnelTunnel) trusted(o stunnelOption) bool {
	switch o.name {
	case "cafile":
		t.tls.CA = []string{o.value}
	case "capath":
		t.tls.CADir = []string{o.value}
	case "crlfile", "crlpath":
		t.tls.CRL = append(t.tls.CRL, o.value)
	case "checkhost", "checkip":
		t.hosts = append(t.hosts, o.value)
	case "verify", "verifychain", "verifypeer", "requirecert":
		t.verifies(o)
	case "ocsp", "ocspaia", "ocsprequire":
		t.revocation(o)
	default:
		return false
	}
	return true
}

// verifies handles whether the peer is verified.
func (t *stunnelTunnel) verifies(o stunnelOption) {
	if o.name == "verify" {
		levels := map[string]string{"0": "none", "1": "request", "2": "chain", "3": "peer", "4": "peer"}
		if t.verify = levels[o.value]; t.verify == "" {
			t.reader.fail(o, "write 0 to 4", "%q is no level", o.value)
		}
		return
	}
	if !t.yes(o) {
		return
	}
	switch o.name {
	case "verifychain":
		t.verify = cmp.Or(t.verify, "chain")
	case "verifypeer":
		t.verify = "peer"
	case "requirecert":
		t.requires = o
	}
}

// revocation handles how the peer's certificate is checked for revocation.
func (t *stunnelTunnel) revocation(o stunnelOption) {
	switch {
	case o.name == "ocsp":
		t.tls.Revocation = cmp.Or(t.tls.Revocation, "require")
		t.reader.note(o, "the responder that certificates name is asked, not this one")
	case o.name == "ocspaia" && t.yes(o):
		t.tls.Revocation = cmp.Or(t.tls.Revocation, "require")
	case o.name == "ocsprequire" && !t.yes(o):
		t.tls.Revocation = "prefer"
	}
}

// protocol handles what is negotiated.
func (t *stunnelTunnel) protocol(o stunnelOption) bool {
	switch o.name {
	case "protocol":
		t.upgrade(o)
	case "protocoldomain", "protocolhost", "protocolusername", "protocolpassword",
		"protocolauthentication", "protocolheader":
		t.reader.fail(o, "leave it out", "the upgrade from plaintext has no settings")
	case "sslversion":
		t.version(o, &t.tls.MinVersion, &t.tls.MaxVersion)
	case "sslversionmin":
		t.version(o, &t.tls.MinVersion)
	case "sslversionmax":
		t.version(o, &t.tls.MaxVersion)
	case "ciphers", "ciphersuites":
		t.reader.note(o, "the suites are those of this program, all of them with forward secrecy "+
			"and authenticated encryption")
	case "curves", "curve":
		for name := range strings.FieldsFuncSeq(o.value, func(r rune) bool { return r == ':' }) {
			if _, err := iana.ParseNamedGroup(name); err != nil {
				t.reader.note(o, "%q is left out: %v", name, err)
				continue
			}
			t.tls.Groups = append(t.tls.Groups, name)
		}
	case "options":
		if strings.HasPrefix(o.value, "-") {
			t.reader.note(o, "what it would allow stays off")
		}
	default:
		return false
	}
	return true
}

// upgrade handles protocol.
func (t *stunnelTunnel) upgrade(o stunnelOption) {
	names := map[string]string{"smtp": "smtp", "imap": "imap", "pop3": "pop3", "nntp": "nntp",
		"ldap": "ldap", "pgsql": "postgres"}
	name := strings.ToLower(o.value)
	switch {
	case name == "proxy":
		t.Proxy.Send = 1
	case names[name] != "":
		t.tls.StartTLS = names[name]
	default:
		t.reader.fail(o, "", "the protocol %q cannot be used", o.value)
	}
}

// version handles a version of TLS. Versions below 1.2 are not spoken.
func (t *stunnelTunnel) version(o stunnelOption, to ...*string) {
	switch v := strings.ToLower(o.value); v {
	case "tlsv1.2", "tlsv1.3":
		for _, bound := range to {
			*bound = strings.TrimPrefix(v, "tlsv")
		}
	case "all":
	case "sslv2", "sslv3", "tlsv1", "tlsv1.0", "tlsv1.1":
		if o.name == "sslversionmin" {
			t.reader.note(o, "the lowest version is TLS 1.2")
			return
		}
		t.reader.fail(o, "seal listen and seal connect have a legacy mode",
			"%s is not safe, and not spoken",
			o.value)
	default:
		t.reader.fail(o, "as in TLSv1.2", "%q is no version", o.value)
	}
}

// timing handles bounds of time.
func (t *stunnelTunnel) timing(o stunnelOption) bool {
	to := map[string]*Duration{"timeoutbusy": &t.Limits.Handshake, "timeoutconnect": &t.Limits.Connect,
		"timeoutidle": &t.Limits.Idle}[o.name]
	if to == nil {
		return false
	}
	seconds, err := time.ParseDuration(o.value + "s")
	if err != nil || seconds < 0 {
		t.reader.fail(o, "write a number of seconds", "%q is no number of seconds", o.value)
	}
	*to = Duration(seconds)
	return true
}

// ignored handles options that change nothing that a peer can see.
func (t *stunnelTunnel) ignored(o stunnelOption) bool {
	reasons := map[string]string{
		"socket": "sockets have the options that a forwarder needs", "delay": "names are looked up for " +
			"each connection", "retry": "", "reset": "a failure always resets the other side",
		"timeoutclose": "the end of a connection has 5 seconds", "session": "", "sessioncachesize": "",
		"sessioncachetimeout": "", "sessiond": "sessions are not shared", "sessionresume": "",
		"logid":   "",
		"libwrap": "the access tables take its place", "renegotiation": "there is none",
		"verifydepth": "", "securitylevel": "", "ticketkeysecret": "the keys of tickets are random",
		"ticketmacsecret": "the keys of tickets are random", "dh": "", "config": "OpenSSL is not used",
		"ocspflag": "", "ocspnonce": "", "compression": "there is none", "fips": "", "debug": "",
		"enginenum": "", "socketoption": "",
	}
	why, known := reasons[o.name]
	if known {
		t.reader.note(o, "it has no effect%s", strings.TrimRight(": "+why, ": "))
	}
	return known
}

// finish completes the tunnel.
func (t *stunnelTunnel) finish() {
	if len(t.Backends) > 1 {
		t.Balance = cmp.Or(t.Balance, "round-robin")
	}
	switch {
	case t.client:
		t.finishClient()
		t.Client = t.tls
	default:
		if t.master, t.pattern, _ = strings.Cut(t.sni, ":"); t.pattern == "" {
			t.master = ""
		}
		t.finishServer()
		t.Server = t.tls
	}
	if t.requires.name != "" && (t.verify == "" || t.verify == "none" || t.verify == "request") {
		t.reader.fail(t.requires, "add verifyChain = yes and CAfile", "a certificate is required "+
			"that nothing verifies")
	}
	if t.verify == "peer" {
		t.pinPeers()
	}
}

func (t *stunnelTunnel) finishServer() {
	switch t.verify {
	case "", "none":
		t.tls.CA, t.tls.CADir, t.tls.CRL, t.tls.Revocation = nil, nil, nil, ""
	case "request":
		t.tls.ClientAuth = "request"
	default:
		t.tls.ClientAuth = "require"
	}
	for _, h := range t.hosts {
		if len(t.tls.Peers) == 0 {
			t.tls.Peers = []PeerRule{{}}
		}
		t.tls.Peers[0].DNS = append(t.tls.Peers[0].DNS, h)
	}
}

func (t *stunnelTunnel) finishClient() {
	if len(t.hosts) > 0 {
		t.tls.ServerName = t.hosts[0]
		if len(t.hosts) > 1 {
			t.reader.note(t.at, "the backend must prove the first of %d names: %s", len(t.hosts), t.hosts[0])
		}
	} else if t.sni != "" {
		t.tls.ServerName = t.sni
	}
	switch {
	case t.tls.PSKFile != "":
	case t.verify == "" || t.verify == "none" || t.verify == "request":
		t.tls.Insecure, t.tls.CA, t.tls.CADir, t.tls.CRL, t.tls.Revocation = true, nil, nil, nil, ""
		t.reader.note(t.at, "the service %s does not verify its server: anyone on the path can take "+
			"its place; add verifyChain = yes and checkHost", t.Name)
	case len(t.hosts) == 0 && len(t.tls.CA)+len(t.tls.CADir) > 0:
		t.tls.AnyName = true
		t.reader.note(t.at, "the service %s accepts any name in the server's certificate; add checkHost",
			t.Name)
	}
}

// pinPeers replaces the authorities by the keys of the certificates: with verifyPeer the file has
// the peers themselves.
func (t *stunnelTunnel) pinPeers() {
	roots := new(trust.Roots)
	for _, name := range t.tls.CA {
		if _, err := roots.AddFile(name); err != nil {
			t.reader.fail(t.at, "", "CAfile: %v", err)
		}
	}
	for _, root := range roots.List() {
		t.tls.Pins = append(t.tls.Pins, trust.PinOf(root.Certificate).String())
	}
	if len(t.tls.Pins) == 0 {
		t.reader.fail(t.at, "name a file with the certificates of the peers in CAfile",
			"verifyPeer has no certificates to compare")
	}
	t.tls.CA, t.tls.CADir, t.tls.AnyName = nil, nil, false
}
