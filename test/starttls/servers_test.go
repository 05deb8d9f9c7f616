//go:build !windows

package starttls

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/starttls"
)

// host is the name in the certificate of each server.
const host = servertest.Host

// A server is a program that serves protocols.
type server struct {
	name  string // with the Debian package, for the table
	needs []string
	// root is why the server runs only as root, or empty.
	root string
	// start starts it with one port for each protocol.
	start     func(t *testing.T, p *servertest.Place, ports []int)
	protocols []string
}

var servers = []server{
	{name: "postfix", needs: []string{"/usr/sbin/postfix"}, start: servertest.Postfix,
		root: "its master process refuses another user", protocols: []string{"smtp"}},
	{name: "dovecot", needs: []string{"/usr/sbin/dovecot", "/usr/lib/dovecot/lmtp",
		"/usr/lib/dovecot/imap-login", "/usr/lib/dovecot/pop3-login",
		"/usr/lib/dovecot/managesieve-login"},
		start: servertest.Dovecot, protocols: []string{"imap", "pop3", "lmtp", "sieve"}},
	{name: "vsftpd", needs: []string{"/usr/sbin/vsftpd"}, start: startVsftpd,
		protocols: []string{"ftp"}},
	{name: "slapd", needs: []string{"/usr/sbin/slapd"}, start: startSlapd,
		protocols: []string{"ldap"}},
	{name: "PostgreSQL", start: servertest.Postgres,
		needs:     []string{servertest.PostgresTool("postgres"), servertest.PostgresTool("initdb")},
		protocols: []string{"postgres"}},
	{name: "MariaDB", needs: []string{"/usr/sbin/mariadbd"}, start: servertest.MariaDB,
		protocols: []string{"mysql"}},
	{name: "prosody", needs: []string{"/usr/bin/prosody"}, start: startProsody,
		protocols: []string{"xmpp", "xmpp-server"}},
	{name: "INN (nnrpd)", needs: []string{nnrpd()}, start: startNNRPD,
		protocols: []string{"nntp"}},
	{name: "InspIRCd", needs: []string{"/usr/sbin/inspircd"}, start: startInspIRCd,
		protocols: []string{"irc"}},
	{name: "nats-server", needs: []string{"/usr/sbin/nats-server"}, start: startNATS,
		protocols: []string{"nats"}},
	{name: "xrdp", needs: []string{"/usr/sbin/xrdp"}, start: startXrdp,
		protocols: []string{"rdp"}},
}

// TestServers upgrades a connection to each server, verifies its certificate, and runs
// a command over TLS.
func TestServers(t *testing.T) {
	for i := range servers {
		s := &servers[i]
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, program := range s.needs {
				need(t, program)
			}
			if s.root != "" {
				servertest.NeedRoot(t, s.root)
			}
			p := servertest.New(t)
			ports := make([]int, len(s.protocols))
			for i := range ports {
				ports[i] = freeport.Pick(t)
			}
			s.start(t, p, ports)
			for i, name := range s.protocols {
				t.Run(name, func(t *testing.T) {
					err := upgrade(t, p, name, ports[i])
					for errors.Is(err, errStarting) && t.Context().Err() == nil {
						time.Sleep(20 * time.Millisecond)
						err = upgrade(t, p, name, ports[i])
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// upgrade runs one connection with a server.
func upgrade(t *testing.T, p *servertest.Place, name string, port int) error {
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	raw, err := servertest.Dial(ctx, port)
	if err != nil {
		return err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(servertest.Patience))
	if err := starttls.Client(ctx, raw, name, host); err != nil {
		return err
	}
	conn, err := sealsock.Client(raw, p.Client())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	proof := proofs[name]
	if proof == nil {
		return errors.New("no proof")
	}
	return proof(&talk{conn, bufio.NewReader(conn)})
}

// need skips the test, or fails it in CI, if a program or a file is missing.
func need(t *testing.T, name string) {
	t.Helper()
	if !isFile(name) {
		peers.Need(t, name)
	}
}

// A talk is a conversation over TLS.
type talk struct {
	net.Conn
	in *bufio.Reader
}

// send sends text and reads lines until one has the prefix.
func (c *talk) send(text, prefix string) error {
	if _, err := c.Write([]byte(text)); err != nil {
		return err
	}
	for {
		l, err := c.in.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(l, prefix) {
			return nil
		}
	}
}
