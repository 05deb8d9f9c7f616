package starttls

import (
	"encoding/json"
	"strings"
)

// FTP, RFC 4217; NNTP, RFC 4642; IRC, the tls capability of IRCv3; NATS, its client protocol.

func ftpClient(d *dialog, _ string) error {
	if _, err := d.reply("220"); err != nil {
		return err
	}
	if err := d.send("AUTH TLS\r\n"); err != nil {
		return err
	}
	_, err := d.reply("234")
	return err
}

func ftpServer(d *dialog, host string) error {
	return d.serve("220 "+orLocalhost(host)+" ready", func(command, argument string) (string, step) {
		argument = strings.ToUpper(argument)
		switch {
		case command == "AUTH" && (argument == "TLS" || argument == "TLS-C"):
			return "234 begin TLS", upgrades
		case command == "FEAT":
			return "211-Features:\r\n AUTH TLS\r\n211 End", stays
		case command == "QUIT":
			return "221 bye", ends
		}
		return "530 AUTH TLS first", stays
	})
}

func nntpClient(d *dialog, _ string) error {
	greeting, err := d.line()
	if err != nil {
		return err
	}
	if code := codeOf(greeting); code != "200" && code != "201" {
		return d.refused("the server did not greet with 200 or 201", greeting)
	}
	last, err := d.ask("CAPABILITIES")
	if err != nil {
		return err
	}
	// A server of RFC 977 does not know the command.
	if codeOf(last) == "101" {
		offers, _, err := d.until(func(l string) bool { return l == "." })
		if err != nil {
			return err
		}
		if !hasWord(offers, "STARTTLS") {
			return d.refused("the server does not offer STARTTLS", strings.Join(offers, " "))
		}
	}
	if last, err = d.ask("STARTTLS"); err == nil && codeOf(last) != "382" {
		err = d.refused("the server refused STARTTLS", last)
	}
	return err
}

func nntpServer(d *dialog, _ string) error {
	// GnuTLS awaits 200, which promises nothing about what follows TLS: a client asks again
	// with MODE READER.
	return d.serve("200 ready", func(command, _ string) (string, step) {
		switch command {
		case "CAPABILITIES":
			return "101 Capability list:\r\nVERSION 2\r\nSTARTTLS\r\n.", stays
		case "STARTTLS":
			return "382 continue with TLS negotiation", upgrades
		case "QUIT":
			return "205 bye", ends
		}
		return "483 STARTTLS first", stays
	})
}

// The numerics of the tls capability, and those that refuse a command.
const (
	ircReady  = "670"
	ircFailed = "691"
)

func ircClient(d *dialog, _ string) error {
	if err := d.send("STARTTLS\r\n"); err != nil {
		return err
	}
	for {
		l, err := d.line()
		if err != nil {
			return err
		}
		fields := strings.Fields(l)
		if len(fields) > 0 && strings.HasPrefix(fields[0], ":") {
			fields = fields[1:]
		}
		if len(fields) == 0 {
			continue
		}
		switch strings.ToUpper(fields[0]) {
		case ircReady:
			return nil
		case "PING":
			if err := d.send("PONG " + strings.Join(fields[1:], " ") + "\r\n"); err != nil {
				return err
			}
		case ircFailed, "421", "451", "ERROR": // unknown command, not registered
			return d.refused("the server refused STARTTLS", l)
		}
	}
}

func ircServer(d *dialog, host string) error {
	host = orLocalhost(host)
	return d.serve("", func(command, argument string) (string, step) {
		switch command {
		case "STARTTLS":
			return ":" + host + " " + ircReady + " * :STARTTLS successful", upgrades
		case "CAP":
			return ":" + host + " CAP * LS :tls", stays
		case "QUIT":
			return "ERROR :bye", ends
		}
		return ":" + host + " 451 * :STARTTLS first", stays
	})
}

func natsClient(d *dialog, _ string) error {
	l, err := d.line()
	if err != nil {
		return err
	}
	info, ok := strings.CutPrefix(l, "INFO ")
	var offer struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	if !ok || json.Unmarshal([]byte(info), &offer) != nil {
		return d.wrong("the server did not begin with INFO", l)
	}
	if !offer.Required && !offer.Available {
		return d.refused("the server offers no TLS", "")
	}
	return nil // the client's next bytes are its ClientHello
}

func natsServer(d *dialog, host string) error {
	info, err := json.Marshal(map[string]any{
		"server_name": orLocalhost(host), "version": "2.0.0", "proto": 1,
		"tls_required": true, "max_payload": 1 << 20,
	})
	if err != nil {
		return err
	}
	return d.send("INFO " + string(info) + "\r\n")
}
