package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/starttls"
)

// fake FILE [close] listens on a port, sets $FAKE to its address, and sends each
// client what FILE holds. Then it reads on, or with close it closes. What clients
// send goes to the file fake.in.
func fake(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: fake FILE [close]")
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	b := backgroundOf(ts)
	b.Lock()
	defer b.Unlock()
	b.closers = append(b.closers, func() { l.Close() })
	ts.Setenv("FAKE", l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Write(text)
				if len(args) > 1 {
					// A whole close could come as a reset.
					c.(*net.TCPConn).CloseWrite()
				}
				c.SetDeadline(time.Now().Add(testTimeout))
				if in, err := os.Create(ts.MkAbs("fake.in")); err == nil {
					io.Copy(in, c)
					in.Close()
				}
			}()
		}
	}()
}

// dial ADDRESS FILE connects, sends what FILE holds, and waits for the end.
func dial(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: dial ADDRESS FILE")
	}
	text, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	c, err := net.DialTimeout("tcp", args[0], testTimeout)
	ts.Check(err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(testTimeout))
	_, err = c.Write(text)
	ts.Check(err)
	io.Copy(io.Discard, c)
}

// setPort sets $PORT to a port that no program uses just now.
func setPort(ts *testscript.TestScript, neg bool, args []string) {
	port, err := freeport.Find()
	ts.Check(err)
	ts.Setenv("PORT", strconv.Itoa(port))
}

// dialable ADDRESS waits until a program listens there.
func dialable(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", args[0])
		if err == nil {
			c.Close()
			return
		}
	}
	ts.Fatalf("nobody listens on %s", args[0])
}

// nudge ADDRESS FILE PATTERN connects again and again, insecurely, until a file
// matches.
func nudge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: nudge ADDRESS FILE PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[2])
	ts.Check(err)
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		c, err := tls.Dial("tcp", args[0], &tls.Config{InsecureSkipVerify: true})
		ts.Check(err)
		c.Close()
		if text, _ := os.ReadFile(ts.MkAbs(args[1])); pattern.Match(text) {
			return
		}
	}
	ts.Fatalf("%s did not come to match %q", args[1], args[2])
}

// waitsize FILE N waits until a file has N bytes.
func waitsize(ts *testscript.TestScript, neg bool, args []string) {
	var size int64
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if info, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			size = info.Size()
		}
		if strconv.FormatInt(size, 10) == args[1] {
			return
		}
	}
	ts.Fatalf("%s has %d bytes, want %s", args[0], size, args[1])
}

// unhex FILE HEX writes bytes.
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unhex FILE HEX")
	}
	data, err := hex.DecodeString(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

// repeat FILE N TEXT [FIRST] writes a file of N equal lines, after another one.
func repeat(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: repeat FILE N TEXT [FIRST]")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := strings.Repeat(args[2]+"\n", n)
	if len(args) > 3 {
		text = args[3] + "\n" + text
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

// fill FILE N SEED writes N bytes that look random and depend on SEED alone.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fill FILE N SEED")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := make([]byte, n)
	var seed [32]byte
	copy(seed[:], args[2])
	rand.NewChaCha8(seed).Read(data)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

// makeCertificates fills a folder with a root and leaves of it, good and bad.
func makeCertificates(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	ca := testcert.New()
	past := func(c *x509.Certificate) {
		c.NotBefore = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		c.NotAfter = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	future := func(c *x509.Certificate) {
		c.NotBefore = time.Date(2124, 1, 1, 0, 0, 0, 0, time.UTC)
		c.NotAfter = time.Date(2124, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	sloppy := func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }
	files := map[string][]byte{"root.pem": ca.PEM()}
	for _, leaf := range []struct {
		name   string
		change func(*x509.Certificate)
		names  []string
	}{
		{"server", nil, []string{"localhost", "127.0.0.1", "::1"}},
		{"client", nil, []string{"client.test"}},
		{"expired", past, []string{"localhost", "127.0.0.1"}},
		{"future", future, []string{"localhost", "127.0.0.1"}},
		{"sloppy", sloppy, []string{"localhost"}},
		{"other", nil, []string{"other.test", "192.0.2.1"}},
	} {
		l := ca.Issue(testcert.NewKey("p256"), leaf.change, leaf.names...)
		files[leaf.name+".pem"], files[leaf.name+".key"] = l.CertPEM(), l.KeyPEM()
	}
	old := ca.Issue(testcert.NewKey("rsa"), func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment }, "localhost", "127.0.0.1")
	files["old.pem"], files["old.key"] = old.CertPEM(), old.KeyPEM()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// upgrading PROTOCOL CERT KEY listens on a port, sets $UPGRADING to its address, plays the
// server of the protocol up to TLS, which is crypto/tls's, and then sends back what it gets.
func upgrading(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: upgrading PROTOCOL CERT KEY")
	}
	cert, err := tls.LoadX509KeyPair(ts.MkAbs(args[1]), ts.MkAbs(args[2]))
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	b := backgroundOf(ts)
	b.Lock()
	defer b.Unlock()
	b.closers = append(b.closers, func() { l.Close() })
	ts.Setenv("UPGRADING", l.Addr().String())
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer raw.Close()
				if starttls.Server(context.Background(), raw, args[0], "") != nil {
					return
				}
				c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert}})
				io.Copy(c, c)
				c.CloseWrite()
			}()
		}
	}()
}
