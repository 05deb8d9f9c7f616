package interop

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sealsock/sealsock"
	_ "github.com/sealsock/sealsock/all"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/trust/fetch"
)

// registry is an authority with a good and a revoked certificate, each for
// servers and clients, and a responder for them.
type registry struct {
	*authority.Authority
	folder    string
	base      string // of the HTTP server with the responder (/ocsp) and the list (/crl)
	good, bad *identity.Identity
	list      string // file
}

// newRegistry makes an authority whose certificates contain the addresses of
// its handler.
func newRegistry(t *testing.T, handler func(*registry) http.Handler) *registry {
	t.Helper()
	r := &registry{folder: t.TempDir()}
	var err error
	if r.Authority, err = authority.Create(r.folder, authority.Options{}); err != nil {
		t.Fatal(err)
	}
	var inner http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { inner.ServeHTTP(w, req) }))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	r.base = s.URL
	if err := r.SetURL(r.base); err != nil {
		t.Fatal(err)
	}
	issue := func(name string) (*identity.Identity, *authority.Record) {
		id, record, err := r.Issue(authority.Request{Names: []string{"localhost", "127.0.0.1"}, Client: true, Server: true})
		if err == nil {
			err = authority.SaveFiles(id, r.path(name+".pem"), r.path(name+".key"))
		}
		if err != nil {
			t.Fatal(err)
		}
		return id, record
	}
	r.good, _ = issue("good")
	var record *authority.Record
	if r.bad, record = issue("bad"); record == nil {
		t.Fatal("no record")
	}
	if _, err := r.Revoke(record.Serial, authority.ReasonKeyCompromise); err != nil {
		t.Fatal(err)
	}
	r.list = r.path("list.pem")
	inner = handler(r)
	return r
}

func (r *registry) path(name string) string { return filepath.Join(r.folder, name) }

// ours uses the responder of the authority itself.
func ours(t *testing.T) *registry {
	return newRegistry(t, func(r *registry) http.Handler {
		lists, err := r.CRL()
		if err == nil {
			err = os.WriteFile(r.list, lists, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r.Handler(nil)
	})
}

// openSSLs uses the responder of OpenSSL, with an index file.
func openSSLs(t *testing.T) *registry {
	return newRegistry(t, func(r *registry) http.Handler {
		line := func(state, revoked string, id *identity.Identity) string {
			serial := strings.ToUpper(id.Leaf.SerialNumber.Text(16))
			return strings.Join([]string{state, "301231235959Z", revoked, strings.Repeat("0", len(serial)%2) + serial, "unknown", "/CN=localhost"}, "\t") + "\n"
		}
		for name, text := range map[string]string{
			"index.txt": line("V", "", r.good) + line("R", "260102030405Z,keyCompromise", r.bad), "number": "0A\n",
			"ca.cnf": "[ca]\ndefault_ca=d\n[d]\ndatabase=" + r.path("index.txt") + "\ncrlnumber=" + r.path("number") +
				"\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=e\n[e]\n",
		} {
			if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		inter, key := r.path("intermediate.pem"), r.path("intermediate.key")
		tool(t, "openssl", "ca", "-config", r.path("ca.cnf"), "-gencrl", "-cert", inter, "-keyfile", key, "-out", r.list)
		port := freeport.Pick(t)
		p := start(t, command{args: []string{"openssl", "ocsp", "-index", r.path("index.txt"), "-port", fmt.Sprint(port), "-rsigner", inter, "-rkey", key,
			"-CA", inter, "-nmin", "30"}, chatty: true})
		for line := ""; !strings.Contains(line, "ACCEPT") && !strings.Contains(line, "waiting"); {
			var err error
			if line, err = p.stdout.ReadString('\n'); err != nil {
				t.Fatalf("OpenSSL's responder did not start: %v", err)
			}
		}
		go func() { _, _ = io.Copy(io.Discard, p.stdout) }() // otherwise it blocks on its own output
		mux := http.NewServeMux()
		mux.Handle("/ocsp", httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}))
		mux.HandleFunc("/crl", func(w http.ResponseWriter, req *http.Request) { http.ServeFile(w, req, r.list) })
		return mux
	})
}

// staple requests a response for an identity.
func (r *registry) staple(t *testing.T, id *identity.Identity) []byte {
	t.Helper()
	request, err := ocsp.CreateRequest(id.Leaf, r.Intermediate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(r.base+"/ocsp", "application/ocsp-request", strings.NewReader(string(request)))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	staple, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return staple
}

// only permits requests to one address and makes all others fail.
type only string

func (place only) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != string(place) {
		return nil, errors.New("nobody answers here")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestRevokedInBothRoles checks, for each source of status, from OpenSSL and
// from our own authority, that a server and a client accept the good
// certificate of their peer and reject the revoked one.
func TestRevokedInBothRoles(t *testing.T) {
	need(t, openssl30)
	for name, make := range map[string]func(*testing.T) *registry{"ours": ours, "OpenSSL": openSSLs} {
		t.Run(name, func(t *testing.T) {
			r := make(t)
			roots, lists := new(trust.Roots), new(trust.Lists)
			if err := roots.AddDER(r.Root().Raw); err != nil {
				t.Fatal(err)
			}
			if _, err := lists.AddFile(r.list); err != nil {
				t.Fatal(err)
			}
			for source, how := range map[string]*trust.Revocation{
				"CRL " + r.list:            {Lists: lists},
				"CRL " + r.base + "/crl":   {Mode: trust.RevocationRequire, Fetcher: fetch.HTTP{Transport: only("/crl")}},
				"OCSP " + r.base + "/ocsp": {Mode: trust.RevocationRequire, Fetcher: fetch.HTTP{Transport: only("/ocsp")}},
				"staple":                   {Mode: trust.RevocationRequire, NoFetch: true},
			} {
				policy := &trust.Policy{Roots: roots, Revocation: how}
				for _, server := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s, server %v", source, server), func(t *testing.T) {
						for _, id := range []*identity.Identity{r.good, r.bad} {
							shown := *id
							if source == "staple" {
								shown.OCSPStaple = r.staple(t, id)
							}
							result, err := judge(t, &shown, server, policy)
							var e *trust.Error
							switch {
							case id == r.good && (err != nil || len(result.Revocation) != 1 || result.Revocation[0].Source != source):
								t.Errorf("good: %+v, %v", result, err)
							case id == r.bad && (!errors.As(err, &e) || e.Code != trust.CodeRevoked || !strings.Contains(err.Error(), "key compromise), according to the "+source)):
								t.Errorf("revoked: %v", err)
							}
						}
					})
				}
			}
		})
	}
}

// judge makes a connection in which a peer presents an identity, as a server or
// as a client, and returns the error of the other side.
func judge(t *testing.T, shown *identity.Identity, server bool, policy *trust.Policy) (*trust.Result, error) {
	t.Helper()
	peerCfg := &sealsock.Config{Identities: []*identity.Identity{shown}, Trust: &trust.Policy{Insecure: true}, ServerName: "localhost"}
	judgeCfg := &sealsock.Config{Trust: policy, ServerName: "localhost", HandshakeTimeout: patience}
	make, makePeer := sealsock.Client, sealsock.Server
	if !server {
		make, makePeer = sealsock.Server, sealsock.Client
		judgeCfg.Identities, judgeCfg.ClientAuth = []*identity.Identity{shown}, sealsock.RequireClientCert
	}
	a, b := loopback(t)
	peer, err := makePeer(a, peerCfg)
	if err != nil {
		t.Fatal(err)
	}
	us, err := make(b, judgeCfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, peer) }() // it receives the alert
	err = us.HandshakeContext(context.Background())
	return us.Peer(), err
}

// loopback returns both ends of a connection.
func loopback(t *testing.T) (a, b net.Conn) {
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
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// TestCommandRefusesRevoked checks the revocation flags of seal connect with
// OpenSSL's server, and of seal listen with its client.
func TestCommandRefusesRevoked(t *testing.T) {
	need(t, openssl30)
	need(t, seal)
	r := ours(t)
	write := func(name string, blocks ...[]byte) {
		var text []byte
		for _, der := range blocks {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		if err := os.WriteFile(r.path(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("inter-only.pem", r.Intermediate().Raw)
	for name, id := range map[string]*identity.Identity{"good": r.good, "bad": r.bad} {
		if err := os.WriteFile(r.path(name+".ocsp"), r.staple(t, id), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for source, flags := range map[string][]string{
		"list":     {"--crl", r.list},
		"required": {"--revocation", "require"},
		"prefer":   {"--revocation", "prefer"},
		"staple":   nil,
	} {
		for _, name := range []string{"good", "bad"} {
			t.Run(source+"/"+name, func(t *testing.T) {
				t.Parallel()
				server := []string{"s_server", "-quiet", "-rev", "-naccept", "1", "-cert", r.path(name + ".pem"), "-key", r.path(name + ".key"), "-cert_chain", r.path("inter-only.pem")}
				if source == "staple" {
					server = append(server, "-status_file", r.path(name+".ocsp"))
				}
				refused, said := r.connect(t, server, flags)
				if refused != (name == "bad") || refused && !strings.Contains(said, "was revoked") {
					t.Errorf("seal connect: refused is %v\n%s", refused, said)
				}
				if source == "staple" {
					return // OpenSSL's client sends none
				}
				if refused, said := r.listen(t, name, flags); refused != (name == "bad") || refused && !strings.Contains(said, "was revoked") {
					t.Errorf("seal listen: refused is %v\n%s", refused, said)
				}
			})
		}
	}
}

// connect runs seal connect against OpenSSL's server.
func (r *registry) connect(t *testing.T, server, flags []string) (refused bool, said string) {
	t.Helper()
	port := freeport.Pick(t)
	start(t, command{args: append([]string{"openssl"}, append(server, "-port", fmt.Sprint(port))...), env: []string{"OPENSSL_CONF=/dev/null"}})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	through := relay(t, port, patience) // which waits until the server listens
	cmd := exec.CommandContext(ctx, file("seal"), append([]string{"connect", "--ca", r.path("root.pem"), "--name", "localhost", fmt.Sprintf("127.0.0.1:%d", through)}, flags...)...)
	cmd.Stdin = strings.NewReader("hello\n")
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return err != nil, string(out)
}

// listen runs OpenSSL's client against seal listen.
func (r *registry) listen(t *testing.T, name string, flags []string) (refused bool, said string) {
	t.Helper()
	args := append([]string{file("seal"), "listen", "--json", "--echo", "--keep", "--ca", r.path("root.pem"), "--cert", r.path("good.pem"), "--key", r.path("good.key"), "127.0.0.1:0"}, flags...)
	p := start(t, command{args: args, env: []string{"XDG_CACHE_HOME=" + t.TempDir()}, chatty: true})
	port, err := p.announced()
	if err != nil {
		t.Fatal(err)
	}
	start(t, command{args: []string{"openssl", "s_client", "-quiet", "-connect", fmt.Sprintf("127.0.0.1:%d", port), "-CAfile", r.path("root.pem"),
		"-cert", r.path(name + ".pem"), "-key", r.path(name + ".key"), "-cert_chain", r.path("inter-only.pem")}, env: []string{"OPENSSL_CONF=/dev/null"}})
	for lines := bufio.NewReader(p.stdout); ; {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			t.Fatalf("seal listen tells nothing: %v\n%s", err, p.said.String())
		case strings.Contains(line, `"event":"refused"`):
			return true, line
		case strings.Contains(line, `"event":"connected"`):
			return false, line
		}
	}
}

// TestSilentResponderInTime makes a connection with the default limits and a
// responder that never answers.
func TestSilentResponderInTime(t *testing.T) {
	r := newRegistry(t, func(*registry) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body) // the server detects a disconnected client only then
			<-req.Context().Done()
		})
	})
	roots := new(trust.Roots)
	if err := roots.AddDER(r.Root().Raw); err != nil {
		t.Fatal(err)
	}
	for mode, accepted := range map[trust.RevocationMode]bool{trust.RevocationPrefer: true, trust.RevocationRequire: false} {
		for _, server := range []bool{true, false} {
			t.Run(fmt.Sprintf("mode %d, server %v", mode, server), func(t *testing.T) {
				t.Parallel()
				begin := time.Now()
				_, err := judge(t, r.good, server, &trust.Policy{Roots: roots, Revocation: &trust.Revocation{Mode: mode}})
				took := time.Since(begin)
				if (err == nil) != accepted || took > 50*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
				t.Logf("after %v: %v", took.Round(time.Millisecond), err)
			})
		}
	}
}
