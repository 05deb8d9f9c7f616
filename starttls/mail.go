package starttls

import "strings"

// SMTP, RFC 3207; LMTP, RFC 2033; IMAP, RFC 9051, Section 6.2.1; POP3, RFC 2595, Section 4;
// ManageSieve, RFC 5804, Section 2.2.

// reply reads a reply of SMTP or FTP, which must have the code: lines "code-text", the last
// "code text".
func (d *dialog) reply(code string) (lines []string, err error) {
	first, err := d.line()
	if err != nil {
		return nil, err
	}
	last, got := first, codeOf(first)
	lines = append(lines, text(first))
	for got != "" && strings.HasPrefix(last[3:], "-") {
		l, err := d.line()
		if err != nil {
			return nil, err
		}
		switch {
		case codeOf(l) == got:
			last = l
		case d.protocol != "ftp": // RFC 959, Section 4.2, allows all text between
			// RFC 5321, Section 4.2.1: the code in every line.
			return nil, d.wrong(d.peer+" sent a reply with two codes", l)
		}
		lines = append(lines, text(l))
	}
	if got != code {
		return nil, d.refused(d.peer+" did not answer with code "+code, last)
	}
	return lines, nil
}

// codeOf returns the code of three characters at the start of a line of a reply, or "" for
// one that has none.
func codeOf(line string) string {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return ""
	}
	return line[:3]
}

// text is a line of a reply without its code.
func text(line string) string { return line[min(4, len(line)):] }

func smtpClient(d *dialog, _ string) error { return d.smtp("EHLO") }
func lmtpClient(d *dialog, _ string) error { return d.smtp("LHLO") }

func (d *dialog) smtp(hello string) error {
	if _, err := d.reply("220"); err != nil {
		return err
	}
	// RFC 5321, Section 4.1.1.1: the client's own name, which it need not tell.
	if err := d.send(hello + " localhost\r\n"); err != nil {
		return err
	}
	offers, err := d.reply("250")
	if err != nil {
		return err
	}
	if !hasWord(offers, "STARTTLS") {
		return d.refused("the server does not offer STARTTLS", strings.Join(offers, " "))
	}
	if err := d.send("STARTTLS\r\n"); err != nil {
		return err
	}
	_, err = d.reply("220")
	return err
}

func smtpServer(d *dialog, host string) error { return d.smtpServer(host, "EHLO", "ESMTP") }
func lmtpServer(d *dialog, host string) error { return d.smtpServer(host, "LHLO", "LMTP") }

func (d *dialog) smtpServer(host, hello, kind string) error {
	host = orLocalhost(host)
	return d.serve("220 "+host+" "+kind, func(command, argument string) (string, step) {
		switch command {
		case hello:
			return "250-" + host + "\r\n250 STARTTLS", stays
		case "STARTTLS":
			if argument != "" { // RFC 3207, Section 4
				return "501 Syntax error (no parameters allowed)", stays
			}
			return "220 Ready to start TLS", upgrades
		case "NOOP", "RSET":
			return "250 OK", stays
		case "QUIT": // not refused either
			return "221 " + host + " closing connection", ends
		}
		return "530 Must issue a STARTTLS command first", stays // RFC 3207, Section 4
	})
}

func imapClient(d *dialog, _ string) error {
	greeting, err := d.line()
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(greeting, "* PREAUTH"):
		// STARTTLS is valid in the not authenticated state only. RFC 9051, Section 6.2.
		return d.refused("the session is authenticated before TLS", greeting)
	case !strings.HasPrefix(greeting, "* OK"):
		return d.refused("the server did not greet with OK", greeting)
	}
	offers, err := d.imapCommand("a1", "CAPABILITY")
	if err != nil {
		return err
	}
	if !hasWord(offers, "STARTTLS") {
		return d.refused("the server does not offer STARTTLS", strings.Join(offers, " "))
	}
	_, err = d.imapCommand("a2", "STARTTLS")
	return err
}

// imapCommand returns the untagged lines before the tagged one, which must be OK.
func (d *dialog) imapCommand(tag, command string) ([]string, error) {
	if err := d.send(tag + " " + command + "\r\n"); err != nil {
		return nil, err
	}
	lines, last, err := d.until(func(l string) bool { return strings.HasPrefix(l, tag+" ") })
	if err == nil && !strings.HasPrefix(last, tag+" OK") {
		err = d.refused("the server refused "+command, last)
	}
	return lines, err
}

func imapServer(d *dialog, _ string) error {
	greeting := "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready"
	return d.serveLines(greeting, func(l string) (string, step) {
		tag, command, _ := strings.Cut(l, " ") // upper and lower case differ in a tag
		command, _, _ = strings.Cut(strings.ToUpper(command), " ")
		switch command {
		case "CAPABILITY":
			return "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n" + tag + " OK done", stays
		case "STARTTLS":
			return tag + " OK begin TLS", upgrades
		case "NOOP":
			return tag + " OK done", stays
		case "LOGOUT":
			return "* BYE\r\n" + tag + " OK done", ends
		}
		return tag + " BAD STARTTLS first", stays
	})
}

func pop3Client(d *dialog, _ string) error {
	greeting, err := d.line()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(greeting, "+OK") {
		return d.refused("the server did not greet with +OK", greeting)
	}
	last, err := d.ask("CAPA")
	if err != nil {
		return err
	}
	// A server without CAPA may know STLS. RFC 2449, Section 5.
	if strings.HasPrefix(last, "+OK") {
		offers, _, err := d.until(func(l string) bool { return l == "." })
		if err != nil {
			return err
		}
		if !hasWord(offers, "STLS") {
			return d.refused("the server does not offer STLS", strings.Join(offers, " "))
		}
	}
	if last, err = d.ask("STLS"); err == nil && !strings.HasPrefix(last, "+OK") {
		err = d.refused("the server refused STLS", last)
	}
	return err
}

func pop3Server(d *dialog, _ string) error {
	return d.serve("+OK ready", func(command, _ string) (string, step) {
		switch command {
		case "CAPA":
			return "+OK\r\nSTLS\r\n.", stays
		case "STLS":
			return "+OK begin TLS", upgrades
		case "QUIT":
			return "+OK bye", ends
		}
		return "-ERR STLS first", stays
	})
}

func sieveClient(d *dialog, _ string) error {
	final := func(l string) bool {
		word, _, _ := strings.Cut(strings.ToUpper(l), " ")
		return word == "OK" || word == "NO" || word == "BYE"
	}
	offers, last, err := d.until(final)
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(strings.ToUpper(last), "OK"):
		return d.refused("the server did not greet with OK", last)
	case !hasWord(offers, "STARTTLS"):
		return d.refused("the server does not offer STARTTLS", strings.Join(offers, " "))
	}
	if err := d.send("STARTTLS\r\n"); err != nil {
		return err
	}
	_, last, err = d.until(final)
	if err == nil && !strings.HasPrefix(strings.ToUpper(last), "OK") {
		err = d.refused("the server refused STARTTLS", last)
	}
	return err
}

func sieveServer(d *dialog, _ string) error {
	offers := strings.Join([]string{
		`"IMPLEMENTATION" "sealsock"`, `"SASL" ""`, `"SIEVE" "fileinto"`, `"STARTTLS"`,
		`"VERSION" "1.0"`, `OK "ready"`, // GnuTLS needs the text
	}, "\r\n")
	return d.serve(offers, func(command, _ string) (string, step) {
		switch command {
		case "CAPABILITY":
			return offers, stays
		case "STARTTLS":
			return "OK \"begin TLS\"", upgrades
		case "LOGOUT":
			return "OK \"bye\"", ends
		}
		return "NO \"STARTTLS first\"", stays
	})
}
