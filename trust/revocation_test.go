package trust

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/trust/fetch"
	_ "github.com/sealsock/sealsock/trust/idn"
)

// registry is an authority whose index OpenSSL keeps: it makes its lists and
// answers for it.
type registry struct {
	t    *testing.T
	dir  string
	root *node
	ca   *node
	good *node // servers and clients at once, so that both roles are tested
	bad  *node
	url  string // of the HTTP server for lists
	ocsp string // of OpenSSL's responder
}

// newRegistry makes an authority with one good and one revoked certificate,
// both naming the list's and the responder's address.
func newRegistry(t *testing.T) *registry {
	t.Helper()
	peers.Need(t, "openssl")
	r := &registry{t: t, dir: t.TempDir()}
	files := httptest.NewServer(http.FileServer(http.Dir(r.dir)))
	t.Cleanup(files.Close)
	r.url = files.URL + "/list.der"
	r.ocsp = fmt.Sprintf("http://127.0.0.1:%d", freeport.Pick(t))

	long := dates(time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))
	r.root = issue(t, nil, nil, authority("Root"), long)
	r.ca = issue(t, r.root, nil, authority("Registry"), long)
	both := func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		c.OCSPServer, c.CRLDistributionPoints = []string{r.ocsp}, []string{r.url}
	}
	r.good = issue(t, r.ca, nil, server("good.test"), both, long)
	r.bad = issue(t, r.ca, nil, server("bad.test"), both, long)
	r.writeFiles()
	return r
}

func (r *registry) path(name string) string { return filepath.Join(r.dir, name) }

func (r *registry) writeFiles() {
	r.t.Helper()
	write(r.t, r.path("ca.pem"), pemOf(r.ca))
	write(r.t, r.path("good.pem"), pemOf(r.good))
	write(r.t, r.path("bad.pem"), pemOf(r.bad))
	key, err := x509.MarshalPKCS8PrivateKey(r.ca.key)
	if err != nil {
		r.t.Fatal(err)
	}
	write(r.t, r.path("ca.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	serial := func(n *node) string {
		text := strings.ToUpper(n.SerialNumber.Text(16))
		if len(text)%2 == 1 {
			text = "0" + text
		}
		return text
	}
	write(r.t, r.path("index.txt"), []byte("V\t301231235959Z\t\t"+serial(r.good)+"\tunknown\t/CN=good.test\n"+
		"R\t301231235959Z\t250102030405Z,keyCompromise\t"+serial(r.bad)+"\tunknown\t/CN=bad.test\n"))
	write(r.t, r.path("number"), []byte("0A\n"))
	write(r.t, r.path("ca.cnf"), []byte("[ca]\ndefault_ca=d\n[d]\ndatabase="+r.path("index.txt")+"\ncrlnumber="+r.path("number")+
		"\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=e\n[e]\n"))
	openssl(r.t, "ca", "-config", r.path("ca.cnf"), "-gencrl", "-cert", r.path("ca.pem"), "-keyfile", r.path("ca.key"), "-out", r.path("list.pem"))
	openssl(r.t, "crl", "-in", r.path("list.pem"), "-outform", "DER", "-out", r.path("list.der"))
}

// startOCSP has OpenSSL answer at the address that the certificates name.
func (r *registry) startOCSP() {
	r.t.Helper()
	cmd := exec.Command("openssl", "ocsp", "-index", r.path("index.txt"), "-port", strings.TrimPrefix(r.ocsp, "http://127.0.0.1:"),
		"-rsigner", r.path("ca.pem"), "-rkey", r.path("ca.key"), "-CA", r.path("ca.pem"), "-nmin", "30")
	talk, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	lines := bufio.NewScanner(talk)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ACCEPT") || strings.Contains(lines.Text(), "waiting") {
			go func() {
				for lines.Scan() {
					continue // or it would block on its own talk
				}
			}()
			return
		}
	}
	r.t.Fatal("OpenSSL's responder did not start")
}

// staple has OpenSSL answer once, into a file.
func (r *registry) staple(name string, more ...string) []byte {
	r.t.Helper()
	out := r.path(name + ".ocsp")
	request := r.path(name + ".req")
	openssl(r.t, "ocsp", "-issuer", r.path("ca.pem"), "-cert", r.path(name+".pem"), "-reqout", request, "-no_nonce")
	args := []string{"ocsp", "-index", r.path("index.txt"), "-rsigner", r.path("ca.pem"), "-rkey", r.path("ca.key"), "-CA", r.path("ca.pem"),
		"-reqin", request, "-respout", out, "-noverify"}
	if len(more) == 0 {
		more = []string{"-nmin", "30"}
	}
	openssl(r.t, append(args, more...)...)
	data, err := os.ReadFile(out)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

func (r *registry) peer(n *node, server bool) *Peer {
	name := ""
	if server {
		name = n.DNSNames[0]
	}
	return &Peer{Server: server, Name: name, Chain: chainOf(n, r.ca)}
}

func (r *registry) policy(revocation *Revocation) *Policy {
	return &Policy{Roots: rootsOf(r.t, r.root), Revocation: revocation}
}

// TestRevokedIsRefused checks a good and a revoked certificate, of a server and of a
// client, with each source, made by OpenSSL.
func TestRevokedIsRefused(t *testing.T) {
	r := newRegistry(t)
	r.startOCSP()
	lists := new(Lists)
	if n, err := lists.AddFile(r.path("list.pem")); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	hashed := t.TempDir()
	data, err := os.ReadFile(r.path("list.pem"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(hashed, "a.pem"), data)
	openssl(t, "rehash", hashed)
	inDir := new(Lists)
	if n, err := inDir.AddDir(hashed); n != 0 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for name, tc := range map[string]struct {
		revocation *Revocation
		staple     bool
		hide       func(*x509.Certificate)
		source     string
	}{
		"CRL file":        {&Revocation{Lists: lists}, false, nil, "CRL " + r.path("list.pem")},
		"hashed folder":   {&Revocation{Lists: inDir, Mode: RevocationRequire, NoFetch: true}, false, nil, "CRL " + hashed},
		"staple":          {nil, true, nil, "staple"},
		"staple required": {&Revocation{Mode: RevocationRequire, NoFetch: true}, true, nil, "staple"},
		"OCSP request":    {&Revocation{Mode: RevocationRequire}, false, nil, "OCSP " + r.ocsp},
		"OCSP with nonce": {&Revocation{Mode: RevocationRequire, NonceRequired: true}, false, nil, "OCSP " + r.ocsp},
		"OCSP preferred":  {&Revocation{Mode: RevocationPrefer, CacheDir: t.TempDir()}, false, nil, "OCSP " + r.ocsp},
	} {
		for _, role := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, server %v", name, role), func(t *testing.T) {
				good, bad := r.peer(r.good, role), r.peer(r.bad, role)
				if tc.staple {
					good.OCSPStaple, bad.OCSPStaple = r.staple("good"), r.staple("bad")
				}
				checkBoth(t, r.policy(tc.revocation), good, bad, tc.source)
			})
		}
	}
}

// TestAnswerNamesFile: a check names the file of the cache that has its answer, also when the
// answer comes from the file or from memory, and none without a cache or with one that cannot
// be written.
func TestAnswerNamesFile(t *testing.T) {
	for _, kind := range []string{"ocsp", "crl"} {
		r := newRegistry(t)
		if kind == "ocsp" { // else the list is fetched
			r.startOCSP()
		}
		cache := t.TempDir()
		for _, first := range []string{"network", "cache"} {
			p := r.policy(&Revocation{Mode: RevocationRequire, CacheDir: cache})
			for _, source := range []string{first, "memory"} {
				check := checkOf(t, p, r.peer(r.good, true))
				kept, err := filepath.Glob(filepath.Join(cache, "*."+kind))
				if err != nil || len(kept) != 1 || check.File != kept[0] {
					t.Errorf("%s, from the %s: %q, want %v, %v", kind, source, check.File, kept, err)
				}
			}
		}
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, nil)
		for name, dir := range map[string]string{"no cache": "", "a file for a folder": file} {
			p := r.policy(&Revocation{Mode: RevocationRequire, CacheDir: dir})
			if check := checkOf(t, p, r.peer(r.good, true)); check.File != "" {
				t.Errorf("%s: %s: the answer lies in %q", kind, name, check.File)
			}
		}
	}
}

// checkOf returns the one check of a peer that the policy accepts.
func checkOf(t *testing.T, p *Policy, peer *Peer) RevocationCheck {
	t.Helper()
	result, err := p.Verify(context.Background(), peer)
	if err != nil || len(result.Revocation) != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
	return result.Revocation[0]
}

// TestDistributionPoint leaves the responder dead, so that the list is
// fetched.
func TestDistributionPoint(t *testing.T) {
	r := newRegistry(t)
	cache := t.TempDir()
	for _, role := range []bool{true, false} {
		checkBoth(t, r.policy(&Revocation{Mode: RevocationRequire, CacheDir: cache}), r.peer(r.good, role), r.peer(r.bad, role), "CRL "+r.url)
	}
	// Another process has only the cache.
	if err := os.Remove(r.path("list.der")); err != nil {
		t.Fatal(err)
	}
	checkBoth(t, r.policy(&Revocation{Mode: RevocationRequire, CacheDir: cache}), r.peer(r.good, true), r.peer(r.bad, true), "CRL "+r.url)
	_, err := r.policy(&Revocation{Mode: RevocationRequire}).Verify(context.Background(), r.peer(r.good, true))
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeRevocationUnknown || !strings.Contains(err.Error(), "404") {
		t.Errorf("without cache and list: %v", err)
	}
}

func checkBoth(t *testing.T, p *Policy, good, bad *Peer, source string) {
	t.Helper()
	for range 2 {
		result, err := p.Verify(context.Background(), good)
		if err != nil {
			t.Fatalf("good: %v", err)
		}
		if len(result.Revocation) != 1 || result.Revocation[0].Status != RevocationGood || !strings.HasPrefix(result.Revocation[0].Source, source) {
			t.Fatalf("good: %+v", result.Revocation)
		}
		_, err = p.Verify(context.Background(), bad)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeRevoked || e.Alert().String() != "certificate_revoked" ||
			!strings.Contains(err.Error(), "2025-01-02 03:04:05 UTC (key compromise), according to the "+source) {
			t.Fatalf("revoked: %v", err)
		}
	}
}

// TestUnreachable has responders that are dead, silent, wrong or endless, and
// requires the policy to decide in time.
func TestUnreachable(t *testing.T) {
	r := newRegistry(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in its backlog and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for req.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, req.URL.Path+"x", http.StatusFound)
	}))
	defer redirecting.Close()
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no") }))
	defer garbage.Close()

	for name, address := range map[string]string{
		"dead": r.ocsp, "silent": "http://" + silent.Addr().String(), "endless": endless.URL, "redirecting": redirecting.URL, "garbage": garbage.URL,
		"https": "https://127.0.0.1:1/", "ldap": "ldap://127.0.0.1/", "no URL": "::",
	} {
		t.Run(name, func(t *testing.T) {
			leaf := issue(t, r.ca, nil, server("x.test"), dates(time.Now().Add(-time.Hour), time.Now().Add(time.Hour)),
				func(c *x509.Certificate) {
					c.OCSPServer, c.CRLDistributionPoints = []string{address}, []string{address}
				})
			for _, mode := range []RevocationMode{RevocationAtHand, RevocationOff, RevocationPrefer, RevocationRequire} {
				begin := time.Now()
				result, err := r.policy(&Revocation{Mode: mode, Timeout: 300 * time.Millisecond}).Verify(context.Background(), r.peer(leaf, true))
				took := time.Since(begin)
				if took > 10*time.Second { // a busy machine may add seconds, a missing limit more
					t.Errorf("mode %d took %v", mode, took)
				}
				var e *Error
				switch {
				case mode != RevocationRequire && err != nil:
					t.Errorf("mode %d: %v", mode, err)
				case mode == RevocationRequire && (!errors.As(err, &e) || e.Code.String() == "revoked" || e.Hint == ""):
					t.Errorf("required: %v", err)
				case mode == RevocationPrefer && (len(result.Revocation) != 1 || result.Revocation[0].Status != RevocationUnknown || result.Revocation[0].Err == nil):
					t.Errorf("preferred: %+v", result.Revocation)
				}
				if mode == RevocationRequire {
					t.Logf("refused after %v: %v", took.Round(time.Millisecond), err)
				}
			}
		})
	}
}

// TestSilenceIsRemembered asks a silent responder twice: the second connection
// does not wait.
func TestSilenceIsRemembered(t *testing.T) {
	r := newRegistry(t)
	revocation := &Revocation{Mode: RevocationPrefer}
	asked := 0
	revocation.Fetcher = fetcher(roundTrip(func(*http.Request) (*http.Response, error) {
		asked++
		return nil, errors.New("nobody there")
	}))
	for range 3 {
		if _, err := r.policy(revocation).Verify(context.Background(), r.peer(r.good, true)); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 { // the responder and the list
		t.Errorf("asked %d times", asked)
	}
}

func fetcher(via http.RoundTripper) Fetcher { return fetch.HTTP{Transport: via} }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBadStaples(t *testing.T) {
	r := newRegistry(t)
	other := newRegistry(t)
	bad := r.staple("bad")
	forged := append([]byte(nil), bad...)
	forged[len(forged)-5] ^= 1
	for name, tc := range map[string]struct {
		staple []byte
		now    time.Time
		code   Code
	}{
		"garbage":      {[]byte("x"), time.Time{}, CodeOCSPInvalid},
		"huge":         {make([]byte, maxResponse+1), time.Time{}, CodeOCSPInvalid},
		"forged":       {forged, time.Time{}, CodeOCSPInvalid},
		"of another":   {r.staple("bad"), time.Time{}, CodeOCSPInvalid},
		"of stranger":  {other.staple("good"), time.Time{}, CodeOCSPInvalid},
		"old":          {r.staple("good"), time.Now().Add(time.Hour), CodeOCSPInvalid},
		"of tomorrow":  {r.staple("good"), time.Now().Add(-time.Hour), CodeOCSPInvalid},
		"without next": {r.staple("good", "-resp_no_certs"), time.Now().Add(25 * time.Hour), CodeOCSPInvalid},
	} {
		peer := r.peer(r.good, true)
		peer.OCSPStaple, peer.Now = tc.staple, tc.now
		_, err := r.policy(&Revocation{Mode: RevocationRequire, NoFetch: true}).Verify(context.Background(), peer)
		var e *Error
		if !errors.As(err, &e) || e.Code != tc.code {
			t.Errorf("%s, required: %v", name, err)
		}
		if _, err := r.policy(nil).Verify(context.Background(), peer); err != nil {
			t.Errorf("%s, at hand: %v", name, err)
		}
	}
}

func TestMustStaple(t *testing.T) {
	r := newRegistry(t)
	long := dates(time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))
	leaf := issue(t, r.ca, nil, server("must.test"), long, func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, featureExtension)
	})
	peer := r.peer(leaf, true)
	if _, err := r.policy(nil).Verify(context.Background(), peer); err != nil {
		t.Errorf("not asked for: %v", err)
	}
	peer.StapleAsked = true
	_, err := r.policy(nil).Verify(context.Background(), peer)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeMustStaple || e.Alert().String() != "bad_certificate_status_response" {
		t.Errorf("asked for and not given: %v", err)
	}
	if _, err := r.policy(&Revocation{Mode: RevocationOff}).Verify(context.Background(), peer); err != nil {
		t.Errorf("off: %v", err)
	}
}
