package names

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/sealsock/sealsock/socket"
)

// maxDatabase bounds what is read of a database file, in bytes.
const maxDatabase = 4 << 20

// A databaseEntry is a line of /etc/services or /etc/protocols.
type databaseEntry struct {
	names  []string // the official one first
	number uint16
	proto  string // of a service
}

// builtIn has what every program may count on, for machines without the files.
var builtIn = []databaseEntry{
	{[]string{"ip", "IP"}, 0, ""}, {[]string{"icmp", "ICMP"}, 1, ""}, {[]string{"igmp", "IGMP"}, 2, ""},
	{[]string{"tcp", "TCP"}, 6, ""}, {[]string{"udp", "UDP"}, 17, ""}, {[]string{"ipv6", "IPv6"}, 41, ""},
	{[]string{"gre", "GRE"}, 47, ""}, {[]string{"esp", "IPSEC-ESP"}, 50, ""}, {[]string{"ah", "IPSEC-AH"}, 51, ""},
	{[]string{"ipv6-icmp", "IPv6-ICMP"}, 58, ""}, {[]string{"sctp", "SCTP"}, 132, ""},
	{[]string{"udplite", "UDPLite"}, 136, ""}, {[]string{"mptcp", "MPTCP"}, 262, ""},
	{[]string{"ftp"}, 21, "tcp"}, {[]string{"ssh"}, 22, "tcp"}, {[]string{"telnet"}, 23, "tcp"}, {[]string{"smtp", "mail"}, 25, "tcp"},
	{[]string{"domain"}, 53, "tcp"}, {[]string{"domain"}, 53, "udp"}, {[]string{"http", "www"}, 80, "tcp"},
	{[]string{"pop3"}, 110, "tcp"}, {[]string{"ntp"}, 123, "udp"}, {[]string{"imap2", "imap"}, 143, "tcp"},
	{[]string{"ldap"}, 389, "tcp"}, {[]string{"https"}, 443, "tcp"}, {[]string{"https"}, 443, "udp"}, {[]string{"ldaps"}, 636, "tcp"},
	{[]string{"imaps"}, 993, "tcp"}, {[]string{"pop3s"}, 995, "tcp"},
}

// ServiceByName returns the port of a service; proto is "tcp", "udp" or another
// protocol of the system's table, or "", which is any. Case matters, as in the
// system's table.
func ServiceByName(ctx context.Context, name, proto string) (uint16, error) {
	if err := socket.Audit(socket.AuditEvent{Op: "getservbyname", Name: name}); err != nil {
		return 0, err
	}
	for _, e := range entries(servicesFile) {
		if e.proto != "" && (proto == "" || e.proto == proto) && e.has(name) {
			return e.number, nil
		}
	}
	if (proto == "tcp" || proto == "udp" || proto == "") && serviceName(name) {
		network := proto
		if network == "" {
			network = "tcp"
		}
		if port, err := net.DefaultResolver.LookupPort(ctx, network, name); err == nil {
			return uint16(port), nil
		}
	}
	return 0, &LookupError{Name: name, Code: NoService}
}

// serviceName reports whether package net may be asked for a name. It ignores case,
// and it accepts numbers with a sign. The names of its table have no capital letters.
func serviceName(name string) bool {
	return name == strings.ToLower(name) && strings.ContainsFunc(name, unicode.IsLower)
}

// ServiceByPort returns the service of a port; proto is "tcp", "udp" or "",
// which is either.
func ServiceByPort(port uint16, proto string) (string, error) {
	if err := socket.Audit(socket.AuditEvent{Op: "getservbyport", Name: strconv.Itoa(int(port))}); err != nil {
		return "", err
	}
	for _, e := range entries(servicesFile) {
		if e.proto != "" && (proto == "" || e.proto == proto) && e.number == port {
			return e.names[0], nil
		}
	}
	return "", &LookupError{Name: strconv.Itoa(int(port)), Code: NoService}
}

// ProtocolByName returns the number of a protocol over IP.
func ProtocolByName(name string) (int, error) {
	for _, e := range entries(protocolsFile) {
		if e.proto == "" && e.has(name) {
			return int(e.number), nil
		}
	}
	return 0, &LookupError{Name: name, Code: NoName}
}

// ProtocolByNumber returns the name of a protocol over IP.
func ProtocolByNumber(number int) (string, error) {
	for _, e := range entries(protocolsFile) {
		if e.proto == "" && int(e.number) == number {
			return e.names[0], nil
		}
	}
	return "", &LookupError{Name: strconv.Itoa(number), Code: NoName}
}

func (e databaseEntry) has(name string) bool {
	for _, n := range e.names {
		if n == name {
			return true
		}
	}
	return false
}

// entries reads a database, and behind it what is built in.
func entries(file string) []databaseEntry {
	f, err := os.Open(file)
	if err != nil {
		return builtIn
	}
	defer f.Close()
	return append(parseDatabase(io.LimitReader(f, maxDatabase)), builtIn...)
}

// parseDatabase reads lines of the form "name number[/protocol] alias...".
// Lines that have another form are passed over.
func parseDatabase(r io.Reader) []databaseEntry {
	var all []databaseEntry
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, proto, _ := strings.Cut(fields[1], "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			continue
		}
		all = append(all, databaseEntry{append(fields[:1:1], fields[2:]...), uint16(n), proto})
	}
	return all
}

// hostsWith returns the names on the line of the hosts file that has the name.
func hostsWith(name string) []string {
	f, err := os.Open(hostsFile)
	if err != nil {
		return nil
	}
	defer f.Close()
	return findHost(io.LimitReader(f, maxDatabase), name)
}

func findHost(r io.Reader, name string) []string {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		for _, n := range fields[1:] {
			if strings.EqualFold(n, name) {
				return fields[1:]
			}
		}
	}
	return nil
}
