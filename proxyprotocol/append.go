package proxyprotocol

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
)

// Append appends the header to b. It returns an error, and b as it was, for a header that
// its version cannot express.
func (h *Header) Append(b []byte) ([]byte, error) {
	switch {
	case h == nil:
		return b, malformed("there is no header to write")
	case h.Version == 1:
		return h.appendLine(b)
	case h.Version == 2:
		return h.appendBinary(b)
	}
	return b, malformed("version %d is unknown", h.Version)
}

func (h *Header) appendLine(b []byte) ([]byte, error) {
	if h.Local || h.ALPN != "" || h.Authority != "" || h.UniqueID != nil || h.TLS != nil {
		return b, malformed("version 1 has addresses alone")
	}
	source, destination, ok := pair(h.Source, h.Destination)
	if _, stream := h.Source.(*net.TCPAddr); !ok || !stream {
		return append(b, "PROXY UNKNOWN\r\n"...), nil
	}
	family := "TCP6"
	if source.Addr().Is4() {
		family = "TCP4"
	}
	return fmt.Appendf(b, "PROXY %s %s %s %d %d\r\n", family,
		source.Addr(), destination.Addr(), source.Port(), destination.Port()), nil
}

// pair returns two addresses of one family of IP, without zones. An IPv4 address beside
// an IPv6 address becomes one that is mapped.
func pair(a, b net.Addr) (source, destination netip.AddrPort, ok bool) {
	source, known := addrPort(a)
	destination, ok = addrPort(b)
	if !known || !ok {
		return source, destination, false
	}
	if source.Addr().Is4() != destination.Addr().Is4() {
		mapped := func(p netip.AddrPort) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom16(p.Addr().As16()), p.Port())
		}
		source, destination = mapped(source), mapped(destination)
	}
	return source, destination, true
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	var p netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		p = a.AddrPort()
	case *net.UDPAddr:
		p = a.AddrPort()
	}
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port()), p.IsValid()
}

func (h *Header) appendBinary(b []byte) ([]byte, error) {
	start := len(b)
	all := append(b, signature...)
	command := byte(0x21)
	if h.Local {
		command = 0x20
	}
	family, addresses, err := h.family()
	if err != nil {
		return b, err
	}
	all = append(all, command, family, 0, 0)
	fixed := len(all)
	all = append(all, addresses...)
	all = appendText(all, typeALPN, h.ALPN)
	all = appendText(all, typeAuthority, h.Authority)
	if len(h.UniqueID) > maxUniqueID {
		return b, malformed("the unique ID has %d bytes, more than %d", len(h.UniqueID), maxUniqueID)
	}
	all = appendText(all, typeUniqueID, string(h.UniqueID))
	if h.TLS != nil {
		all = appendText(all, typeTLS, string(h.TLS.append(nil)))
	}
	// A value has at most 65,535 bytes, and all of them together fit the bound too.
	n := len(all) - fixed
	if n > MaxLength {
		return b, malformed("the header needs %d bytes, more than %d", n, MaxLength)
	}
	binary.BigEndian.PutUint16(all[start+14:], uint16(n))
	return all, nil
}

// family returns the family and the addresses of version 2. Addresses that it cannot
// express are left out.
func (h *Header) family() (byte, []byte, error) {
	if h.Local {
		return familyUnspecified, nil, nil
	}
	if source, destination, ok := pair(h.Source, h.Destination); ok {
		family := byte(familyIPv6)
		if source.Addr().Is4() {
			family = familyIPv4
		}
		b := slices.Concat(source.Addr().AsSlice(), destination.Addr().AsSlice())
		b = binary.BigEndian.AppendUint16(b, source.Port())
		b = binary.BigEndian.AppendUint16(b, destination.Port())
		if _, datagram := h.Source.(*net.UDPAddr); datagram {
			return family<<4 | transportDatagram, b, nil
		}
		return family<<4 | transportStream, b, nil
	}
	source, ok := h.Source.(*net.UnixAddr)
	destination, both := h.Destination.(*net.UnixAddr)
	if !ok || !both || source == nil || destination == nil {
		return familyUnspecified, nil, nil
	}
	return paths(source, destination)
}

// paths returns the family and the addresses of a UNIX-domain socket.
func paths(source, destination *net.UnixAddr) (byte, []byte, error) {
	b := make([]byte, 2*unixPath)
	for i, a := range []*net.UnixAddr{source, destination} {
		if len(a.Name) > unixPath {
			return 0, nil, malformed("a path has %d bytes, more than %d", len(a.Name), unixPath)
		}
		copy(b[i*unixPath:], a.Name)
		if a.Name != "" && a.Name[0] == '@' {
			b[i*unixPath] = 0 // Linux's abstract name space
		}
	}
	if source.Net == "unixgram" {
		return familyUnix<<4 | transportDatagram, b, nil
	}
	return familyUnix<<4 | transportStream, b, nil
}

// append appends what is within the value about TLS.
func (t *TLS) append(b []byte) []byte {
	client := byte(clientTLS)
	if t.CertificateConn {
		client |= clientCertificateConn
	}
	if t.CertificateSess {
		client |= clientCertificateSess
	}
	// PROXY protocol, Section 2.2.6: zero for a certificate that was presented and verified, and
	// something else for a client without one too.
	verify := uint32(1)
	if t.Verified && (t.CertificateConn || t.CertificateSess) {
		verify = 0
	}
	b = binary.BigEndian.AppendUint32(append(b, client), verify)
	texts := t.texts()
	for _, kind := range slices.Sorted(maps.Keys(texts)) {
		b = appendText(b, kind, *texts[kind])
	}
	return appendText(b, typeCertificate, string(t.Certificate))
}

// appendText appends a value, unless it is empty. One that is too long for its length
// makes the header too long, which its caller finds.
func appendText(b []byte, kind byte, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}
