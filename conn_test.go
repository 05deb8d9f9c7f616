package sealsock_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// newConfigs returns a client's and a server's Config that accept each other.
func newConfigs(t testing.TB) (client, server *sealsock.Config) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost", "127.0.0.1", "::1")
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

// newPair seals two ends of a connection and runs the handshake.
func newPair(t testing.TB, a, b net.Conn) (client, server *sealsock.Conn) {
	t.Helper()
	cc, sc := newConfigs(t)
	return sealPair(t, a, b, cc, sc)
}

func sealPair(t testing.TB, a, b net.Conn, cc, sc *sealsock.Config) (client, server *sealsock.Conn) {
	t.Helper()
	client, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	server, err = sealsock.Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(context.Background()) }()
	if err := client.HandshakeContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return client, server
}

// socketPair returns two ends of a socket of a network. They stay open until the test ends: the
// garbage collector closes a socket that nothing refers to, also while its peer uses it.
func socketPair(t testing.TB, network string) (a, b net.Conn) {
	t.Helper()
	if network == "pipe" {
		return net.Pipe()
	}
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return a, b
}

func TestConn(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "pipe"} {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				a, b := socketPair(t, network)
				client, server := newPair(t, a, b)
				return client, server, func() { client.Close(); server.Close() }, nil
			})
		})
	}
}

func TestFullDuplexBulk(t *testing.T) {
	const size = 8 << 20
	for _, network := range []string{"tcp", "unix", "pipe"} {
		t.Run(network, func(t *testing.T) {
			a, b := socketPair(t, network)
			client, server := newPair(t, a, b)
			defer client.Close()
			defer server.Close()
			var wg sync.WaitGroup
			sums := make([][2][32]byte, 2)
			for i, end := range []*sealsock.Conn{client, server} {
				wg.Go(func() {
					data := make([]byte, size)
					rand.Read(data)
					sums[i][0] = sha256.Sum256(data)
					if _, err := end.Write(data); err != nil {
						t.Error(err)
					}
					if err := end.CloseWrite(); err != nil {
						t.Error(err)
					}
				})
				wg.Go(func() {
					h := sha256.New()
					if _, err := io.Copy(h, end); err != nil {
						t.Error(err)
					}
					h.Sum(sums[1-i][1][:0])
				})
			}
			wg.Wait()
			for i := range sums {
				if sums[i][0] != sums[i][1] {
					t.Errorf("direction %d: what arrived is not what was sent", i)
				}
			}
		})
	}
}

func TestListenDial(t *testing.T) {
	cc, sc := newConfigs(t)
	sc.ClientAuth = sealsock.RequireClientCert
	for _, addr := range []string{"127.0.0.1:0", "unix://" + filepath.Join(t.TempDir(), "s")} {
		l, err := sealsock.Listen(t.Context(), addr, sc)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(c, c)
			c.Close()
		}()
		to := addr
		if strings.HasPrefix(addr, "127") {
			to = l.Addr().String()
		}
		c, err := sealsock.Dial(t.Context(), to, cc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
			t.Errorf("echo is %q, %v", got, err)
		}
		state := c.ConnectionState()
		if !state.HandshakeComplete || len(state.VerifiedChains) != 1 {
			t.Errorf("state is %+v", state)
		}
		c.Close()
		l.Close()
	}
}

func TestTruncationIsNoEnd(t *testing.T) {
	a, b := socketPair(t, "tcp")
	client, server := newPair(t, a, b)
	if _, err := server.Write([]byte("half a mess")); err != nil {
		t.Fatal(err)
	}
	b.Close()
	got, err := io.ReadAll(client)
	var e *engine.Error
	if string(got) != "half a mess" || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &e) || e.Fault != engine.FaultTransport {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestHandshakeCanBeTakenUpAgain(t *testing.T) {
	a, b := socketPair(t, "tcp")
	cc, sc := newConfigs(t)
	client, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := client.HandshakeContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("handshake without a server: %v", err)
	}
	server, err := sealsock.Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	go server.HandshakeContext(context.Background())
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestHTTP(t *testing.T) {
	cc, sc := newConfigs(t)
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", sc)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !r.TLS.HandshakeComplete {
			t.Error("the handler does not see TLS")
		}
		io.Copy(w, r.Body)
	})}
	go srv.Serve(l)
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return sealsock.Dial(ctx, addr, cc) },
	}}
	body := bytes.Repeat([]byte("sealed "), 100_000)
	resp, err := client.Post("https://"+l.Addr().String(), "text/plain", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(body), err)
	}
}

// TestHandshakeWithoutBuffers: on a connection that holds nothing, such as a
// net.Pipe, a side must not write before the other is done with its flight.
func TestHandshakeWithoutBuffers(t *testing.T) {
	for _, groups := range [][]iana.NamedGroup{nil, {iana.X25519}, {iana.SecP256r1}, {iana.SecP521r1}} {
		cc, sc := newConfigs(t)
		cc.Groups, sc.Groups = groups, groups
		sc.ClientAuth = sealsock.RequireClientCert
		a, b := net.Pipe()
		a.SetDeadline(time.Now().Add(20 * time.Second))
		client, server := sealPair(t, a, b, cc, sc)
		go server.Write([]byte("x"))
		if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
			t.Errorf("%v: %v", groups, err)
		}
		a.Close()
		b.Close()
	}
}

// slowly is a Verifier that waits, the first time it is asked, for the end of its
// context.
type slowly struct {
	sealsock.Verifier
	asked atomic.Int32
}

func (s *slowly) Verify(ctx context.Context, p *trust.Peer) (*trust.Result, error) {
	if s.asked.Add(1) == 1 {
		<-ctx.Done()
		return nil, fmt.Errorf("waiting for a list: %w", context.Cause(ctx))
	}
	return s.Verifier.Verify(ctx, p)
}

// TestHandshakeIsTakenUpInTheVerifier: a handshake whose context ends while the
// Verifier works can be taken up again, and asks the Verifier again.
func TestHandshakeIsTakenUpInTheVerifier(t *testing.T) {
	a, b := socketPair(t, "tcp")
	cc, sc := newConfigs(t)
	verifier := &slowly{Verifier: cc.Trust}
	cc.Trust = verifier
	client, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	server, err := sealsock.Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(context.Background()) }()
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the user is impatient")
	go func() {
		for verifier.asked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel(reason)
	}()
	if err := client.HandshakeContext(ctx); !errors.Is(err, reason) {
		t.Fatalf("the first handshake: %v", err)
	}
	if err := errors.Join(client.HandshakeContext(t.Context()), <-done); err != nil {
		t.Errorf("the second: %v", err)
	}
}
