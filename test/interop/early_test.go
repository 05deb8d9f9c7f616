package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

var earlyData = &capability{
	name:   "0-RTT data, accepted",
	client: with(clientEarly, openssl30, openssl35, gnutls37, nss),
	server: with(serverEarly, openssl30, openssl35, gnutls37, gnutls38, nss),
	gaps: []string{
		"Java, Node and Python have no 0-RTT",
		"gnutls-cli of 3.8.9 fails before it sends any, with gnutls-serv too",
	},
}

var earlyRefused = &capability{
	name:   "0-RTT data, refused and sent again",
	client: with(clientEarlyRefused, openssl30, openssl35, gnutls37, nss),
	server: with(serverEarlyRefused, openssl30, openssl35, gnutls37, gnutls38, nss),
	gaps:   []string{"OpenSSL and GnuTLS as clients say that it was refused and leave sending it again to their user"},
}

const earlyWords = "early words, which may come twice\n"

// never is an engine.AntiReplay that rejects every attempt.
type never struct{}

func (never) Fresh([]byte, time.Time) bool { return false }

func earlyServer() *sealsock.Config {
	cfg := serverConfig()
	cfg.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	cfg.MaxEarlyData, cfg.AntiReplay = 1000, sealsock.NewAntiReplay(100, madeBefore(time.Minute, time.Now))
	return cfg
}

func clientEarly(t *testing.T, p *program) {
	said := earlyTwice(t, p, earlyServer(), func(c *sealsock.Conn) error {
		early, err := io.ReadAll(earlyReader{c})
		if want := earlyOf(p); err != nil || string(early) != want {
			return fmt.Errorf("the early data is %q, want %q: %w", early, want, err)
		}
		if p == nss { // which has sent all its data
			if _, err := c.Write(early); err != nil {
				return err
			}
		} else if err := echoLine(c); err != nil {
			return err
		}
		if !c.State().EarlyData {
			return fmt.Errorf("early data came, and State does not say so")
		}
		return leave(p, c)
	})
	if p == openssl30 || p == openssl35 {
		if !strings.Contains(said, "Early data was accepted") {
			t.Error("the client does not say that its early data was accepted")
		}
	}
}

func clientEarlyRefused(t *testing.T, p *program) {
	cfg := earlyServer()
	cfg.AntiReplay = never{}
	said := earlyTwice(t, p, cfg, func(c *sealsock.Conn) error {
		if early, err := io.ReadAll(earlyReader{c}); err != nil || len(early) > 0 {
			return fmt.Errorf("early data came: %q, %w", early, err)
		}
		// With NSS this is the refused data, with the others the data that
		// follows.
		if err := echoLine(c); err != nil {
			return err
		}
		return leave(p, c)
	})
	want := map[*program]string{openssl30: "Early data was rejected", openssl35: "Early data was rejected", nss: "Early data rejected. Re-sending"}[p]
	if !strings.Contains(said, want) {
		t.Errorf("the client does not say %q", want)
	}
}

// earlyOf returns the early data of a program: the input of NSS, the contents
// of a file of others.
func earlyOf(p *program) string {
	if p == nss {
		return hello
	}
	return earlyWords
}

// earlyReader reads 0-RTT data.
type earlyReader struct{ *sealsock.Conn }

func (r earlyReader) Read(p []byte) (int, error) { return r.ReadEarly(p) }

// earlyTwice runs a program that connects for a ticket, and again with early
// data.
func earlyTwice(t *testing.T, p *program, cfg *sealsock.Config, second func(*sealsock.Conn) error) string {
	t.Helper()
	write("early", []byte(earlyWords))
	port, wait := serveEach(t, cfg, 2, func(i int, c *sealsock.Conn) error {
		if i == 1 {
			if p == nss { // which waits for an answer, and does it early if none comes
				time.Sleep(100 * time.Millisecond)
			}
			return second(c)
		}
		return answerFirst(p, c)
	})
	defer wait()
	switch p {
	case gnutls37, gnutls38:
		return converse(t, clientArgs(p, port, "--resume", "--waitresumption", "--earlydata", file("early")))
	case nss:
		return converse(t, clientArgs(p, port, "-v", "-u", "-Z", "-L", "2", "-f"))
	}
	session := t.TempDir() + "/session"
	converse(t, clientArgs(p, port, "-sess_out", session))
	return converse(t, clientArgs(p, port, "-sess_in", session, "-early_data", file("early")))
}

// serverEarly tests the library as a client that resumes with early data.
func serverEarly(t *testing.T, p *program) {
	h, port := earlyProgram(t, p)
	for limit := time.Now().Add(patience); ; {
		cfg := earlySession(t, h, p, port)
		accepted := sayEarly(t, h, p, port, cfg)
		// NSS refuses early data in its first second, and data that is half a
		// second late.
		if accepted || p != nss || t.Failed() || time.Now().After(limit) {
			if !accepted {
				t.Error("early data was not accepted")
			}
			return
		}
		time.Sleep(time.Second)
	}
}

// serverEarlyRefused tests refusals: OpenSSL refuses a used session, NSS
// everything in its first second, and GnuTLS a session of another server.
func serverEarlyRefused(t *testing.T, p *program) {
	h, port := earlyProgram(t, p)
	cfg := earlySession(t, h, p, port)
	switch p {
	case openssl30, openssl35:
		if !sayEarly(t, h, p, port, cfg) {
			t.Error("early data was not accepted")
		}
	case gnutls37, gnutls38:
		h, port = earlyProgram(t, p)
	}
	if sayEarly(t, h, p, port, cfg) {
		t.Error("early data was accepted")
	}
}

// sayEarly reports whether the program accepted early data. The data arrives in
// either case.
func sayEarly(t *testing.T, h *heard, p *program, port int, cfg *sealsock.Config) (accepted bool) {
	t.Helper()
	call(t, port, cfg, func(c *sealsock.Conn) error {
		if err := earlySay(h, p, c); err != nil {
			return err
		}
		accepted = c.State().EarlyData
		if p == nss {
			return nil // the end was part of the answer
		}
		return goodbye(c)
	})
	return accepted
}

// earlySession gets a session that allows early data.
func earlySession(t *testing.T, h *heard, p *program, port int) *sealsock.Config {
	t.Helper()
	cfg := clientConfig()
	cfg.EarlyData = true
	cfg.OnSession = func(s *engine.Session) {
		if cfg.Session == nil {
			cfg.Session = s
		}
	}
	call(t, port, cfg, func(c *sealsock.Conn) error { return earlyTalk(h, p, c) })
	if cfg.Session == nil || cfg.Session.MaxEarlyData == 0 {
		t.Fatal("no session that allows early data came")
	}
	return cfg
}

// earlyProgram starts a server that takes early data.
func earlyProgram(t *testing.T, p *program) (*heard, int) {
	t.Helper()
	switch p {
	case gnutls37, gnutls38:
		return serveOwn(t, p, "--earlydata", "--maxearlydata", "1000")
	case nss:
		return serveOwn(t, p, "-u", "-Z")
	}
	return serveOwn(t, p, "-early_data", "-max_early_data", "1000")
}

// earlyTalk is the connection that supplies a ticket.
func earlyTalk(h *heard, p *program, c *sealsock.Conn) error {
	switch p {
	case openssl30, openssl35:
		// It sends its tickets before its input.
		if err := printed(h, c); err != nil {
			return err
		}
		if _, err := io.WriteString(h.stdin, hello); err != nil {
			return err
		}
		if _, err := readLine(c); err != nil {
			return err
		}
		return goodbye(c)
	}
	if err := asks(p)(c); err != nil {
		return err
	}
	return goodbye(c)
}

// earlySay sends early data, and waits until the program has received it.
func earlySay(h *heard, p *program, c *sealsock.Conn) error {
	words := earlyWords
	if p == nss {
		words = "GET / HTTP/1.0\r\n\r\n"
	}
	heardBefore := strings.Count(h.said.String(), earlyWords)
	if n, err := c.WriteEarly([]byte(words)); err != nil || n != len(words) {
		return fmt.Errorf("%d bytes went early, %w", n, err)
	}
	if err := c.HandshakeContext(context.Background()); err != nil {
		return err
	}
	switch p {
	case nss:
		got, err := io.ReadAll(c)
		if c.State().EarlyData && errors.Is(err, syscall.ECONNRESET) {
			err = nil // it answers early data and closes without reading further
		}
		if err != nil || !strings.Contains(string(got), words) {
			return fmt.Errorf("answered %q, %w", got, err)
		}
		return nil
	case gnutls37, gnutls38:
		if c.State().EarlyData { // which it accepts and does not print
			return askEcho(c)
		}
		if line, err := readLine(c); err != nil || line != earlyWords {
			return fmt.Errorf("%q came back, %w", line, err)
		}
		return nil
	}
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if strings.Count(h.said.String(), earlyWords) > heardBefore {
			return nil
		}
	}
	return fmt.Errorf("the program never printed %q", earlyWords)
}
