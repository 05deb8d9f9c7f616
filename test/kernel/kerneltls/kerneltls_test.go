//go:build linux

package kerneltls

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// rekeys reports whether the running kernel changes keys of TLS 1.3: Linux 6.14 does.
func rekeys(t testing.TB) bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	release := unix.ByteSliceToString(name.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		t.Fatalf("%s: %v", release, err)
	}
	return major > 6 || major == 6 && minor >= 14
}

// checkKernel fails unless the kernel seals what c sends exactly where it should.
func checkKernel(t testing.TB, c *sealsock.Conn) bool {
	t.Helper()
	on, why := c.KernelTLS()
	if on != (why == nil) {
		t.Errorf("KernelTLS returns %v and %v", on, why)
	}
	if !sockettest.InVM() {
		return on // as the kernel here has it
	}
	if want := c.State().Version == iana.TLS12 || rekeys(t); on != want {
		t.Errorf("the kernel seals: %v, want %v (%v)", on, want, why)
	}
	if !on && !strings.Contains(why.Error(), "6.14") {
		t.Errorf("the reason is %v", why)
	}
	return on
}

// random returns bytes that are the same in each run.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func fileOf(t testing.TB, content []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// credentials are the identity of "localhost", and what trusts it.
type credentials struct {
	ca     *testcert.CA
	leaf   *testcert.Leaf
	id     *identity.Identity
	policy *trust.Policy
}

func newCredentials(t testing.TB) *credentials {
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
	return &credentials{ca, leaf, id, &trust.Policy{Roots: roots}}
}

// configs returns the configurations of a server and of a client.
func configs(t testing.TB) (client, server *sealsock.Config) {
	t.Helper()
	c := newCredentials(t)
	return &sealsock.Config{Trust: c.policy, ServerName: "localhost"},
		&sealsock.Config{Identities: []*identity.Identity{c.id}}
}

// tcpPair returns both ends of a TCP connection.
func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

// pair returns both ends of a connection whose handshake is done.
func pair(t testing.TB, client, server *sealsock.Config) (c, s *sealsock.Conn) {
	t.Helper()
	a, b := tcpPair(t)
	return over(t, a, b, client, server)
}

// over is pair for the connections a and b.
func over(t testing.TB, a, b net.Conn, client, server *sealsock.Config) (c, s *sealsock.Conn) {
	t.Helper()
	c, err := sealsock.Client(a, client)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = sealsock.Server(b, server); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	_, _ = c.SetDeadline(soon()), s.SetDeadline(soon())
	return c, s
}

func soon() time.Time { return time.Now().Add(80 * time.Second) }

// A transport is a version and a suite.
type transport struct {
	version iana.Version
	suite   iana.CipherSuite
}

func (v transport) set(cfg *sealsock.Config) {
	cfg.MinVersion, cfg.MaxVersion = v.version, v.version
	cfg.CipherSuites = []iana.CipherSuite{v.suite}
}

var transports = []transport{
	{iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	{iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
	{iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
	{iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM},
	{iana.TLS13, iana.TLS_AES_128_GCM_SHA256},
	{iana.TLS13, iana.TLS_AES_256_GCM_SHA384},
	{iana.TLS13, iana.TLS_CHACHA20_POLY1305_SHA256},
	{iana.TLS13, iana.TLS_AES_128_CCM_SHA256},
}

// TestMixed sends files between other data, with other keys between them, from both sides at
// once.
func TestMixed(t *testing.T) {
	for _, v := range transports {
		t.Run(fmt.Sprintf("%v %v", v.version, v.suite), func(t *testing.T) {
			client, server := configs(t)
			for _, cfg := range []*sealsock.Config{client, server} {
				v.set(cfg)
				cfg.KernelTLS = true
			}
			c, s := pair(t, client, server)
			results := make(chan error, 4)
			for _, end := range []*sealsock.Conn{c, s} {
				content := random(1<<18 + 12345)
				f := fileOf(t, content)
				go func() { results <- sendMixed(end, f, content) }()
				go func() { results <- receiveMixed(end, content) }()
			}
			for range cap(results) {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			checkKernel(t, c)
			checkKernel(t, s)
			if err := errors.Join(c.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// sendMixed sends content four times and ends.
func sendMixed(c *sealsock.Conn, f *os.File, content []byte) error {
	ctx, size := context.Background(), int64(len(content))
	rekey := func(both bool) error {
		if c.State().Version == iana.TLS12 {
			return nil
		}
		return c.Rekey(ctx, both)
	}
	steps := []func() (int64, error){
		func() (int64, error) { n, err := c.Write(content[:777]); return int64(n), err },
		func() (int64, error) { return c.SendFile(f, 777, size-777) },
		func() (int64, error) { n, err := c.Write(content[:150_001]); return int64(n), err },
		func() (int64, error) { return 0, rekey(true) },
		func() (int64, error) { n, err := c.Write(content[150_001:150_002]); return int64(n), err },
		func() (int64, error) { return c.SendFile(f, 150_002, -1) },
		func() (int64, error) { return 0, rekey(false) },
		func() (int64, error) { return c.ReadFrom(f) },
		func() (int64, error) { return c.SendFile(f, 0, 0) },
		func() (int64, error) { return c.SendFile(f, 0, 70_000) },
		func() (int64, error) { return c.SendFile(f, 70_000, size) }, // more than there is
		func() (int64, error) { return c.SendFile(f, size+5, 10) },
		func() (int64, error) { return 0, c.CloseWrite() },
	}
	sent := int64(0)
	for i, step := range steps {
		n, err := step()
		if sent += n; err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	if sent != 4*size {
		return fmt.Errorf("%d bytes were sent, of %d", sent, 4*size)
	}
	return nil
}

func receiveMixed(c *sealsock.Conn, content []byte) error {
	got, err := io.ReadAll(c)
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if !bytes.Equal(got, bytes.Repeat(content, 4)) {
		return fmt.Errorf("%d other bytes came than %d that were sent", len(got), 4*len(content))
	}
	return nil
}

// TestLarge sends 50 MB of each version. Emulated processors are slow with AES.
func TestLarge(t *testing.T) {
	content := random(50 << 20)
	f := fileOf(t, content)
	sum := sha256.Sum256(content)
	for _, v := range []transport{transports[2], transports[6]} {
		t.Run(v.version.String(), func(t *testing.T) {
			client, server := configs(t)
			v.set(client)
			server.KernelTLS = true
			c, s := pair(t, client, server)
			sent := make(chan error, 1)
			go func() {
				n, err := s.SendFile(f, 0, -1)
				if n != int64(len(content)) && err == nil {
					err = io.ErrShortWrite
				}
				checkKernel(t, s)
				sent <- errors.Join(err, s.Close())
			}()
			h := sha256.New()
			n, err := io.Copy(h, c)
			if err := errors.Join(err, <-sent); err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			if [32]byte(h.Sum(nil)) != sum {
				t.Errorf("other bytes came: %d of %d", n, len(content))
			}
		})
	}
}

// TestManyKeys: the limit of records for a key remains that of the Config.
func TestManyKeys(t *testing.T) {
	client, server := configs(t)
	updates := 0
	client.Trace = func(tr engine.Trace) {
		if !tr.Sent && tr.Type == iana.ContentHandshake && len(tr.Data) > 0 &&
			iana.HandshakeType(tr.Data[0]) == iana.HandshakeKeyUpdate {
			updates++
		}
	}
	server.MaxRecordsPerKey, server.KernelTLS = 20, true
	transports[6].set(client)
	c, s := pair(t, client, server)
	content := random(4 << 20) // 256 records
	f := fileOf(t, content)
	done := make(chan error, 1)
	go func() {
		_, err := s.SendFile(f, 0, -1)
		checkKernel(t, s)
		done <- errors.Join(err, s.Close())
	}()
	got, err := io.ReadAll(c)
	if err := errors.Join(err, <-done); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%d bytes of %d came: %v", len(got), len(content), err)
	}
	if updates < 12 {
		t.Errorf("the key was changed %d times", updates)
	}
}

// TestNotForTheKernel: what the kernel cannot do is done by this process, or refused.
func TestNotForTheKernel(t *testing.T) {
	content := random(100_000)
	f := fileOf(t, content)
	for _, test := range []struct {
		name   string
		change func(client, server *sealsock.Config)
		reason string
	}{
		{"small records", func(client, _ *sealsock.Config) { client.RecordSizeLimit = 1024 }, "at most"},
		{"first records small", func(_, server *sealsock.Config) {
			server.DynamicRecords = true
		}, "small"},
		{"another suite", func(client, _ *sealsock.Config) {
			transport{iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM}.set(client)
		}, "does not have"},
		{"not asked for", func(_, server *sealsock.Config) { server.KernelTLS = false }, "not set"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := configs(t)
			server.KernelTLS = true
			server.CipherSuites = []iana.CipherSuite{
				iana.TLS_AES_128_GCM_SHA256, iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
			}
			test.change(client, server)
			c, s := pair(t, client, server)
			done := make(chan error, 1)
			go func() {
				_, err := s.SendFile(f, 0, -1)
				done <- errors.Join(err, s.CloseWrite())
			}()
			got, err := io.ReadAll(c)
			if err := errors.Join(err, <-done); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			on, why := s.KernelTLS()
			if on || why == nil || !strings.Contains(why.Error(), test.reason) {
				t.Errorf("KernelTLS: %v, %v", on, why)
			}
		})
	}
}

// TestKeyIsKept: methods that would need the key, or a socket that does not encrypt, are refused
// once the kernel has the key, and the connection remains open.
func TestKeyIsKept(t *testing.T) {
	for _, v := range []transport{transports[0], transports[4]} {
		t.Run(v.version.String(), func(t *testing.T) {
			client, server := configs(t)
			v.set(client)
			server.KernelTLS = true
			c, s := pair(t, client, server)
			content := random(50_000)
			f := fileOf(t, content)
			if _, err := s.SendFile(f, 0, -1); err != nil {
				t.Fatal(err)
			}
			if checkKernel(t, s) {
				_, unwrap := s.Unwrap(t.Context())
				_, _, _, _, detach := s.Detach()
				_, hand := s.HandOver(t.Context(), random(sealsock.HandoverTokenLen), nil)
				for name, err := range map[string]error{
					"Unwrap": unwrap, "Detach": detach, "HandOver": hand,
				} {
					var e *engine.Error
					if !errors.As(err, &e) || e.Fault != engine.FaultUsage {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			if _, err := s.Write(content); err != nil {
				t.Error(err)
			}
			go func() { _ = s.Abort(iana.AlertInternalError) }()
			got, err := io.ReadAll(c)
			if !bytes.Equal(got, append(content, content...)) {
				t.Errorf("%d other bytes came", len(got))
			}
			var e *engine.Error
			if !errors.As(err, &e) || e.Alert != iana.AlertInternalError {
				t.Errorf("the end is %v, not the alert", err)
			}
		})
	}
}

// TestTickets: tickets that go out with the first data go in front of a file.
func TestTickets(t *testing.T) {
	client, server := configs(t)
	cache := sealsock.NewMemoryCache(2)
	client.Sessions, server.KernelTLS, server.TicketsWithData = cache, true, true
	content := random(30_000)
	f := fileOf(t, content)
	for _, resumed := range []bool{false, true} {
		c, s := pair(t, client, server)
		if c.State().Resumed != resumed {
			t.Errorf("resumed: %v, want %v", !resumed, resumed)
		}
		if _, err := s.SendFile(f, 0, -1); err != nil {
			t.Fatal(err)
		}
		checkKernel(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}
