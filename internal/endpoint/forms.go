package endpoint

// The schemes of all programs.
func init() {
	// A list needs no code to be made, as a map does.
	for _, f := range forms {
		Forms[f.scheme] = f.Form
	}
}

var forms = [...]struct {
	scheme string
	Form
}{
	{"tcp", Form{ParseTCP, "example.com:443", "TCP, over IPv6 or IPv4"}},
	{"tcp4", Form{ParseTCP, "tcp4://192.0.2.1:443", "TCP over IPv4"}},
	{"tcp6", Form{ParseTCP, "tcp6://[2001:db8::1]:443", "TCP over IPv6"}},
	{"udp", Form{parseUDP, "udp://example.com:443", "datagrams"}},
	{"udp4", Form{parseUDP, "udp4://192.0.2.1:443", "datagrams over IPv4"}},
	{"udp6", Form{parseUDP, "udp6://[2001:db8::1]:443", "datagrams over IPv6"}},
	{"unix", Form{ParseUnix, "unix:///run/app.sock",
		"UNIX-domain stream socket: a path, or @name in Linux's abstract name space"}},
	{"unixgram", Form{parseUnixgram, "unixgram:///run/app.sock", "datagrams on a UNIX-domain socket"}},
	{"stdio", Form{parseStdio, "stdio:", "standard input and output as one connection"}},
	{"ftps", Form{parseService, "ftps://ftp.example.com", "FTP over TLS, port 990"}},
	{"https", Form{parseService, "https://example.com", "HTTP over TLS, port 443"}},
	{"imaps", Form{parseService, "imaps://mail.example.com", "IMAP over TLS, port 993"}},
	{"ircs", Form{parseService, "ircs://irc.example.com", "IRC over TLS, port 6697"}},
	{"ldaps", Form{parseService, "ldaps://ldap.example.com", "LDAP over TLS, port 636"}},
	{"mqtts", Form{parseService, "mqtts://mqtt.example.com", "MQTT over TLS, port 8883"}},
	{"nntps", Form{parseService, "nntps://news.example.com", "NNTP over TLS, port 563"}},
	{"pop3s", Form{parseService, "pop3s://mail.example.com", "POP3 over TLS, port 995"}},
	{"pops", Form{parseService, "pops://mail.example.com", "POP3 over TLS, port 995"}},
	{"sips", Form{parseService, "sips://sip.example.com", "SIP over TLS, port 5061"}},
	{"smtps", Form{parseService, "smtps://mail.example.com", "mail submission over TLS, port 465"}},
}
