package interop

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/freeport"
)

var exporter = &capability{
	name:   "exporter (tls-exporter)",
	client: with(clientExports, openssl30, openssl35, gnutls37, gnutls38, node, nss),
	server: with(serverExports, openssl30, openssl35, gnutls37, gnutls38, node, nss),
	gaps:   []string{"Java 17 has no exporter; Python's `get_channel_binding` knows tls-unique alone, which TLS 1.3 has not"},
}

var keyLog = &capability{
	name:   "key log",
	client: with(clientKeyLog, openssl30, openssl35, gnutls37, gnutls38, python, node),
	server: with(serverKeyLog, openssl30, openssl35, gnutls37, gnutls38, python, node),
	gaps:   []string{"Java writes none; the NSS of Debian is built without"},
}

var endPoint = &capability{
	name:   "binding to the certificate (tls-server-end-point)",
	client: with(clientEndPoint, gnutls37, gnutls38),
	server: with(serverEndPoint, gnutls37, gnutls38),
	gaps:   []string{"the others do not tell it"},
}

// bindingLabel and the 32 bytes without a context are tls-exporter. RFC 9266.
const bindingLabel = "EXPORTER-Channel-Binding"

func exported(c *sealsock.Conn) (string, error) {
	key, err := c.Export(bindingLabel, nil, 32)
	return hex.EncodeToString(key), err
}

// exportArgs are a program's options for the same.
func exportArgs(p *program) []string {
	switch p {
	case nss:
		return []string{"-x", bindingLabel + ":32"}
	case gnutls37, gnutls38:
		return []string{"--keymatexport", bindingLabel, "--keymatexportsize", "32"}
	}
	return []string{"-keymatexport", bindingLabel, "-keymatexportlen", "32"}
}

func clientExports(t *testing.T, p *program) {
	var ours string
	port, wait := serveEach(t, serverConfig(), 1, func(_ int, c *sealsock.Conn) error {
		err := echoLine(c)
		if err != nil {
			return err
		}
		if ours, err = exported(c); err != nil {
			return err
		}
		return leave(p, c)
	})
	var said string
	if p == node {
		said = runScript(t, p, "exporter", port, "")
	} else {
		said = converse(t, clientArgs(p, port, exportArgs(p)...))
	}
	wait()
	checkExported(t, said, ours)
}

func serverExports(t *testing.T, p *program) {
	var h *heard
	var port int
	if p == node {
		h, port = serveScript(t, p, "exporter")
	} else {
		h, port = serveOwn(t, p, exportArgs(p)...)
	}
	var ours string
	call(t, port, clientConfig(), func(c *sealsock.Conn) (err error) {
		if p == openssl30 || p == openssl35 {
			// With -rev it does not print the keys.
			if err = printed(h, c); err != nil {
				return err
			}
		} else if p == nss {
			// It prints the keys as it ends, which this request makes it do.
			if _, err = io.WriteString(c, "GET /stop HTTP/1.0\r\n\r\n"); err != nil {
				return err
			}
		} else if err = asks(p)(c); err != nil {
			return err
		}
		if ours, err = exported(c); err != nil {
			return err
		}
		return goodbye(c)
	})
	if p != nss {
		h.kill()
	}
	<-h.drained
	checkExported(t, h.said.String(), ours)
}

func clientEndPoint(t *testing.T, p *program) {
	var ours []byte
	port, wait := serveEach(t, serverConfig(), 1, func(_ int, c *sealsock.Conn) error {
		err := echoLine(c)
		if err != nil {
			return err
		}
		if ours, err = c.ServerEndPoint(); err != nil {
			return err
		}
		return leave(p, c)
	})
	said := converse(t, clientArgs(p, port, "--verbose"))
	wait()
	expectWords(t, said, fmt.Sprintf("'tls-server-end-point': %x", ours))
}

func serverEndPoint(t *testing.T, p *program) {
	h, port := serve(t, p)
	var ours []byte
	call(t, port, clientConfig(), func(c *sealsock.Conn) (err error) {
		if err = askEcho(c); err != nil {
			return err
		}
		if ours, err = c.ServerEndPoint(); err != nil {
			return err
		}
		return goodbye(c)
	})
	h.hears(t, fmt.Sprintf("'tls-server-end-point': %x", ours))
}

// printed sends s_server a line and waits until s_server prints it.
func printed(h *heard, c *sealsock.Conn) error {
	if _, err := c.Write([]byte(hello)); err != nil {
		return err
	}
	return h.waitFor(hello)
}

// checkExported looks for the bytes in the output of a program, in any
// grouping.
func checkExported(t *testing.T, said, ours string) {
	t.Helper()
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" :\n\r\t", r) {
			return -1
		}
		return r
	}, strings.ToLower(said))
	if ours == "" || !strings.Contains(plain, ours) {
		t.Errorf("the program does not tell the bytes that the library exports, %s", ours)
	}
}

// clientKeyLog compares the key logs of both sides, line by line.
func clientKeyLog(t *testing.T, p *program) {
	var ours lockedBuffer
	cfg := serverConfig()
	cfg.KeyLog = &ours
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error { return answerLine(p, c) })
	log := t.TempDir() + "/keys"
	switch p {
	case python, node:
		runScript(t, p, "key log", port, "", "KEYLOG="+log)
	case openssl30, openssl35:
		converse(t, clientArgs(p, port, "-keylogfile", log))
	default:
		converse(t, clientArgs(p, port), "SSLKEYLOGFILE="+log)
	}
	wait()
	sameKeys(t, log, ours.String())
}

func serverKeyLog(t *testing.T, p *program) {
	log := t.TempDir() + "/keys"
	var h *heard
	var port int
	switch p {
	case python, node:
		h, port = serveScript(t, p, "key log", "KEYLOG="+log)
	case openssl30, openssl35:
		h, port = serve(t, p, "-keylogfile", log, "-naccept", "1")
	default:
		port = freeport.Pick(t)
		h = hear(t, serverArgs(p, port), "SSLKEYLOGFILE="+log)
	}
	var ours lockedBuffer
	cfg := clientConfig()
	cfg.KeyLog = &ours
	call(t, port, cfg, func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		return goodbye(c)
	})
	if p == python || p == openssl30 || p == openssl35 {
		h.wait()
	}
	sameKeys(t, log, ours.String())
}

// sameKeys compares key logs, whose lines may come in any order.
func sameKeys(t *testing.T, path, ours string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(text string) (all []string) {
		for line := range strings.Lines(text) {
			if line = strings.ToLower(strings.TrimSpace(line)); line != "" && line[0] != '#' {
				all = append(all, line)
			}
		}
		slices.Sort(all)
		return all
	}
	if theirs, ours := lines(string(text)), lines(ours); len(ours) == 0 || !slices.Equal(theirs, ours) {
		t.Errorf("the key logs differ: the program wrote\n%s\nand the library\n%s", strings.Join(theirs, "\n"), strings.Join(ours, "\n"))
	}
}
