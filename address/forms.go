package address

import (
	"fmt"
	"slices"
	"strings"
)

// A form describes how one scheme is parsed.
type form struct {
	parse   func(scheme, rest string) (endpoint, error)
	example string
	meaning string
}

// forms holds every scheme. It is filled in init because the parse functions
// read it for their suggestions.
var forms map[string]form

func init() {
	forms = map[string]form{
		"tcp":       {parseTCP, "example.com:443", "TCP, over IPv6 or IPv4"},
		"tcp4":      {parseTCP, "tcp4://192.0.2.1:443", "TCP over IPv4"},
		"tcp6":      {parseTCP, "tcp6://[2001:db8::1]:443", "TCP over IPv6"},
		"sctp":      {parseTransport, "sctp://example.com:443", "SCTP, one connection a socket"},
		"mptcp":     {parseTransport, "mptcp://example.com:443", "TCP over several paths"},
		"smc":       {parseTransport, "smc://example.com:443", "TCP that continues over shared memory"},
		"udp":       {parseUDP, "udp://example.com:443", "datagrams"},
		"udp4":      {parseUDP, "udp4://192.0.2.1:443", "datagrams over IPv4"},
		"udp6":      {parseUDP, "udp6://[2001:db8::1]:443", "datagrams over IPv6"},
		"udplite":   {parseUDPLite, "udplite://192.0.2.1:443", "datagrams whose checksum covers a part; IP addresses only"},
		"unix":      {parseUnix, "unix:///run/app.sock", "UNIX-domain stream socket: a path, or @name in Linux's abstract name space"},
		"seqpacket": {parseSeqPacket, "seqpacket:///run/app.sock", "UNIX-domain socket that keeps message boundaries"},
		"vsock":     {parseVsock, "vsock://host:4433", "between a virtual machine and its host: CONTEXT:PORT, and any, local and host as contexts"},
		"rfcomm":    {parseRFCOMM, "rfcomm://00:1A:7D:DA:71:13/3", "Bluetooth channel: DEVICE/CHANNEL, and any as device to listen"},
		"l2cap":     {parseL2CAP, "l2cap://00:1A:7D:DA:71:13/4097", "Bluetooth service: DEVICE/PSM, and any as device to listen"},
		"isotp":     {parseISOTP, "isotp://can0/7e8:7e0", "ISO-TP on a CAN bus: INTERFACE/RX:TX in hexadecimal, with 8 digits for 29 bits"},
		"tipc":      {parseTIPC, "tipc://18888:17", "TIPC service: TYPE:INSTANCE, or TYPE:LOWER-UPPER to listen"},
		"fd":        {parseFD, "fd://3", "descriptor that this process inherited; fd://systemd/NAME by its name"},
		"stdio":     {parseStdio, "stdio:", "standard input and output as one connection"},
		"ftps":      {parseService, "ftps://ftp.example.com", "FTP over TLS, port 990"},
		"https":     {parseService, "https://example.com", "HTTP over TLS, port 443"},
		"imaps":     {parseService, "imaps://mail.example.com", "IMAP over TLS, port 993"},
		"ircs":      {parseService, "ircs://irc.example.com", "IRC over TLS, port 6697"},
		"ldaps":     {parseService, "ldaps://ldap.example.com", "LDAP over TLS, port 636"},
		"mqtts":     {parseService, "mqtts://mqtt.example.com", "MQTT over TLS, port 8883"},
		"nntps":     {parseService, "nntps://news.example.com", "NNTP over TLS, port 563"},
		"pop3s":     {parseService, "pop3s://mail.example.com", "POP3 over TLS, port 995"},
		"pops":      {parseService, "pops://mail.example.com", "POP3 over TLS, port 995"},
		"sips":      {parseService, "sips://sip.example.com", "SIP over TLS, port 5061"},
		"smtps":     {parseService, "smtps://mail.example.com", "mail submission over TLS, port 465"},
		"ws":        {parseWebSocket, "ws://example.com/room", "WebSocket, which carries bytes"},
		"wss":       {parseWebSocket, "wss://example.com/room", "WebSocket over TLS"},
	}
}

// A Scheme describes one scheme that Parse accepts.
type Scheme struct {
	Name    string // without "://"
	Example string // text that Parse accepts
	Meaning string // one line for a usage text
}

// Schemes returns the schemes that Parse accepts, sorted by name.
func Schemes() []Scheme {
	all := make([]Scheme, 0, len(forms))
	for name, f := range forms {
		all = append(all, Scheme{name, f.example, f.meaning})
	}
	slices.SortFunc(all, func(a, b Scheme) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// elsewhere maps schemes of other protocols to their default ports, for the
// error that a pasted URL causes.
var elsewhere = map[string]string{"http": "80", "tls": "443", "ssl": "443"}

func unknownScheme(text, scheme, rest string) *Error {
	e := &Error{Text: text, Problem: fmt.Sprintf("the scheme %q is not known", scheme)}
	if port, ok := elsewhere[scheme]; ok {
		host, _, _ := strings.Cut(rest, "/")
		if _, _, err := splitPort(host); err != nil && host != "" {
			host += ":" + port
		}
		e.Hint = fmt.Sprintf("did you mean %s?", host)
		return e
	}
	if near := nearest(scheme); near != "" {
		e.Hint = fmt.Sprintf("did you mean %s://%s?", near, rest)
		return e
	}
	names := make([]string, 0, len(forms))
	for _, s := range Schemes() {
		names = append(names, s.Name)
	}
	e.Hint = "known schemes: " + strings.Join(names, ", ")
	return e
}

// nearest returns the known scheme at most two edits away from a mistyped one,
// or "".
func nearest(scheme string) string {
	best, least := "", 3
	for _, s := range Schemes() {
		if d := distance(scheme, s.Name); d < least && d < len(scheme) {
			best, least = s.Name, d
		}
	}
	return best
}

// distance returns the number of insertions, deletions, substitutions and
// transpositions between two words of at most 32 bytes.
func distance(a, b string) int {
	if len(a) > 32 || len(b) > 32 {
		return 32
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
