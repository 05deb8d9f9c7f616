package starttls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// A protocol has the two sides of an upgrade. host is the name of the server.
type protocol struct {
	name   string
	port   string // registered for the plaintext service
	client func(d *dialog, host string) error
	server func(d *dialog, host string) error
}

// protocols lists what Client and Server know, by name. To add a protocol, add a row.
var protocols = []protocol{
	{"ftp", "21", ftpClient, ftpServer},
	{"imap", "143", imapClient, imapServer},
	{"irc", "6667", ircClient, ircServer},
	{"ldap", "389", ldapClient, ldapServer},
	{"lmtp", "24", lmtpClient, lmtpServer},
	{"mysql", "3306", mysqlClient, mysqlServer},
	{"nats", "4222", natsClient, natsServer},
	{"nntp", "119", nntpClient, nntpServer},
	{"pop3", "110", pop3Client, pop3Server},
	{"postgres", "5432", postgresClient, postgresServer},
	{"rdp", "3389", rdpClient, rdpServer},
	{"sieve", "4190", sieveClient, sieveServer},
	{"smtp", "25", smtpClient, smtpServer},
	{"xmpp", "5222", xmppClient, xmppServer},
	{"xmpp-server", "5269", xmppPeerClient, xmppPeerServer},
}

// Protocols returns the names of the protocols, sorted.
func Protocols() []string {
	names := make([]string, len(protocols))
	for i, p := range protocols {
		names[i] = p.name
	}
	return names
}

// Port returns the port that is registered for a protocol's plaintext service, or "" if
// the protocol is unknown.
func Port(name string) string {
	if p := find(name); p != nil {
		return p.port
	}
	return ""
}

func find(name string) *protocol {
	i := slices.IndexFunc(protocols, func(p protocol) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return &protocols[i]
}

// Client asks the server on conn, in the protocol's plaintext, to go over to TLS. When it
// returns nil, the server awaits a ClientHello. host is the name of the server, which some
// protocols send; it may be empty.
//
// The end of ctx interrupts it. After an error the connection cannot be used, and the
// caller closes it. A server that refuses, or that does not answer until the deadline of
// ctx, is an *Error.
func Client(ctx context.Context, conn net.Conn, name, host string) error {
	return run(ctx, conn, name, host, "the server", func(p *protocol) func(*dialog, string) error {
		return p.client
	})
}

// Server plays the server of a protocol on conn until the client asks to go over to TLS.
// When it returns nil, the client is about to send a ClientHello. Commands that make no
// sense before TLS are refused in the protocol's own words. host is the name that the
// server gives itself; it may be empty.
//
// The end of ctx interrupts it. After an error the connection cannot be used, and the
// caller closes it.
func Server(ctx context.Context, conn net.Conn, name, host string) error {
	return run(ctx, conn, name, host, "the client", func(p *protocol) func(*dialog, string) error {
		return p.server
	})
}

// errNoConn is the error of functions that are given a nil connection.
var errNoConn = fmt.Errorf("starttls: the connection is nil: %w", os.ErrInvalid)

func run(ctx context.Context, conn net.Conn, name, host, peer string,
	role func(*protocol) func(*dialog, string) error) error {
	if conn == nil {
		return errNoConn
	}
	p := find(name)
	if p == nil {
		return fmt.Errorf("starttls: unknown protocol %q: one of %s is known",
			name, strings.Join(Protocols(), ", "))
	}
	if strings.ContainsAny(host, "\r\n\x00 ") {
		return fmt.Errorf("starttls: host name %q contains white space", host)
	}
	release := interruptible(ctx, conn)
	d := newDialog(conn, p.name, peer)
	err := role(p)(d, host)
	interrupted := release()
	switch {
	case interrupted == nil || err == nil:
		return err
	case errors.Is(interrupted, context.DeadlineExceeded):
		return d.late(interrupted)
	}
	return interrupted
}

// interruptible makes the end of ctx interrupt reads and writes of conn. The function that
// it returns undoes that, and returns why ctx ended if it did.
func interruptible(ctx context.Context, conn net.Conn) (release func() error) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.SetDeadline(time.Unix(1, 0))
		close(done)
	})
	return func() error {
		if stop() {
			return nil
		}
		<-done
		conn.SetDeadline(time.Time{})
		return context.Cause(ctx)
	}
}

// An Error tells why a connection did not go over to TLS.
type Error struct {
	Protocol string // its name, such as "smtp"
	Reason   string // what happened, in words
	// Reply is what the peer sent, at most 200 bytes of it, or empty. It is the peer's
	// text: escape it before it is shown.
	Reply string
	// Refused reports that the peer speaks the protocol and does not offer TLS, or refuses
	// it now.
	Refused bool
	// Err is the cause, or nil: that of a context whose time is over, or of a deadline.
	Err error
}

// Unwrap returns Err.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Error describes the error. The peer's words are quoted and escaped.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	text := "starttls: " + e.Protocol + ": " + e.Reason
	if e.Reply != "" {
		text += fmt.Sprintf(": %q", e.Reply)
	}
	return text
}
