package starttls_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sealsock/sealsock/starttls"
)

// TestWithGreeting reads a greeting of each protocol and what follows, byte by byte.
func TestWithGreeting(t *testing.T) {
	begins := map[string]string{"ftp": "220 ", "imap": "* OK ", "lmtp": "220 ", "nntp": "200 ",
		"pop3": "+OK ", "smtp": "220 "}
	for _, name := range append(starttls.Protocols(), "telnet") {
		a, b := net.Pipe()
		defer a.Close()
		conn, err := starttls.WithGreeting(a, name)
		prefix, known := begins[name]
		if (err == nil) != known {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		go func() {
			b.Write([]byte("rest"))
			b.Close()
		}()
		got, err := io.ReadAll(iotest.OneByteReader(conn))
		if err != nil || !strings.HasPrefix(string(got), prefix) ||
			!strings.HasSuffix(string(got), "\r\nrest") || slices.Contains(got, 0) {
			t.Errorf("%s: read %q, %v", name, got, err)
		}
	}
}
