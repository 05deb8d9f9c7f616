package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// apart is the variable that tells the second process of the test that it has a
// private mount namespace, in which it can install a root without changing this
// machine. Its value is a folder for the mounts.
const apart = "INTEROP_TEST_APART"

// theCommand is the variable with the path of seal.
const theCommand = "INTEROP_TEST_SEAL"

// trusted lists the folders of the system's trust stores, and of Chromium's
// settings.
var trusted = []string{"/etc/ssl", "/usr/local/share/ca-certificates", "/etc/chromium"}

// TestInstalledAuthority connects programs that use the system's trust stores
// to a server with a certificate of seal ca. They reject it before seal ca
// install and after seal ca uninstall, accept it in between, and reject it
// after it is revoked, with each mechanism that they support. Everything except
// the peers is the command.
func TestInstalledAuthority(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: starts browsers and virtual machines, which takes half a minute")
	}
	if os.Getenv(apart) == "" {
		runApart(t)
		return
	}
	coverMounts(t)
	h := &installed{t: t, home: os.Getenv("HOME"), seal: os.Getenv(theCommand)}
	h.run("ca", "create")
	h.serve("serving", "ca", "serve", "--json", "--acme=false", "127.0.0.1:0")
	for _, name := range []string{"good", "bad"} {
		h.run("ca", "issue", "--cert", name+".pem", "--key", name+".key", "localhost", "127.0.0.1", "::1")
	}
	good := h.serve("listening", "listen", "--json", "--keep", "--http", "--cert", "good.pem", "--key", "good.key", "127.0.0.1:0")
	bad := h.serve("listening", "listen", "--json", "--keep", "--http", "--cert", "bad.pem", "--key", "bad.key", "127.0.0.1:0")
	peers := h.peers()

	h.expect("before it is installed", peers, good, false, "")
	h.run("ca", "install")
	h.expect("installed", peers, good, true, "")

	h.run("ca", "revoke", "--reason", "key-compromise", "bad.pem")
	h.write("lists.pem", h.run("ca", "crl"))
	h.write("chain.pem", h.run("ca", "export", "--form", "chain"))
	h.askChromium()
	checks := h.checks()
	h.expect("not revoked", checks, good, true, "")
	h.expect("revoked", checks, bad, false, "revoked")

	h.run("ca", "uninstall")
	h.expect("taken out", peers, good, false, "")
}

// runApart starts this test again in a mount namespace.
func runApart(t *testing.T) {
	t.Helper()
	need(t, seal)
	if exec.Command("unshare", "--mount", "true").Run() != nil {
		absent(t, "mounts of its own (unshare --mount)")
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", self, "-test.run=^TestInstalledAuthority$", "-test.v", "-test.timeout=4m")
	cmd.Env = append(os.Environ(), apart+"="+t.TempDir(), theCommand+"="+file("seal"), "HOME="+home, "SEALSOCK_HOME="+filepath.Join(home, "sealsock"),
		"XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_CACHE_HOME="+filepath.Join(home, ".cache"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("apart: %v", err)
	}
}

// absent logs what is missing, and fails if the peers are required.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SEALSOCK_PEERS") == "require" {
		t.Fatalf("%s is missing, and SEALSOCK_PEERS=require", what)
	}
	leftOut.add(what, exec.ErrNotFound)
}

// coverMounts mounts copies over the folders of the system's trust stores.
func coverMounts(t *testing.T) {
	t.Helper()
	tool(t, "mount", "--make-rprivate", "/")
	for i, folder := range trusted {
		if _, err := os.Stat(folder); err != nil {
			continue
		}
		twin := filepath.Join(os.Getenv(apart), fmt.Sprint(i))
		tool(t, "cp", "-a", folder, twin)
		tool(t, "mount", "--bind", twin, folder)
	}
}

func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// installed is a machine that uses only the command seal ca of this project.
type installed struct {
	t          *testing.T
	home, seal string
}

// run runs a verb of the command to its end, and returns what it printed.
func (h *installed) run(args ...string) []byte {
	h.t.Helper()
	cmd := exec.Command(h.seal, args...)
	cmd.Dir = h.home
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	h.t.Logf("seal %s\n%s", strings.Join(args, " "), said.String())
	if err != nil {
		h.t.Fatalf("seal %v: %v", args, err)
	}
	return out.Bytes()
}

// serve starts a verb that serves and returns the port that it prints.
func (h *installed) serve(event string, args ...string) string {
	h.t.Helper()
	cmd := exec.Command(h.seal, args...)
	cmd.Dir = h.home
	said := new(lockedBuffer)
	cmd.Stderr = said
	stdin, err := cmd.StdinPipe() // a listener ends with its input
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(said.String()) {
			var told struct{ Event, Address string }
			if json.Unmarshal([]byte(line), &told) == nil && told.Event == event {
				return told.Address[strings.LastIndex(told.Address, ":")+1:]
			}
		}
	}
	h.t.Fatalf("seal %v serves nothing:\n%s", args, said.String())
	return ""
}

func (h *installed) path(name string) string { return filepath.Join(h.home, name) }

func (h *installed) write(name string, data []byte) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), data, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// A visitor connects to https://localhost:PORT with the system's trust stores.
type visitor struct {
	name, program string
	args          func(port string) []string
	fetches       bool // by itself; others are given a request
}

func viaOpenSSL(more ...string) func(string) []string {
	return func(port string) []string {
		return append([]string{"s_client", "-quiet", "-connect", "localhost:" + port, "-verify_return_error", "-verify_hostname", "localhost"}, more...)
	}
}

func viaCurl(more ...string) func(string) []string {
	return func(port string) []string {
		return append(more, "--silent", "--show-error", "--max-time", "30", "https://localhost:"+port+"/")
	}
}

func viaGnuTLS(more ...string) func(string) []string {
	return func(port string) []string { return append(more, "--port", port, "localhost") }
}

func (h *installed) java(more ...string) func(string) []string {
	return func(port string) []string { return append(more, "-cp", h.home, "Reach", port) }
}

// chromium reads the data base in its home folder, and its settings in /etc.
func (h *installed) chromium(profile string) func(string) []string {
	return func(port string) []string {
		return []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=" + h.path(profile+port),
			"--timeout=30000", "--dump-dom", "https://localhost:" + port + "/"}
	}
}

// peers connect with their defaults.
func (h *installed) peers() []visitor {
	return h.present([]visitor{
		{name: "OpenSSL", program: "openssl", args: viaOpenSSL("-x509_strict")},
		{name: "GnuTLS", program: "gnutls-cli", args: viaGnuTLS()},
		{name: "curl", program: "curl", args: viaCurl(), fetches: true},
		{name: "Java", program: "java", args: h.java(), fetches: true},
		{name: "Chromium", program: "chromium", args: h.chromium("plain"), fetches: true},
	})
}

// checks are their mechanisms to detect a revoked certificate.
func (h *installed) checks() []visitor {
	lists := h.path("lists.pem")
	revocation := "-Dcom.sun.net.ssl.checkRevocation=true"
	return h.present([]visitor{
		{name: "OpenSSL, list in a file", program: "openssl", args: viaOpenSSL("-crl_check", "-CRL", lists)},
		{name: "OpenSSL, list of the distribution point", program: "openssl", args: viaOpenSSL("-crl_check", "-crl_download")},
		{name: "curl, list in a file", program: "curl", args: viaCurl("--crlfile", lists), fetches: true},
		// GnuTLS verifies lists when it loads them, so it needs their issuers
		// too.
		{name: "GnuTLS, list in a file", program: "gnutls-cli", args: viaGnuTLS("--x509cafile", h.path("chain.pem"), "--x509crlfile", lists)},
		{name: "GnuTLS, OCSP", program: "gnutls-cli", args: viaGnuTLS("--ocsp")},
		{name: "Java, OCSP", program: "java", args: h.java(revocation, "-Docsp=true"), fetches: true},
		{name: "Java, list of the distribution point", program: "java", args: h.java(revocation, "-Dcom.sun.security.enableCRLDP=true"), fetches: true},
		{name: "Chromium, told to check", program: "chromium", args: h.chromium("checking"), fetches: true},
	})
}

// askChromium enables revocation checks for installed roots in Chromium, which
// needs a policy.
func (h *installed) askChromium() {
	folder := "/etc/chromium/policies/managed"
	if err := os.MkdirAll(folder, 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "revocation.json"), []byte(`{"RequireOnlineRevocationChecksForLocalAnchors": true}`), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// present returns the peers that are installed.
func (h *installed) present(all []visitor) []visitor {
	var here []visitor
	for _, v := range all {
		if _, err := exec.LookPath(v.program); err != nil {
			absent(h.t, v.program)
			continue
		}
		if v.program == "java" {
			if _, err := os.Stat(h.path("Reach.class")); err != nil {
				tool(h.t, "javac", "-d", h.home, filepath.Join("testdata", "Reach.java"))
			}
		}
		here = append(here, v)
	}
	return here
}

// expect connects each peer, and requires that all accept, or that all reject
// with the expected reason, if one is given.
func (h *installed) expect(when string, visitors []visitor, port string, accept bool, why string) {
	h.t.Helper()
	var all sync.WaitGroup
	for _, v := range visitors {
		all.Go(func() { h.visit(when, v, port, accept, why) })
	}
	all.Wait()
}

func (h *installed) visit(when string, v visitor, port string, accept bool, why string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, v.program, v.args(port)...)
	cmd.Dir = h.home
	cmd.WaitDelay = 5 * time.Second
	if !v.fetches {
		cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
	}
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	h.t.Logf("%s, %s: %v, in %v", v.name, when, err, time.Since(begin).Round(time.Millisecond))
	accepted := strings.Contains(string(out), "This connection is encrypted.")
	if accepted != accept || !strings.Contains(strings.ToLower(string(out)), why) {
		h.t.Errorf("%s, %s: accepted is %v; %v\n%s", v.name, when, accepted, err, out)
	}
}
