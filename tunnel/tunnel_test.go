//go:build unix

package tunnel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/tunnel"
)

// unixPair returns both ends of a connection between two processes.
func unixPair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	addr := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"}
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr)); err != nil {
		t.Fatal(err)
	}
	if b, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// connections returns n open connections to clients.
func connections(t *testing.T, n int) (cfg *sealsock.Config, servers, clients []*sealsock.Conn) {
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
	cfg = &sealsock.Config{Identities: []*identity.Identity{id}}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d, err := sealsock.NewDialer(&sealsock.Config{
		Trust: &trust.Policy{Roots: roots}, ServerName: "localhost",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		accepted := make(chan *sealsock.Conn, 1)
		go func() {
			s, _ := l.AcceptConn(context.Background())
			accepted <- s
		}()
		c, err := d.Dial(t.Context(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s := <-accepted
		t.Cleanup(func() { c.Close(); s.Close() })
		clients, servers = append(clients, c), append(servers, s)
	}
	return cfg, servers, clients
}

// TestSendAndReceive moves several connections over one socket.
func TestSendAndReceive(t *testing.T) {
	cfg, servers, clients := connections(t, 5)
	from, to := unixPair(t)
	sent := make(chan error, 1)
	go func() {
		for i, s := range servers {
			if err := tunnel.Send(context.Background(), from, s, []byte{byte(i)}); err != nil {
				sent <- err
				return
			}
		}
		sent <- from.Close()
	}()
	for i, c := range clients {
		o, err := tunnel.Receive(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Extra) != 1 || o.Extra[0] != byte(i) {
			t.Errorf("extra of connection %d is %v", i, o.Extra)
		}
		conn, err := o.Conn(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, pair := range [][2]net.Conn{{c, conn}, {conn, c}} {
			var got [5]byte
			if _, err := pair[0].Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(pair[1], got[:]); err != nil || string(got[:]) != "hello" {
				t.Fatalf("%q, %v", got, err)
			}
		}
	}
	if _, err := tunnel.Receive(t.Context(), to); !errors.Is(err, io.EOF) {
		t.Errorf("after the last connection: %v", err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	for _, s := range servers {
		if _, err := s.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a connection can be used in its old process: %v", err)
		}
	}
}

// TestReceiveIsBounded: what another program sends is an error, and leaves no descriptor open.
func TestReceiveIsBounded(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd := int(file.Fd())
	for name, c := range map[string]struct {
		data string
		fds  []int
		want string
	}{
		"no descriptor":        {"\x01\x00\x00\x00\x02ab", nil, "0 descriptors"},
		"two descriptors":      {"\x01\x00\x00\x00\x02ab", []int{fd, fd}, "2 descriptors"},
		"many descriptors":     {"\x01\x00\x00\x00\x02ab", []int{fd, fd, fd, fd, fd, fd}, "descriptors"},
		"another protocol":     {"\x02\x00\x00\x00\x02ab", []int{fd}, "protocol 2"},
		"a state that is long": {"\x01\xff\xff\xff\xff", []int{fd}, "state of 4294967295 bytes"},
		"a part of a head":     {"\x01\x00", []int{fd}, "EOF"},
		"a part of a state":    {"\x01\x00\x00\x00\x09ab", []int{fd}, "incomplete"},
		"no socket":            {"\x01\x00\x00\x00\x02ab", []int{fd}, "no connection"},
		"nothing":              {"", nil, "EOF"},
	} {
		before := openFiles(t)
		from, to := unixPair(t)
		if c.data != "" {
			_, _, err := from.WriteMsgUnix([]byte(c.data), syscall.UnixRights(c.fds...), nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		from.CloseWrite()
		_, err := tunnel.Receive(t.Context(), to)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		from.Close()
		to.Close()
		if after := openFiles(t); after > before {
			t.Errorf("%s: %d descriptors were open, %d are", name, before, after)
		}
	}
}

// openFiles returns how many descriptors the process has, where the system shows it.
func openFiles(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Log("descriptors are not counted:", err)
	}
	return len(all)
}

// TestStateOfAnotherSocket: a state does not go with another descriptor than its own.
func TestStateOfAnotherSocket(t *testing.T) {
	_, servers, _ := connections(t, 2)
	from, to := unixPair(t)
	received := make(chan error, 1)
	go func() {
		_, err := tunnel.Receive(context.Background(), to)
		received <- err
	}()
	token := make([]byte, 1+sealsock.HandoverTokenLen)
	if _, err := io.ReadFull(from, token); err != nil {
		t.Fatal(err)
	}
	state, err := servers[0].HandOver(t.Context(), token[1:], nil)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := servers[1].NetConn().(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	rc.Control(func(fd uintptr) {
		n := len(state)
		head := []byte{1, 0, byte(n >> 16), byte(n >> 8), byte(n)}
		_, _, err = from.WriteMsgUnix(append(head, state...), syscall.UnixRights(int(fd)), nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-received; err == nil || !strings.Contains(err.Error(), "another socket") {
		t.Errorf("%v", err)
	}
}

// TestSendFailsEarly: the connection is as before if the other process asks for none, asks in
// another protocol, or ctx ends.
func TestSendFailsEarly(t *testing.T) {
	_, servers, clients := connections(t, 1)
	for name, token := range map[string]string{
		"no token": "", "a part of a token": "\x01abc",
		"another protocol": "\x02" + strings.Repeat("x", sealsock.HandoverTokenLen),
		"a token of zeros": "\x01" + strings.Repeat("\x00", sealsock.HandoverTokenLen),
	} {
		from, to := unixPair(t)
		if _, err := to.Write([]byte(token)); err != nil {
			t.Fatal(err)
		}
		to.CloseWrite()
		if err := tunnel.Send(t.Context(), from, servers[0], nil); err == nil {
			t.Error(name, "is accepted")
		}
	}
	from, to := unixPair(t)
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if err := tunnel.Send(ended, from, servers[0], nil); !errors.Is(err, why) {
		t.Errorf("Send after the end of its context: %v", err)
	}
	if _, err := tunnel.Receive(ended, to); !errors.Is(err, why) {
		t.Errorf("Receive after the end of its context: %v", err)
	}
	if err := tunnel.Send(t.Context(), nil, servers[0], nil); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if _, err := tunnel.Receive(t.Context(), nil); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if _, err := servers[0].Write([]byte("x")); err != nil {
		t.Fatal("the connection cannot be used:", err)
	}
	if _, err := clients[0].Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
