package authority_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
)

// inside tells the test's second process that it has mounts of its own, so
// that it may install a root without changing this machine.
const inside = "AUTHORITY_TEST_INSIDE"

// own are the folders that hold the system's trust.
var own = []string{"/etc/ssl", "/usr/local/share/ca-certificates"}

// TestInstalledRootIsAccepted installs a root into the system's store, NSS and
// Java, and has OpenSSL, GnuTLS, curl, Java and Chromium reach a server of
// this library without being told whom to trust. They refuse it before the
// root is installed, after it is taken out, and, where they check, after its
// certificate is revoked.
func TestInstalledRootIsAccepted(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: starts browsers and virtual machines, which takes half a minute")
	}
	if os.Getenv(inside) == "" {
		runInside(t)
		return
	}
	separate(t)
	a, err := authority.Create(filepath.Join(os.Getenv("HOME"), "ca"), authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	url := serveServices(t, a)
	if err := a.SetURL(url); err != nil {
		t.Fatal(err)
	}
	good, _, err := a.Issue(authority.Request{Names: []string{"localhost", "127.0.0.1", "::1", "*.localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	bad, record, err := a.Issue(authority.Request{Names: []string{"localhost", "127.0.0.1", "::1", "*.localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	goodPort, badPort := serveIdentity(t, good), serveIdentity(t, bad)
	peers := presentPeers(t)
	expect(t, "before it is installed", peers, goodPort, false, false)

	results := a.Install(context.Background())
	for _, r := range results {
		t.Logf("%s %s: %v", r.Store.Kind, r.Store.Path, r.Err)
		if r.Err != nil {
			t.Errorf("%s: %v (%s)", r.Store.Path, r.Err, r.Hint)
		}
	}
	if len(results) < 3 {
		t.Errorf("only %d stores: %v", len(results), results)
	}
	expect(t, "installed", peers, goodPort, true, false)

	if _, err := a.Revoke(record.Serial, authority.ReasonKeyCompromise); err != nil {
		t.Fatal(err)
	}
	lists, err := a.CRL()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(os.Getenv("HOME"), "lists.pem"), lists)
	chain, err := a.Export("chain")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(os.Getenv("HOME"), "chain.pem"), chain)
	expect(t, "not revoked", peers, goodPort, true, true)
	expect(t, "revoked", peers, badPort, false, true)

	for _, r := range a.Uninstall(context.Background()) {
		if r.Err != nil {
			t.Errorf("%s: %v (%s)", r.Store.Path, r.Err, r.Hint)
		}
	}
	expect(t, "taken out", peers, goodPort, false, false)
}

// runInside starts this test again in a mount namespace.
func runInside(t *testing.T) {
	t.Helper()
	if exec.Command("unshare", "--mount", "true").Run() != nil {
		leftOut(t, "mounts of its own (unshare --mount)")
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.Command("unshare", "--mount", self, "-test.run=^TestInstalledRootIsAccepted$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inside+"="+t.TempDir(), "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_CACHE_HOME="+filepath.Join(home, ".cache"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("inside: %v", err)
	}
}

// leftOut says which peer is missing; where the peers are required it fails.
func leftOut(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SEALSOCK_PEERS") == "require" {
		t.Fatalf("%s is missing, and SEALSOCK_PEERS=require", what)
	}
	t.Logf("left out: %s", what)
}

// separate puts copies over the folders of the system's trust.
func separate(t *testing.T) {
	t.Helper()
	command(t, "mount", "--make-rprivate", "/")
	for i, folder := range own {
		twin := filepath.Join(os.Getenv(inside), fmt.Sprint(i))
		command(t, "cp", "-a", folder, twin)
		command(t, "mount", "--bind", twin, folder)
	}
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func serveServices(t *testing.T, a *authority.Authority) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: a.Handler(nil), ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String()
}

// serveIdentity answers HTTP with a word, and returns its port.
func serveIdentity(t *testing.T, id *identity.Identity) string {
	t.Helper()
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0", &sealsock.Config{Identities: []*identity.Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "sealed greetings") }),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(os.Stderr, "server: ", 0),
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	addr := l.Addr().String()
	return addr[strings.LastIndex(addr, ":")+1:]
}

// peer is a program that trusts what the system trusts.
type peer struct {
	name, program string
	// plain connects; revocation does so and checks whether the certificate was
	// revoked, if the program can.
	plain, revocation func(port string) *exec.Cmd
}

func allPeers() []peer {
	lists := filepath.Join(os.Getenv("HOME"), "lists.pem")
	chain := filepath.Join(os.Getenv("HOME"), "chain.pem") // GnuTLS checks lists when it loads them
	java := func(flags ...string) func(string) *exec.Cmd {
		return func(port string) *exec.Cmd {
			return exec.Command("java", append(flags, "-cp", os.Getenv("HOME"), "Reach", port)...)
		}
	}
	return []peer{
		{"OpenSSL", "openssl", func(port string) *exec.Cmd {
			return exec.Command("openssl", "s_client", "-connect", "localhost:"+port, "-verify_return_error", "-verify_hostname", "localhost", "-x509_strict")
		}, func(port string) *exec.Cmd {
			return exec.Command("openssl", "s_client", "-connect", "localhost:"+port, "-verify_return_error", "-crl_check", "-CRL", lists)
		}},
		{"curl", "curl", func(port string) *exec.Cmd {
			return exec.Command("curl", "--silent", "--show-error", "--max-time", "20", "https://localhost:"+port+"/")
		}, func(port string) *exec.Cmd {
			return exec.Command("curl", "--silent", "--show-error", "--max-time", "20", "--crlfile", lists, "https://localhost:"+port+"/")
		}},
		{"GnuTLS", "gnutls-cli", func(port string) *exec.Cmd {
			return exec.Command("gnutls-cli", "--port", port, "localhost")
		}, func(port string) *exec.Cmd {
			return exec.Command("gnutls-cli", "--port", port, "--x509cafile", chain, "--x509crlfile", lists, "localhost")
		}},
		{"Java", "java", java(), java("-Dcom.sun.net.ssl.checkRevocation=true", "-Dcom.sun.security.enableCRLDP=true")},
		{"Chromium", "chromium", func(port string) *exec.Cmd {
			return exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--timeout=20000", "--dump-dom", "https://localhost:"+port+"/")
		}, nil},
	}
}

func presentPeers(t *testing.T) []peer {
	t.Helper()
	var present []peer
	for _, p := range allPeers() {
		if _, err := exec.LookPath(p.program); err != nil {
			leftOut(t, p.program)
			continue
		}
		if p.program == "java" {
			command(t, "javac", "-d", os.Getenv("HOME"), filepath.Join("testdata", "Reach.java"))
		}
		present = append(present, p)
	}
	return present
}

// expect has every peer connect, and wants all to accept or all to refuse.
func expect(t *testing.T, when string, peers []peer, port string, accept, revocation bool) {
	t.Helper()
	for _, p := range peers {
		start := p.plain
		if revocation {
			if start = p.revocation; start == nil {
				continue
			}
		}
		cmd := start(port)
		if p.program != "chromium" && p.program != "java" && p.program != "curl" {
			cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
		}
		done := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		begin := time.Now()
		out, err := cmd.CombinedOutput()
		done.Stop()
		t.Logf("%s, %s: %v", p.name, when, time.Since(begin).Round(time.Millisecond))
		accepted := strings.Contains(string(out), "sealed greetings") || (err == nil && p.program == "openssl" && strings.Contains(string(out), "Verify return code: 0 (ok)"))
		if accepted != accept {
			t.Errorf("%s, %s: accepted is %v; %v\n%s", p.name, when, accepted, err, out)
		}
	}
}
