//go:build unix

package tunnel_test

import (
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/trust"
)

// TestUpgradeHalfClosed moves connections of which one direction has ended: the other one
// continues in the new process, until its own end.
func TestUpgradeHalfClosed(t *testing.T) {
	b := newBench(t)
	roots := new(trust.Roots)
	if _, err := roots.AddFile(filepath.Join(b.dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{Trust: &trust.Policy{Roots: roots}, ServerName: "localhost"}
	for _, clientFirst := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s, stop := b.run(serverTunnel(l.Addr().String(), ""))
		client, err := sealsock.Dial(t.Context(), s.Addrs("t")[0].String(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		backend, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		limit := time.Now().Add(20 * time.Second)
		client.SetDeadline(limit)
		backend.SetDeadline(limit)
		from, to := net.Conn(client), backend
		if !clientFirst {
			from, to = backend, client
		}
		end := func(from, to net.Conn, text string) {
			io.WriteString(from, text)
			if err := from.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(to); err != nil || string(got) != text {
				t.Errorf("client first %v: %q, %v; log:\n%s", clientFirst, got, err, b.log)
			}
		}
		end(from, to, "the first end")
		_, stop = b.upgrade(s, stop, serverTunnel(l.Addr().String(), ""))
		end(to, from, "the second end")
		client.Close()
		backend.Close()
		stop()
		l.Close()
	}
}
