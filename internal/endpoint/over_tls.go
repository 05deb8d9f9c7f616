package endpoint

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
var services = [...]struct {
	scheme string
	protocol
}{
	{"ftps", protocol{"990", "ftp"}},
	{"https", protocol{"443", "http/1.1"}},
	{"imaps", protocol{"993", "imap"}},
	{"ircs", protocol{"6697", "irc"}},
	{"ldaps", protocol{"636", ""}},
	{"mqtts", protocol{"8883", "mqtt"}},
	{"nntps", protocol{"563", "nntp"}},
	{"pop3s", protocol{"995", "pop3"}},
	{"pops", protocol{"995", "pop3"}},
	{"sips", protocol{"5061", "sip/2"}},
	{"smtps", protocol{"465", ""}},
}

// serviceOf returns the protocol of a scheme, or the zero value.
func serviceOf(scheme string) protocol {
	for i := range services {
		if services[i].scheme == scheme {
			return services[i].protocol
		}
	}
	return protocol{}
}

// overTLS is a host and a port of a service that the scheme names.
type overTLS struct {
	TCP
	name string
}

func parseService(scheme, rest string) (Endpoint, error) {
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		return nil, Problem("it has no host", "write %s://host", scheme)
	}
	if host, path, ok := strings.Cut(rest, "/"); ok && host != "" {
		return nil, Problem("it has a path, /"+path+", and a connection has none",
			"did you mean %s://%s?", scheme, host)
	}
	end, err := ParseTCP("tcp", withPort(rest, serviceOf(scheme).port))
	if err != nil {
		return nil, err
	}
	return overTLS{end.(TCP), scheme}, nil
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

func (s overTLS) Text() string {
	host := s.TCP.Name
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := s.Port; host == "" || port != serviceOf(s.name).port {
		host += ":" + port
	}
	return s.name + "://" + host
}

// HostPort returns the host and the port for a proxy.
func (s overTLS) HostPort() (host, port string, ok bool) { return s.TCP.Name, s.Port, true }

// ALPN returns the registered name of the application protocol, if there is one.
func (s overTLS) ALPN() string { return serviceOf(s.name).alpn }
