package address

import (
	"net"
	"net/netip"
	"strings"
)

// A protocol is one that begins with TLS over TCP, on a registered port.
type protocol struct {
	port string
	// alpn is the protocol's identification sequence in the registry "TLS
	// Application-Layer Protocol Negotiation (ALPN) Protocol IDs", or empty if it has
	// none.
	alpn string
}

// services has the schemes of services with TLS from the first byte.
var services = map[string]protocol{
	"ftps":  {"990", "ftp"},
	"https": {"443", "http/1.1"},
	"imaps": {"993", "imap"},
	"ircs":  {"6697", "irc"},
	"ldaps": {"636", ""},
	"mqtts": {"8883", "mqtt"},
	"nntps": {"563", "nntp"},
	"pop3s": {"995", "pop3"},
	"pops":  {"995", "pop3"},
	"sips":  {"5061", "sip/2"},
	"smtps": {"465", ""},
}

// ALPN returns the name of the application protocol for ALPN (RFC 7301) if the scheme
// names one that has a registered name, such as "imap" for imaps://. It is empty
// otherwise.
func (a Address) ALPN() string {
	if a.scheme == "wss" {
		return "http/1.1" // RFC 6455
	}
	return services[a.scheme].alpn
}

// overTLS is a host and a port of a service that the scheme names.
type overTLS struct {
	tcp
	name string
}

func parseService(scheme, rest string) (endpoint, error) {
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		return nil, problem("it has no host", "write %s://host", scheme)
	}
	if host, path, ok := strings.Cut(rest, "/"); ok && host != "" {
		return nil, problem("it has a path, /"+path+", and a connection has none",
			"did you mean %s://%s?", scheme, host)
	}
	end, err := parseTCP("tcp", withPort(rest, services[scheme].port))
	if err != nil {
		return nil, err
	}
	return overTLS{end.(tcp), scheme}, nil
}

// withPort appends the port to a host without one.
func withPort(text, port string) string {
	host := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil && (ip.Is4() || len(host) < len(text)) {
		return net.JoinHostPort(host, port)
	}
	if !strings.ContainsAny(text, ":[]") && strings.Trim(text, "0123456789") != "" {
		return net.JoinHostPort(text, port)
	}
	return text
}

func (s overTLS) text() string {
	host := s.tcp.name
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := s.port; host == "" || port != services[s.name].port {
		host += ":" + port
	}
	return s.name + "://" + host
}
