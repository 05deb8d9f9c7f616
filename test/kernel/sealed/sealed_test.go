//go:build linux

package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	_ "github.com/sealsock/sealsock/all"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/bluetooth"
	"github.com/sealsock/sealsock/trust"
)

// configs returns the configurations of a server "localhost" and of a client
// that trusts it and has a certificate.
func configs(t *testing.T) (client, server *sealsock.Config) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	policy := &trust.Policy{Roots: roots}
	return &sealsock.Config{Trust: policy, ServerName: "localhost", Identities: []*identity.Identity{id}},
		&sealsock.Config{Trust: policy, Identities: []*identity.Identity{id}}
}

// ways lists where a server listens and where its client connects to. A dial of
// "" is the address that the listener has.
func ways(t *testing.T) []struct{ name, listen, dial string } {
	dir := t.TempDir()
	all := []struct{ name, listen, dial string }{
		{"tcp", "127.0.0.1:0", ""},
		{"tcp6", "tcp6://[::1]:0", ""},
		{"unix", "unix://" + filepath.Join(dir, "stream"), ""},
		{"unix-abstract", fmt.Sprintf("unix://@sealed-%d", os.Getpid()), ""},
		{"seqpacket", "seqpacket://" + filepath.Join(dir, "packets"), ""},
		{"vsock", "vsock://any:4433", "vsock://local:4433"},
		{"tipc", "tipc://18900:0-9", "tipc://18900:7"},
		{"sctp", "sctp://127.0.0.1:4433", "sctp://127.0.0.1:4433"},
		{"sctp6", "sctp://[::1]:4434", "sctp://[::1]:4434"},
		{"mptcp", "mptcp://127.0.0.1:4435", "mptcp://127.0.0.1:4435"},
		{"smc", "smc://127.0.0.1:4436", "smc://127.0.0.1:4436"},
		{"isotp", "isotp://vcan0/7e0:7e8", "isotp://vcan0/7e8:7e0"},
	}
	if devices, err := bluetooth.Controllers(); err == nil && len(devices) > 1 {
		for _, d := range devices[:2] {
			if err := errors.Join(d.Start(), d.SetVisible(true, true)); err != nil {
				t.Fatal(err)
			}
		}
		devices, err = bluetooth.Controllers()
		if err != nil {
			t.Fatal(err)
		}
		d := devices[1].Device.String()
		all = append(all, []struct{ name, listen, dial string }{
			{"rfcomm", "rfcomm://" + d + "/5", "rfcomm://" + d + "/5"},
			{"l2cap", "l2cap://" + d + "/4103", "l2cap://" + d + "/4103"},
		}...)
	} else if sockettest.InVM() {
		t.Errorf("no two Bluetooth controllers: %v", err)
	}
	return all
}

// rows are the families' in the table of docs/sockets.md.
var rows = map[string]string{
	"tcp": "TCP", "tcp6": "TCP", "unix": "UNIX stream", "unix-abstract": "UNIX stream", "seqpacket": "UNIX seqpacket", "vsock": "vsock",
	"tipc": "TIPC", "sctp": "SCTP", "sctp6": "SCTP", "mptcp": "MPTCP", "smc": "SMC", "isotp": "ISO-TP", "rfcomm": "RFCOMM", "l2cap": "L2CAP",
}

func TestSealed(t *testing.T) {
	client, server := configs(t)
	for _, w := range ways(t) {
		t.Run(w.name, func(t *testing.T) {
			sockettest.Shows(t, rows[w.name], sockettest.Sealed)
			if !sockettest.InVM() && (w.name == "vsock" || w.name == "isotp") {
				needRoundTrip(t, w.listen, w.dial)
			}
			ctx := sockettest.Context(t)
			l, err := sealsock.Listen(ctx, w.listen, server)
			sockettest.Need(t, err)
			defer l.Close()
			accepted := make(chan error, 1)
			data := bytes.Repeat([]byte("sealed over "+w.name+" "), 3000)
			go func() { accepted <- serve(ctx, l, len(data)) }()
			to := w.dial
			if to == "" {
				to = schemeOf(w.listen) + l.Addr().String()
			}
			c, err := sealsock.Dial(ctx, to, client)
			if err != nil {
				t.Fatalf("dial %s: %v", to, err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			// Half of it at a time, because a message family may have room for
			// no more than what its reader takes.
			got := make([]byte, len(data))
			for part := 0; part < len(data); part += len(data) / 4 {
				end := min(part+len(data)/4, len(data))
				if _, err := c.Write(data[part:end]); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, got[part:end]); err != nil {
					t.Fatalf("read: %v", err)
				}
			}
			if !bytes.Equal(got, data) {
				t.Error("other bytes came back")
			}
			if n, err := c.Read(got); err != io.EOF {
				t.Errorf("at the end: %d bytes, %v", n, err)
			}
			if err := <-accepted; err != nil {
				t.Errorf("server: %v", err)
			}
			if c.Peer() == nil {
				t.Error("the server was not proved")
			}
		})
	}
}

func schemeOf(text string) string {
	switch scheme := address.MustParse(text).Scheme(); scheme {
	case "tcp":
		return ""
	default:
		return scheme + "://"
	}
}

// serve echoes a number of bytes on one connection and closes it.
func serve(ctx context.Context, l *sealsock.Listener, count int) error {
	c, err := l.AcceptConn(ctx)
	if err != nil {
		return err
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	buf := make([]byte, 4096)
	for done := 0; done < count; {
		n, err := c.Read(buf)
		if err != nil {
			return fmt.Errorf("after %d bytes of %d: %w", done, count, err)
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return err
		}
		done += n
	}
	return c.Close()
}

// needRoundTrip skips if the kernel has the family but offers no peer for it.
func needRoundTrip(t *testing.T, listen, dial string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	l, err := address.MustParse(listen).Listen(ctx)
	if err == nil {
		defer l.Close()
		c, derr := address.MustParse(dial).Dial(ctx)
		if err = derr; err == nil {
			_ = c.Close()
			return
		}
	}
	t.Skipf("nothing to reach here: %v", err)
}

// TestSealedPair runs TLS over a pair of sockets, and checks that the plain
// connection does not contain the text.
func TestSealedPair(t *testing.T) {
	client, server := configs(t)
	a, b, err := socket.SocketPair(unixFamily, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := &tap{Conn: a}
	c, err := sealsock.Client(seen, client)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealsock.Server(b, server)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("nobody in between reads this")
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(text)
		sent <- errors.Join(err, c.Close())
	}()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if bytes.Contains(seen.written.Bytes(), text) {
		t.Error("the text went over the socket")
	}
	_ = s.Close()
}
