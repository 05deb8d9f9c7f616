package names

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// NameFlags change what GetNameInfo returns.
type NameFlags struct {
	NumericHost    bool // the address as text
	NumericService bool // the port as a number
	NameRequired   bool // fail instead of returning the address as text
	Local          bool // leave the domain out of names of this machine's domain
	Datagram       bool // the service of UDP instead of TCP
}

// GetNameInfo returns the host and the service of an address. The zone of an
// address is written as its interface's name.
func GetNameInfo(ctx context.Context, addr inet.Addr, f NameFlags) (host, service string, err error) {
	if err := socket.Audit(socket.AuditEvent{Op: "getnameinfo", Name: addr.String()}); err != nil {
		return "", "", err
	}
	if !addr.Addr().IsValid() {
		return "", "", &LookupError{Name: addr.String(), Code: NoFamily}
	}
	host, err = f.host(ctx, addr.Addr())
	if err != nil {
		return "", "", err
	}
	service = strconv.Itoa(int(addr.Port()))
	if !f.NumericService {
		network := "tcp"
		if f.Datagram {
			network = "udp"
		}
		if name, err := ServiceByPort(addr.Port(), network); err == nil {
			service = name
		}
	}
	return host, service, nil
}

func (f NameFlags) host(ctx context.Context, ip netip.Addr) (string, error) {
	if f.NumericHost {
		if f.NameRequired {
			return "", &LookupError{Name: ip.String(), Code: NoName}
		}
		return withZoneName(ip), nil
	}
	found, err := net.DefaultResolver.LookupAddr(ctx, ip.WithZone("").String())
	switch {
	case err == nil && len(found) > 0:
		name := strings.TrimSuffix(found[0], ".")
		if f.Local {
			name = withoutDomain(name)
		}
		return name, nil
	case f.NameRequired:
		if err == nil {
			return "", &LookupError{Name: ip.String(), Code: NoName}
		}
		return "", lookupError(ip.String(), err)
	}
	return withZoneName(ip), nil
}

// withZoneName writes an address with its interface's name for a number.
func withZoneName(ip netip.Addr) string {
	n, err := strconv.Atoi(ip.Zone())
	if err != nil {
		return ip.String()
	}
	if name, err := InterfaceName(n); err == nil {
		return ip.WithZone(name).String()
	}
	return ip.String()
}

// withoutDomain cuts the domain that this machine's full name ends in.
func withoutDomain(name string) string {
	own, err := Hostname()
	if err != nil {
		return name
	}
	_, domain, ok := strings.Cut(own, ".")
	if !ok {
		return name
	}
	return strings.TrimSuffix(name, "."+domain)
}
