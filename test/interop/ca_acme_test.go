package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// TestCommandServesACME runs a foreign ACME client against seal ca serve. The
// client obtains certificates with both challenges for an address of this
// machine, revokes one, and is refused a certificate without a valid challenge.
func TestCommandServesACME(t *testing.T) {
	run, address := serveACME(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := &acme.Client{Key: key, DirectoryURL: address + "/acme/directory",
		RetryBackoff: func(int, *http.Request, *http.Response) time.Duration { return 20 * time.Millisecond }}
	if _, err := client.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	a := newApplicant(t, client)
	if a == nil {
		absent(t, "the right to listen on ports 80 and 443")
		return
	}
	var last [][]byte
	for _, method := range []string{"http-01", "tls-alpn-01"} {
		if last, err = a.obtain(ctx, method); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		if c, err := x509.ParseCertificate(last[0]); err != nil || len(c.IPAddresses) != 1 || c.IPAddresses[0].String() != a.address || len(last) != 2 {
			t.Errorf("%s: %v", method, err)
		}
	}
	if err := client.RevokeCert(ctx, nil, last[0], acme.CRLReasonSuperseded); err != nil {
		t.Error(err)
	}
	listed := run("ca", "list")
	if strings.Count(listed, a.address) != 2 || strings.Count(listed, "revoked") != 1 {
		t.Errorf("seal ca list prints\n%s", listed)
	}
	a.idle = true
	a.cert.Store(nil)
	for _, method := range []string{"http-01", "tls-alpn-01"} {
		if _, err := a.obtain(ctx, method); err == nil {
			t.Errorf("%s: issued without a proof", method)
		}
	}
	if _, err := client.AuthorizeOrder(ctx, acme.DomainIDs("bank.example")); err == nil {
		t.Error("an order for a name that is not local was taken")
	}
}

// serveACME runs seal ca serve for a new authority. It returns the address, and
// a function that runs other verbs for that authority.
func serveACME(t *testing.T) (run func(args ...string) string, address string) {
	t.Helper()
	need(t, seal)
	home := t.TempDir()
	run = func(args ...string) string {
		t.Helper()
		cmd := exec.Command(file("seal"), args...)
		cmd.Dir, cmd.Env = home, append(os.Environ(), "SEALSOCK_HOME="+home)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("seal %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("ca", "create")
	p := start(t, command{args: []string{file("seal"), "ca", "serve", "--acme", "--acme-allow",
		"127.0.0.0/8", "--json", "127.0.0.1:0"}, env: []string{"SEALSOCK_HOME=" + home}, chatty: true})
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Event, URL string
		ACME       bool
	}
	if err := json.Unmarshal([]byte(line), &told); err != nil || told.Event != "serving" || !told.ACME {
		t.Fatalf("seal ca serve tells %q, %v", line, err)
	}
	return run, told.URL
}

// applicant is a machine that requests a certificate for its address.
type applicant struct {
	client  *acme.Client
	address string
	idle    bool                            // proves nothing
	answers sync.Map                        // on port 80, by path
	cert    atomic.Pointer[tls.Certificate] // on port 443
}

// newApplicant selects an address of this machine on which the ports of the
// challenges are free. It returns nil without the permission to listen on them.
func newApplicant(t *testing.T, client *acme.Client) *applicant {
	t.Helper()
	a := &applicant{client: client}
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := a.answers.Load(r.URL.Path); ok {
			fmt.Fprint(w, answer)
			return
		}
		http.NotFound(w, r)
	})}
	for try := range 20 {
		a.address = fmt.Sprintf("127.%d.%d.%d", os.Getpid()>>8&255, os.Getpid()&255, try+2)
		web, err := net.Listen("tcp", a.address+":80")
		if err != nil {
			continue
		}
		sealed, err := tls.Listen("tcp", a.address+":443", &tls.Config{NextProtos: []string{acme.ALPNProto},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				if cert := a.cert.Load(); cert != nil {
					return cert, nil
				}
				return nil, errors.New("nothing to prove")
			}})
		if err != nil {
			web.Close()
			continue
		}
		go server.Serve(web)
		go func() {
			for {
				c, err := sealed.Accept()
				if err != nil {
					return
				}
				_ = c.(*tls.Conn).Handshake() // the other side reports its verdict
				c.Close()
			}
		}()
		t.Cleanup(func() { server.Close(); sealed.Close() })
		return a
	}
	return nil
}

// obtain requests a certificate for the address with one kind of challenge.
func (a *applicant) obtain(ctx context.Context, method string) ([][]byte, error) {
	o, err := a.client.AuthorizeOrder(ctx, acme.IPIDs(a.address))
	if err != nil {
		return nil, err
	}
	z, err := a.client.GetAuthorization(ctx, o.AuthzURLs[0])
	if err != nil {
		return nil, err
	}
	for _, c := range z.Challenges {
		if c.Type != method {
			continue
		}
		if err := a.prepare(c); err != nil {
			return nil, err
		}
		if _, err := a.client.Accept(ctx, c); err != nil {
			return nil, err
		}
	}
	if _, err := a.client.WaitAuthorization(ctx, z.URI); err != nil {
		return nil, err
	}
	if o, err = a.client.WaitOrder(ctx, o.URI); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{IPAddresses: []net.IP{net.ParseIP(a.address)}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := a.client.CreateOrderCert(ctx, o.FinalizeURL, request, true)
	return chain, err
}

// prepare provisions the challenge response, unless the test removed it.
func (a *applicant) prepare(c *acme.Challenge) error {
	if a.idle {
		return nil
	}
	if c.Type == "http-01" {
		answer, err := a.client.HTTP01ChallengeResponse(c.Token)
		a.answers.Store(a.client.HTTP01ChallengePath(c.Token), answer)
		return err
	}
	cert, err := a.client.TLSALPN01ChallengeCert(c.Token, a.address)
	a.cert.Store(&cert)
	return err
}
