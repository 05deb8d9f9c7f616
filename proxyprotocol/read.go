package proxyprotocol

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Read reads a header of either version, and nothing behind it. An *Error reports a
// header that is malformed or is not there; other errors are those of r.
func Read(r io.Reader) (*Header, error) {
	if r == nil {
		return nil, errNoConn
	}
	start := make([]byte, len(signature), maxLine)
	if _, err := io.ReadFull(r, start); err != nil {
		return nil, err
	}
	switch {
	case string(start) == signature:
		return readBinary(r)
	case bytes.HasPrefix(start, []byte("PROXY ")):
		return readLine(r, start)
	}
	return nil, malformed("the connection does not begin with a header")
}

// readLine reads the rest of a header of version 1.
func readLine(r io.Reader, line []byte) (*Header, error) {
	// The line ends nowhere in its start: the shortest has 15 bytes.
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if len(line) == maxLine {
			return nil, malformed("the line has more than %d bytes", maxLine)
		}
		line = line[:len(line)+1]
		if _, err := io.ReadFull(r, line[len(line)-1:]); err != nil {
			return nil, err
		}
	}
	text := string(line[len("PROXY ") : len(line)-len("\r\n")])
	h := &Header{Version: 1}
	if text == "UNKNOWN" || strings.HasPrefix(text, "UNKNOWN ") {
		return h, nil
	}
	words := strings.Split(text, " ")
	if len(words) != 5 || words[0] != "TCP4" && words[0] != "TCP6" {
		return nil, malformed("the line is %q, not TCP4 or TCP6 with two addresses and ports", text)
	}
	source, err := lineAddress(words[0], words[1], words[3])
	if err != nil {
		return nil, err
	}
	destination, err := lineAddress(words[0], words[2], words[4])
	if err != nil {
		return nil, err
	}
	h.Source, h.Destination = source, destination
	return h, nil
}

func lineAddress(family, host, port string) (*net.TCPAddr, error) {
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" || ip.Is4() != (family == "TCP4") {
		return nil, malformed("%q is no address of %s", host, family)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return nil, malformed("%q is not a port", port)
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(n))), nil
}

// readBinary reads a header of version 2 behind its signature.
func readBinary(r io.Reader) (*Header, error) {
	fixed := make([]byte, len(signature)+4)
	copy(fixed, signature)
	if _, err := io.ReadFull(r, fixed[len(signature):]); err != nil {
		return nil, err
	}
	command, family := fixed[12], fixed[13]
	length := int(binary.BigEndian.Uint16(fixed[14:]))
	switch {
	case command>>4 != 2:
		return nil, malformed("version %d is unknown", command>>4)
	case command&0xf > 1:
		return nil, malformed("command %d is unknown", command&0xf)
	case length > MaxLength:
		return nil, malformed("the header announces %d bytes, more than %d", length, MaxLength)
	}
	all := append(fixed, make([]byte, length)...)
	rest := all[len(fixed):]
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, err
	}
	h := &Header{Version: 2, Local: command&0xf == 0}
	if h.Local {
		return h, nil // the rest is to be discarded, with a family that is ignored
	}
	size, known := lengths[family>>4]
	switch {
	case !known || family&0xf > transportDatagram:
		return nil, malformed("the address family %#02x is unknown", family)
	case size > len(rest):
		return nil, malformed("the header has %d bytes, fewer than its addresses", len(rest))
	}
	h.Source, h.Destination = addresses(family, rest[:size])
	if err := h.readValues(all, rest[size:]); err != nil {
		return nil, err
	}
	return h, nil
}

// addresses returns the addresses of a header of version 2, or none for a family or
// transport that the proxy did not name.
func addresses(family byte, b []byte) (source, destination net.Addr) {
	transport := family & 0xf
	if transport == transportUnspecified {
		return nil, nil
	}
	datagram := transport == transportDatagram
	switch family >> 4 {
	case familyIPv4, familyIPv6:
		n := (len(b) - 4) / 2
		return ipAddress(b[:n], b[2*n:], datagram), ipAddress(b[n:2*n], b[2*n+2:], datagram)
	case familyUnix:
		return unixAddress(b[:unixPath], datagram), unixAddress(b[unixPath:], datagram)
	}
	return nil, nil
}

func ipAddress(ip, port []byte, datagram bool) net.Addr {
	address, _ := netip.AddrFromSlice(ip)
	at := netip.AddrPortFrom(address, binary.BigEndian.Uint16(port))
	if datagram {
		return net.UDPAddrFromAddrPort(at)
	}
	return net.TCPAddrFromAddrPort(at)
}

// unixAddress returns the path that zeros end. The name of Linux's abstract name space
// begins with a zero, which package net writes as "@".
func unixAddress(path []byte, datagram bool) net.Addr {
	network := "unix"
	if datagram {
		network = "unixgram"
	}
	prefix := ""
	if path[0] == 0 && path[1] != 0 {
		prefix, path = "@", path[1:]
	}
	name, _, _ := bytes.Cut(path, []byte{0})
	return &net.UnixAddr{Net: network, Name: prefix + string(name)}
}

// readValues reads the values behind the addresses. Types that are unknown are skipped.
func (h *Header) readValues(all, values []byte) error {
	return eachValue(values, func(kind byte, value []byte) error {
		switch kind {
		case typeALPN:
			h.ALPN = string(value)
		case typeAuthority:
			h.Authority = string(value)
		case typeUniqueID:
			if len(value) > maxUniqueID {
				return malformed("the unique ID has %d bytes, more than %d", len(value), maxUniqueID)
			}
			h.UniqueID = value
		case typeCRC32C:
			return checkSum(all, value)
		case typeTLS:
			return h.readTLS(value)
		}
		return nil
	})
}

func eachValue(values []byte, take func(kind byte, value []byte) error) error {
	for len(values) > 0 {
		if len(values) < 3 {
			return malformed("%d bytes are left behind the values", len(values))
		}
		kind, n := values[0], int(binary.BigEndian.Uint16(values[1:]))
		if n > len(values)-3 {
			return malformed("a value of type %#02x has %d bytes, more than are left", kind, n)
		}
		if err := take(kind, values[3:3+n]); err != nil {
			return err
		}
		values = values[3+n:]
	}
	return nil
}

// checkSum checks the CRC-32C of a header, which is calculated with zeros in its own
// place. The value is a slice of the header.
func checkSum(all, value []byte) error {
	if len(value) != 4 {
		return malformed("the checksum has %d bytes, not 4", len(value))
	}
	sum := binary.BigEndian.Uint32(value)
	clear(value)
	if crc32.Checksum(all, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return malformed("the checksum is wrong")
	}
	return nil
}

func (h *Header) readTLS(value []byte) error {
	if len(value) < 5 {
		return malformed("the value about TLS has %d bytes, fewer than 5", len(value))
	}
	if value[0]&clientTLS == 0 {
		return nil
	}
	t := &TLS{
		CertificateConn: value[0]&clientCertificateConn != 0,
		CertificateSess: value[0]&clientCertificateSess != 0,
	}
	// Some proxies, such as HAProxy, send zero also for a client that showed none.
	t.Verified = (t.CertificateConn || t.CertificateSess) && binary.BigEndian.Uint32(value[1:]) == 0
	texts := t.texts()
	h.TLS = t
	return eachValue(value[5:], func(kind byte, value []byte) error {
		if text, ok := texts[kind]; ok {
			*text = string(value)
		} else if kind == typeCertificate {
			t.Certificate = value
		}
		return nil
	})
}
