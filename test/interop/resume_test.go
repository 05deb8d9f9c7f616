package interop

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

var resumption = &capability{
	name:   "resumption by ticket",
	client: with(clientResumes, openssl30, openssl35, gnutls37, gnutls38, python, java, node, nss),
	server: with(serverResumes, openssl30, openssl35, gnutls37, gnutls38, python, java, node, nss),
}

var withoutDHE = &capability{
	name:   "resumption without key exchange (psk_ke)",
	client: with(clientWithoutDHE, openssl30, openssl35),
	server: with(serverWithoutDHE, openssl35),
	gaps: []string{
		"OpenSSL 3.0 as a server prefers a key exchange and has no option against that",
		"GnuTLS, NSS, Java, Node and Python have no setting that allows it for tickets",
	},
}

var ticketCount = &capability{
	name:   "number of tickets",
	client: with(clientCountsTickets, openssl30, openssl35),
	server: with(serverSendsTickets, openssl30, openssl35).and(pythonSendsTickets, python),
	gaps:   []string{"the others have no setting for it, and do not tell how many came"},
}

// clientResumes tests resumption by a program, with a server that stores
// sessions in tickets and with one that stores them in memory.
func clientResumes(t *testing.T, p *program) {
	for name, tickets := range map[string]engine.Tickets{
		"sealed": sealsock.SealTickets(new(sealsock.RotatingKeys), nil), "kept": sealsock.KeepTickets(10),
	} {
		cfg := serverConfig()
		cfg.Tickets = tickets
		port, wait := serveEach(t, cfg, 2, func(i int, c *sealsock.Conn) error {
			answer := answerLine
			if i == 0 {
				answer = answerFirst
			}
			if err := answer(p, c); err != nil {
				return err
			}
			return resumed(c, i == 1)
		})
		comeTwice(t, p, port)
		wait()
		if t.Failed() {
			t.Fatalf("with tickets that are %s", name)
		}
	}
}

func resumed(c *sealsock.Conn, want bool) error {
	if got := c.State().Resumed; got != want {
		return fmt.Errorf("resumed: %v, want %v", got, want)
	}
	return nil
}

// comeTwice runs a client that connects, saves a session, and resumes it.
func comeTwice(t *testing.T, p *program, port int, extra ...string) {
	t.Helper()
	switch p {
	case openssl30, openssl35:
		session := t.TempDir() + "/session"
		converse(t, clientArgs(p, port, append(extra, "-sess_out", session)...))
		if said := converse(t, clientArgs(p, port, append(extra, "-sess_in", session)...)); !strings.Contains(said, "Reused, TLSv1.3") {
			t.Error("the client does not say that the session is used again")
		}
	case gnutls37, gnutls38:
		if said := converse(t, clientArgs(p, port, append(extra, "--resume", "--waitresumption")...)); !strings.Contains(said, "This is a resumed session") {
			t.Error("the client does not say that the session is used again")
		}
	case nss:
		converse(t, clientArgs(p, port, append(extra, "-u", "-L", "2")...))
	default:
		said := runScript(t, p, "resumption", port, "")
		if !strings.Contains(strings.ToLower(said), "resumed true") {
			t.Error("the client does not say that the session is used again")
		}
	}
}

// serverResumes tests resumption by the library with a program.
func serverResumes(t *testing.T, p *program) {
	var extra []string
	if p == nss {
		extra = []string{"-u"}
	}
	_, port := serveAny(t, p, "resumption", extra...)
	comeBack(t, port, clientConfig(), asks(p))
}

// comeBack connects twice with the library, the second time with a session, and
// returns the group of the second connection.
func comeBack(t *testing.T, port int, cfg *sealsock.Config, ask asker) (group iana.NamedGroup) {
	t.Helper()
	cfg.Sessions = sealsock.NewMemoryCache(1)
	for i := range 2 {
		call(t, port, cfg, func(c *sealsock.Conn) error {
			if err := ask(c); err != nil {
				return err
			}
			group = c.State().Group
			if err := resumed(c, i == 1); err != nil {
				return err
			}
			return goodbye(c)
		})
	}
	return group
}

// clientWithoutDHE resumes without a common group, so that the key of the
// session must be used alone.
func clientWithoutDHE(t *testing.T, p *program) {
	cfg := serverConfig()
	cfg.PSKWithoutDHE, cfg.Tickets = true, sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	cfg.Groups = []iana.NamedGroup{iana.X25519}
	port, wait := serveEach(t, cfg, 2, func(i int, c *sealsock.Conn) error {
		if err := answerLine(p, c); err != nil {
			return err
		}
		if group := c.State().Group; (group == 0) != (i == 1) {
			return fmt.Errorf("the group is %v", group)
		}
		return resumed(c, i == 1)
	})
	session := t.TempDir() + "/session"
	converse(t, clientArgs(p, port, "-allow_no_dhe_kex", "-sess_out", session))
	converse(t, clientArgs(p, port, "-allow_no_dhe_kex", "-sess_in", session, "-groups", "P-521"))
	wait()
}

func serverWithoutDHE(t *testing.T, p *program) {
	_, port := serve(t, p, "-allow_no_dhe_kex", "-prefer_no_dhe_kex")
	cfg := clientConfig()
	cfg.PSKWithoutDHE = true
	if group := comeBack(t, port, cfg, asks(p)); group != 0 {
		t.Errorf("there was a key exchange: %v", group)
	}
}

// clientCountsTickets counts the tickets after the handshake, and those on
// demand.
func clientCountsTickets(t *testing.T, p *program) {
	for _, c := range []struct{ first, more, want int }{{0, 0, 2}, {3, 2, 5}, {-1, 0, 0}} {
		cfg := serverConfig()
		cfg.NumTickets, cfg.Tickets = c.first, sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
		port, wait := serveEach(t, cfg, 1, func(_ int, conn *sealsock.Conn) error {
			if c.more > 0 {
				if err := conn.SendTickets(t.Context(), c.more); err != nil {
					return err
				}
			}
			return answerLine(p, conn)
		})
		said := converse(t, clientArgs(p, port))
		wait()
		if got := strings.Count(said, "Post-Handshake New Session Ticket arrived"); got != c.want {
			t.Errorf("NumTickets %d and %d more: %d came", c.first, c.more, got)
		}
	}
}

// serverSendsTickets counts the tickets that the program sends.
func serverSendsTickets(t *testing.T, p *program) {
	for _, n := range []int{0, 1, 4} {
		_, port := serve(t, p, "-num_tickets", strconv.Itoa(n))
		countTickets(t, port, n)
	}
}

func pythonSendsTickets(t *testing.T, p *program) {
	for _, n := range []int{0, 3} {
		_, port := serveScript(t, p, "number of tickets", "TICKETS="+strconv.Itoa(n))
		countTickets(t, port, n)
	}
}

func countTickets(t *testing.T, port, want int) {
	t.Helper()
	cfg := clientConfig()
	var got atomic.Int32
	cfg.OnSession = func(*engine.Session) { got.Add(1) }
	call(t, port, cfg, func(c *sealsock.Conn) error {
		if _, err := io.WriteString(c, hello); err != nil {
			return err
		}
		if _, err := readLine(c); err != nil {
			return err
		}
		return goodbye(c)
	})
	if int(got.Load()) != want {
		t.Errorf("%d tickets came, want %d", got.Load(), want)
	}
}
