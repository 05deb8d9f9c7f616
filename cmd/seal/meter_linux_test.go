package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTransferOnTerminal sends a file to a peer that does not read for a while. The terminal
// must show the bytes, the rate and the time that is left, and in the end nothing of it.
func TestTransferOnTerminal(t *testing.T) {
	const size = 64 << 20
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	addr, root, accept := serveOne(t)
	s := newScreenWith(t, file, "connect", "--ca", root, addr)
	conn := accept()
	s.await(" MiB of 64.0 MiB (")
	s.await(" MiB/s, ")
	s.await(" left")
	if n, err := io.Copy(io.Discard, conn); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	conn.Close()
	s.exit(exitOK)
	// What the terminal was sent is read by another goroutine.
	for end := time.Now().Add(testTimeout); !strings.HasSuffix(s.text(), clearLine); {
		if time.Now().After(end) {
			t.Fatalf("the line stays: %q", s.text()[max(0, len(s.text())-200):])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestHelpOnTerminal: the help has no line that is wider than a terminal of 80 columns.
func TestHelpOnTerminal(t *testing.T) {
	s := newScreenOf(t, t.TempDir(), nil, "sh", "-c", "stty cols 80; exec seal receive --help")
	s.await("only warnings and errors\r\n")
	s.exit(exitOK)
	for line := range strings.SplitSeq(s.text(), "\r\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}
