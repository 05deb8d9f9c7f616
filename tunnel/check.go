package tunnel

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

// Bounds of a configuration.
const (
	maxTunnels  = 1024
	maxBackends = 1024 // of a tunnel or a route
	maxRoutes   = 4096
	maxPattern  = 512 // bytes of a name in a rule
)

// Check returns all mistakes in c that can be found without opening files: a Problems, or nil.
func (c *Config) Check() error {
	if c == nil {
		return Problems{{Text: "there is no configuration"}}
	}
	k := checker{}
	k.config(c)
	if len(k.found) == 0 {
		return nil
	}
	return k.found
}

// A checker collects problems.
type checker struct{ found Problems }

func (k *checker) add(key, hint, format string, args ...any) {
	k.found = append(k.found, Problem{Key: key, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// word reports a value that is not one of a list. Empty is the default.
func (k *checker) word(key, value string, words ...string) {
	if value != "" && !slices.Contains(words, value) {
		k.add(key, "write one of "+strings.Join(words, ", "), "%q is not valid", value)
	}
}

// bounded reports a number that is out of bounds.
func (k *checker) bounded(key string, n, least, most int) {
	if n < least || n > most {
		k.add(key, "", "%d is not between %d and %d", n, least, most)
	}
}

func (k *checker) config(c *Config) {
	k.word("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.word("log.format", c.Log.Format, "text", "json")
	if c.Admin != "" {
		k.address("admin", c.Admin)
	}
	if (c.Fleet.NATS == "") != (c.Fleet.Secret == "") {
		k.add("fleet", "add nats and secret", "sharing needs both, the URL of NATS and a secret")
	}
	if c.Group != "" && c.User == "" {
		k.add("group", "set user too", "a group without a user is not used")
	}
	if len(c.Tunnels) == 0 {
		k.add("", "add a table [[tunnel]]", "there is no tunnel")
	}
	k.bounded("tunnel", min(len(c.Tunnels), maxTunnels+1), 0, maxTunnels)
	names, listens := map[string]bool{}, map[string]string{}
	for i := range c.Tunnels {
		t, key := &c.Tunnels[i], fmt.Sprintf("tunnel[%d]", i)
		switch {
		case t.Name == "":
			k.add(key, `as in name = "web"`, "it has no name")
		case names[t.Name]:
			k.add(key+".name", "choose another name", "another tunnel is called %q", t.Name)
		}
		names[t.Name] = true
		k.listens(key, t, listens)
		k.tunnel(key, t)
	}
}

// listens checks the addresses of a tunnel, which no other may have.
func (k *checker) listens(key string, t *Tunnel, taken map[string]string) {
	if len(t.Listen) == 0 {
		k.add(key, `as in listen = [":443"]`, "it listens on no address")
	}
	for i, text := range t.Listen {
		at := fmt.Sprintf("%s.listen[%d]", key, i)
		a, ok := k.address(at, text)
		if !ok {
			continue
		}
		if a.Scheme() == "stdio" || a.Scheme() == "wss" || a.Scheme() == "udp" {
			k.add(at, "", "a tunnel cannot listen on %s", a.Scheme())
		}
		if other, is := taken[a.String()]; is && !strings.HasSuffix(a.String(), ":0") {
			k.add(at, "", "the tunnel %q listens on %s already", other, a)
		}
		taken[a.String()] = t.Name
	}
}

func (k *checker) address(key, text string) (address.Address, bool) {
	a, err := address.Parse(text)
	if err == nil {
		return a, true
	}
	if e, ok := err.(*address.Error); ok {
		k.add(key, e.Hint, "%q: %s", e.Text, e.Problem)
	} else {
		k.add(key, "", "%v", err)
	}
	return a, false
}

func (k *checker) tunnel(key string, t *Tunnel) {
	k.word(key+".balance", t.Balance, "least-connections", "round-robin", "hash", "first")
	k.bounded(key+".proxy.send", t.Proxy.Send, 0, 2)
	k.networks(key+".proxy.accept", t.Proxy.Accept, "unix", "any")
	k.networks(key+".access.allow", t.Access.Allow, "unix")
	k.networks(key+".access.deny", t.Access.Deny, "unix")
	k.limits(key+".limits", &t.Limits)
	k.bounded(key+".health.fall", t.Health.Fall, 0, 1000)
	k.bounded(key+".health.rise", t.Health.Rise, 0, 1000)
	k.backends(key+".backend", t.Backends)
	k.routes(key, t)
	if t.Server != nil {
		k.server(key+".server", t.Server)
	}
	if t.Client != nil {
		k.client(key+".client", t.Client)
	}
	passes := len(t.Backends) == 0 && len(t.Routes) > 0
	for _, r := range t.Routes {
		passes = passes && (r.Pass || r.Deny)
	}
	if t.Server == nil && t.Client == nil && !passes {
		k.add(key, "add [tunnel.server] to decrypt, [tunnel.client] to encrypt, or pass = true to "+
			"the routes", "it neither decrypts nor encrypts")
	}
}

func (k *checker) limits(key string, l *Limits) {
	for name, n := range map[string]int{"connections": l.Connections,
		"connections_per_peer": l.ConnectionsPerPeer, "handshakes": l.Handshakes} {
		k.bounded(key+"."+name, n, 0, 1<<24)
	}
	for name, n := range map[string]Amount{"bandwidth": l.Bandwidth,
		"bandwidth_per_peer": l.BandwidthPerPeer, "bytes": l.Bytes} {
		if n < 0 {
			k.add(key+"."+name, `write 1500, "64KiB" or "10MB"`, "%d is not a number of bytes", n)
		}
	}
}

func (k *checker) backends(key string, all []Backend) {
	k.bounded(key, min(len(all), maxBackends+1), 0, maxBackends)
	for i, b := range all {
		at := fmt.Sprintf("%s[%d]", key, i)
		k.bounded(at+".weight", b.Weight, 0, 1000)
		if b.Address == "" {
			k.add(at, `as in address = "127.0.0.1:8080"`, "it has no address")
			continue
		}
		if a, ok := k.address(at+".address", b.Address); ok &&
			slices.Contains([]string{"stdio", "fd", "udp", "wss"}, a.Scheme()) {
			k.add(at+".address", "", "a backend cannot be %s", a.Scheme())
		}
	}
}

func (k *checker) routes(key string, t *Tunnel) {
	k.bounded(key+".route", min(len(t.Routes), maxRoutes+1), 0, maxRoutes)
	if len(t.Backends) == 0 && len(t.Routes) == 0 {
		k.add(key, "add a table [[tunnel.backend]]", "it has no backend")
	}
	decrypted := false
	for i := range t.Routes {
		r, at := &t.Routes[i], fmt.Sprintf("%s.route[%d]", key, i)
		if r.Pass && decrypted {
			k.add(at+".pass", "move it up",
				"routes that pass must stand in front of those that decrypt")
		}
		decrypted = decrypted || !r.Pass && !r.Deny
		k.route(at, r, t)
	}
}

func (k *checker) route(at string, r *Route, t *Tunnel) {
	k.backends(at+".backend", r.Backends)
	k.protocols(at+".alpn", r.ALPN)
	if !r.Pass && !r.Deny && t.Server == nil {
		k.add(at, "set pass = true, or add [tunnel.server]", "without decryption a route only passes")
	}
	if r.Deny && (r.Pass || len(r.Backends) > 0) {
		k.add(at+".deny", "", "a route that denies has no backends and does not pass")
	}
	if len(r.Backends) == 0 && len(t.Backends) == 0 && !r.Deny {
		k.add(at, "add a table [[tunnel.route.backend]]", "it has no backend, nor has the tunnel")
	}
	k.names(at+".server_names", r.ServerNames)
}

func (k *checker) names(key string, all []string) {
	for i, name := range all {
		if strings.Contains(strings.TrimPrefix(name, "*."), "*") || len(name) > 255 {
			k.add(fmt.Sprintf("%s[%d]", key, i), `as in "*.example.com"`, "%q is no name", name)
		}
	}
}

func (k *checker) protocols(key string, all []string) {
	for i, p := range all {
		if len(p) == 0 || len(p) > 255 {
			k.add(fmt.Sprintf("%s[%d]", key, i), "", "a protocol has 1 to 255 bytes, not %d", len(p))
		}
	}
}

func (k *checker) networks(key string, all []string, words ...string) {
	for i, text := range all {
		if _, err := parseNetwork(text); err != nil && !slices.Contains(words, text) {
			k.add(fmt.Sprintf("%s[%d]", key, i), "as in 192.0.2.0/24 or 2001:db8::1", "%v", err)
		}
	}
}

// parseNetwork parses a network, or an address as a network of one.
func parseNetwork(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		return ip.Unmap().Prefix(ip.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is no network and no IP address", text)
	case p.Masked() != p:
		return p, fmt.Errorf("%q has bits beyond the length of its network: it is %v", text, p.Masked())
	}
	return admit.Unmapped(p), nil
}

// server checks the encryption towards clients.
func (k *checker) server(key string, s *TLS) {
	k.tls(key, s)
	k.word(key+".client_auth", s.ClientAuth, "none", "request", "require")
	k.issued(key, s)
	if s.Cert == "" && s.PSKFile == "" && s.ACME == nil && s.Authority == nil {
		k.add(key, "add cert and key, acme, authority, or psk_file",
			"a server needs a certificate or pre-shared keys")
	}
	k.unused(key, map[string]bool{"server_name": s.ServerName != "", "any_name": s.AnyName,
		"psk_identity": s.PSKIdentity != ""}, "is for [tunnel.client]")
	k.clientAuth(key+".client_auth", s)
	k.early(key+".max_early_data", s)
	for i, c := range s.Certificates {
		if c.Cert == "" {
			k.add(fmt.Sprintf("%s.certificate[%d]", key, i), "", "it has no cert")
		}
	}
}

// clientAuth checks whether client_auth and what names clients agree.
func (k *checker) clientAuth(key string, s *TLS) {
	asks := s.ClientAuth == "request" || s.ClientAuth == "require"
	if asks && !s.named() && !s.Insecure {
		k.add(key, "add ca or pins", "no authority and no pin names the certificates that are accepted")
	}
	if s.ClientAuth == "none" && s.named() {
		k.add(key, "leave it out", "ca, pins and peer need a certificate of the client")
	}
	if s.ClientAuth == "request" && len(s.Peers) > 0 {
		k.add(key, "set require", "peer needs a certificate of the client")
	}
}

// maxEarlyData bounds TLS.MaxEarlyData: that much is kept for each handshake.
const maxEarlyData = 64 << 10

// early checks whether 0-RTT data can come.
func (k *checker) early(key string, s *TLS) {
	switch {
	case s.MaxEarlyData == 0:
	case s.MaxEarlyData < 0:
		k.add(key, `as in max_early_data = "16KiB"`, "%d is not a number of bytes", s.MaxEarlyData)
	case s.MaxEarlyData > maxEarlyData:
		k.add(key, `as in max_early_data = "16KiB"`, "it is more than %d bytes", maxEarlyData)
	case s.Tickets < 0:
		k.add(key, "leave out tickets", "a client without a ticket cannot send 0-RTT data")
	case s.MaxVersion == "1.2":
		k.add(key, "leave out max_version", "TLS 1.2 has no 0-RTT data")
	}
}

// named reports whether authorities, keys or rules for peers are given.
func (s *TLS) named() bool { return len(s.CA)+len(s.CADir)+len(s.Pins)+len(s.Peers) > 0 }

// client checks the encryption towards backends.
func (k *checker) client(key string, s *TLS) {
	k.tls(key, s)
	k.unused(key, map[string]bool{"client_auth": s.ClientAuth != "",
		"certificate": len(s.Certificates) > 0, "tickets": s.Tickets != 0, "staple": s.Staple != "",
		"acme": s.ACME != nil, "authority": s.Authority != nil, "max_early_data": s.MaxEarlyData != 0},
		"is for [tunnel.server]")
	if s.AnyName && len(s.CA)+len(s.CADir) == 0 {
		k.add(key+".any_name", "add ca", "with the authorities of the system, any owner of a "+
			"certificate could take the place of the backend")
	}
	if s.PSKIdentity != "" && s.PSKFile == "" {
		k.add(key+".psk_identity", "add psk_file", "there are no keys")
	}
}

func (k *checker) unused(key string, given map[string]bool, why string) {
	for name, is := range given {
		if is {
			k.add(key+"."+name, "leave it out", "%s", why)
		}
	}
}

// tls checks what both sides have.
func (k *checker) tls(key string, s *TLS) {
	k.word(key+".min_version", s.MinVersion, "1.2", "1.3")
	k.word(key+".max_version", s.MaxVersion, "1.2", "1.3")
	k.word(key+".revocation", s.Revocation, "off", "prefer", "require")
	k.word(key+".match", s.Match, "any", "all")
	k.word(key+".starttls", s.StartTLS, starttls.Protocols()...)
	k.bounded(key+".tickets", s.Tickets, -1, 8)
	k.protocols(key+".alpn", s.ALPN)
	if s.MinVersion == "1.3" && s.MaxVersion == "1.2" {
		k.add(key+".max_version", "", "it is below min_version")
	}
	if s.Key != "" && s.Cert == "" {
		k.add(key+".key", "add cert", "a key without a certificate is not used")
	}
	if s.Insecure {
		k.insecure(key+".insecure", s)
	}
	if s.Revocation == "off" && len(s.CRL) > 0 {
		k.add(key+".revocation", "leave it out", "off excludes crl")
	}
	k.pins(key+".pins", s.Pins)
	k.algorithms(key, s)
	for i := range s.Peers {
		k.peer(fmt.Sprintf("%s.peer[%d]", key, i), &s.Peers[i])
	}
}

// insecure checks what does not go with a certificate that nothing verifies.
func (k *checker) insecure(key string, s *TLS) {
	if len(s.CA)+len(s.CADir)+len(s.CRL) > 0 {
		k.add(key, "leave it out", "it makes ca and crl useless")
	}
	if len(s.Pins) == 0 && !pinned(s.Peers, s.Match == "all") {
		k.add(key, "leave it out, and add ca; or add pin to each peer",
			"anyone could make a certificate that a rule of peer accepts")
	}
}

// pinned reports whether the rules name the keys of peers, each of them or, if all must hold, one.
// It is true without rules.
func pinned(rules []PeerRule, all bool) bool {
	named := func(r PeerRule) bool { return len(r.Pin) > 0 }
	if all && len(rules) > 0 {
		return slices.ContainsFunc(rules, named)
	}
	return !slices.ContainsFunc(rules, func(r PeerRule) bool { return !named(r) })
}

func (k *checker) algorithms(key string, s *TLS) {
	for i, text := range s.Suites {
		if _, err := iana.ParseCipherSuite(text); err != nil {
			k.add(fmt.Sprintf("%s.suites[%d]", key, i), "", "%v", err)
		}
	}
	for i, text := range s.Groups {
		if _, err := iana.ParseNamedGroup(text); err != nil {
			k.add(fmt.Sprintf("%s.groups[%d]", key, i), "", "%v", err)
		}
	}
}

func (k *checker) pins(key string, all []string) {
	for i, text := range all {
		if _, err := trust.ParsePin(text); err != nil {
			k.add(fmt.Sprintf("%s[%d]", key, i), "", "%v", err)
		}
	}
}

func (k *checker) peer(key string, r *PeerRule) {
	k.pins(key+".pin", r.Pin)
	if reflect.ValueOf(*r).IsZero() {
		k.add(key, `as in dns = ["client.example.com"]`, "a rule without a condition holds for all")
	}
	for name, list := range map[string][]string{"cn": r.CN, "ou": r.OU, "dns": r.DNS, "uri": r.URI,
		"issuer": r.Issuer} {
		for i, text := range list {
			if text == "" || len(text) > maxPattern {
				k.add(fmt.Sprintf("%s.%s[%d]", key, name, i), "", "it has %d bytes, not 1 to %d",
					len(text), maxPattern)
			}
		}
	}
}

// nearKey suggests a key that exists in place of one that does not.
func nearKey(path []string) string {
	t := reflect.TypeFor[Config]()
	for _, name := range path[:len(path)-1] {
		f, ok := fieldOf(t, name)
		if !ok {
			return ""
		}
		for t = f.Type; t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer; {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return ""
		}
	}
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = keyOf(t.Field(i))
	}
	wrong := path[len(path)-1]
	for _, n := range names {
		plain := strings.ToLower(strings.ReplaceAll(wrong, "-", "_"))
		if plain == n || strings.TrimSuffix(plain, "s") == strings.TrimSuffix(n, "s") {
			return "write " + n
		}
	}
	return "its table has " + strings.Join(names, ", ")
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); keyOf(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return name
}
