package endpoint

// The schemes of all programs.
func init() {
	Register(map[string]Form{
		"tcp":      {ParseTCP, "example.com:443", "TCP, over IPv6 or IPv4"},
		"tcp4":     {ParseTCP, "tcp4://192.0.2.1:443", "TCP over IPv4"},
		"tcp6":     {ParseTCP, "tcp6://[2001:db8::1]:443", "TCP over IPv6"},
		"udp":      {parseUDP, "udp://example.com:443", "datagrams"},
		"udp4":     {parseUDP, "udp4://192.0.2.1:443", "datagrams over IPv4"},
		"udp6":     {parseUDP, "udp6://[2001:db8::1]:443", "datagrams over IPv6"},
		"unix":     {ParseUnix, "unix:///run/app.sock", "UNIX-domain stream socket: a path, or @name in Linux's abstract name space"},
		"unixgram": {parseUnixgram, "unixgram:///run/app.sock", "datagrams on a UNIX-domain socket"},
		"stdio":    {parseStdio, "stdio:", "standard input and output as one connection"},
		"ftps":     {parseService, "ftps://ftp.example.com", "FTP over TLS, port 990"},
		"https":    {parseService, "https://example.com", "HTTP over TLS, port 443"},
		"imaps":    {parseService, "imaps://mail.example.com", "IMAP over TLS, port 993"},
		"ircs":     {parseService, "ircs://irc.example.com", "IRC over TLS, port 6697"},
		"ldaps":    {parseService, "ldaps://ldap.example.com", "LDAP over TLS, port 636"},
		"mqtts":    {parseService, "mqtts://mqtt.example.com", "MQTT over TLS, port 8883"},
		"nntps":    {parseService, "nntps://news.example.com", "NNTP over TLS, port 563"},
		"pop3s":    {parseService, "pop3s://mail.example.com", "POP3 over TLS, port 995"},
		"pops":     {parseService, "pops://mail.example.com", "POP3 over TLS, port 995"},
		"sips":     {parseService, "sips://sip.example.com", "SIP over TLS, port 5061"},
		"smtps":    {parseService, "smtps://mail.example.com", "mail submission over TLS, port 465"},
	})
}
