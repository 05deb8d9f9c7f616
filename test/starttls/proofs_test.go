//go:build !windows

package starttls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// proofs run a command of each protocol over TLS.
var proofs = map[string]func(c *talk) error{
	"ftp":         func(c *talk) error { return c.send("PBSZ 0\r\n", "200 ") },
	"imap":        func(c *talk) error { return c.send("p NOOP\r\n", "p OK") },
	"irc":         proveIRC,
	"ldap":        proveLDAP,
	"lmtp":        func(c *talk) error { return c.send("LHLO localhost\r\n", "250 ") },
	"mysql":       proveMySQL,
	"nats":        func(c *talk) error { return c.send("CONNECT {}\r\nPING\r\n", "PONG") },
	"nntp":        func(c *talk) error { return c.send("DATE\r\n", "111 ") },
	"pop3":        func(c *talk) error { return c.send("CAPA\r\n", ".") },
	"postgres":    provePostgres,
	"rdp":         proveRDP,
	"sieve":       func(c *talk) error { return c.send("LOGOUT\r\n", "OK \"Logout") },
	"smtp":        func(c *talk) error { return c.send("EHLO localhost\r\n", "250 ") },
	"xmpp":        func(c *talk) error { return proveXMPP(c, "client") },
	"xmpp-server": func(c *talk) error { return proveXMPP(c, "server") },
}

func proveIRC(c *talk) error {
	return c.send("NICK seal\r\nUSER seal 0 * :seal\r\n", ":"+ircName+" 001 seal")
}

// proveLDAP binds anonymously.
func proveLDAP(c *talk) error {
	c.Write([]byte("\x30\x0c\x02\x01\x02\x60\x07\x02\x01\x03\x04\x00\x80\x00"))
	return c.expect("\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00")
}

// expect reads bytes and compares them.
func (c *talk) expect(want string) error {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.in, got); err != nil || string(got) != want {
		return fmt.Errorf("received %q, %v; want %q", got[:n], err, want)
	}
	return nil
}

// proveMySQL authenticates as root and sends COM_PING.
func proveMySQL(c *talk) error {
	b := binary.LittleEndian.AppendUint32(nil, 1<<9|1<<11|1<<15)
	b = binary.LittleEndian.AppendUint32(b, 1<<24)
	b = append(append(b, 45), make([]byte, 23)...)
	b = append(b, "root\x00\x00"...)
	c.Write(append([]byte{byte(len(b)), 0, 0, 2}, b...))
	if err := c.mysqlOK(); err != nil {
		return err
	}
	c.Write([]byte("\x01\x00\x00\x00\x0e"))
	return c.mysqlOK()
}

// mysqlOK reads a packet, which must be OK.
func (c *talk) mysqlOK() error {
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return err
	}
	packet := make([]byte, int(head[0])|int(head[1])<<8)
	if _, err := io.ReadFull(c.in, packet); err != nil {
		return err
	}
	if len(packet) == 0 || packet[0] != 0 {
		return fmt.Errorf("the answer is not OK: %q", packet)
	}
	return nil
}

// errStarting is returned for a server that is not ready yet.
var errStarting = errors.New("the server is starting")

// provePostgres asks the server whether it sees TLS.
func provePostgres(c *talk) error {
	b := []byte{0, 3, 0, 0}
	b = append(b, "user\x00postgres\x00database\x00postgres\x00\x00"...)
	c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+4)), b...))
	query := "SELECT 'tls=' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()\x00"
	c.Write(append(binary.BigEndian.AppendUint32([]byte("Q"), uint32(len(query)+4)), query...))
	for {
		var head [5]byte
		if _, err := io.ReadFull(c.in, head[:]); err != nil {
			return err
		}
		message := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(c.in, message); err != nil {
			return err
		}
		switch {
		case head[0] == 'E' && bytes.Contains(message, []byte("C57P03\x00")):
			return errStarting
		case head[0] == 'E':
			return fmt.Errorf("an error: %q", message)
		case head[0] == 'D' && bytes.Contains(message, []byte("tls=true")):
			return nil
		case head[0] == 'C':
			return fmt.Errorf("the server sees no TLS: %q", message)
		}
	}
}

// proveXMPP begins a new stream, in which the server offers to authenticate.
func proveXMPP(c *talk, kind string) error {
	from := ""
	if kind == "server" {
		from = " xmlns:db='jabber:server:dialback' from='peer.localhost'"
	}
	c.Write([]byte("<?xml version='1.0'?><stream:stream to='localhost' version='1.0'" + from +
		" xmlns='jabber:" + kind + "' xmlns:stream='http://etherx.jabber.org/streams'>"))
	var all strings.Builder
	for !strings.Contains(all.String(), "</stream:features>") {
		b, err := c.in.ReadByte()
		if err != nil {
			return fmt.Errorf("%w after %q", err, all.String())
		}
		all.WriteByte(b)
	}
	want := map[string]string{"client": "xmpp-sasl", "server": "dialback"}[kind]
	if text := all.String(); !strings.Contains(text, want) || strings.Contains(text, "xmpp-tls") {
		return fmt.Errorf("the features over TLS are %q", text)
	}
	return nil
}
