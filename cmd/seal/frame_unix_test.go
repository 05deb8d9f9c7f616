//go:build !windows

package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// TestReceiverTells: a sender that is still sending learns why the receiver has closed the
// connection.
func TestReceiverTells(t *testing.T) {
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
		Identities: []*identity.Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.(*sealsock.Conn).NetConn().Close() // unread data makes it a reset
		r := bufio.NewReader(c)
		var f frame
		if readFrameLine(r, &f) != nil || writeFrameLine(c, answer{OK: true}) != nil {
			return
		}
		io.ReadFull(r, make([]byte, 1<<16))
		writeFrameLine(c, answer{Error: "the disk is full"})
	}()
	name := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(name, make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := runSeal(t, t.TempDir(), file, "connect", "--insecure", "--framed", "big", l.Addr().String())
	if code := s.exit(t); code != exitFailure ||
		!strings.Contains(s.errors.text(), "seal: big was not received: the disk is full") {
		t.Errorf("exit code %d: %s", code, s.errors.text())
	}
}
