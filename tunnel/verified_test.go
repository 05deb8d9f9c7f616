package tunnel_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/proxyprotocol"
	"github.com/sealsock/sealsock/trust"
)

// TestVerifiedHeader: the header for the backend calls a certificate verified only if an authority
// or a pin stands for it, and not one that the client may have made itself.
func TestVerifiedHeader(t *testing.T) {
	b := newBench(t)
	made := testcert.New().Issue(testcert.NewKey("p256"), func(c *x509.Certificate) {
		c.Subject.CommonName = "admin"
	})
	b.write("made.pem", made.CertPEM())
	b.write("made.key", made.KeyPEM())
	pair, err := tls.LoadX509KeyPair(filepath.Join(b.dir, "made.pem"),
		filepath.Join(b.dir, "made.key"))
	if err != nil {
		t.Fatal(err)
	}
	pin := trust.PinOf(pair.Leaf).String()
	for name, want := range map[string]struct{ certificate, verified bool }{
		"":                           {},
		"insecure = true\n":          {certificate: true},
		"pins = [\"" + pin + "\"]\n": {true, true},
		"insecure = true\npins = [\"" + pin + "\"]\n":             {true, true},
		"insecure = true\npeer = [{ pin = [\"" + pin + "\"] }]\n": {true, true},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		headers := make(chan *proxyprotocol.Header, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				headers <- nil
				return
			}
			defer c.Close()
			h, err := proxyprotocol.Read(c)
			if err != nil {
				t.Error(err)
			}
			headers <- h
		}()
		s := b.start(serverTunnel(l.Addr().String(), "proxy = { send = 2 }") + name)
		cfg := b.tls()
		cfg.Certificates = []tls.Certificate{pair}
		b.ask(s.Addrs("t")[0], cfg, "")
		h := <-headers
		l.Close()
		if h == nil || h.TLS == nil || h.TLS.CertificateSess != want.certificate ||
			h.TLS.Verified != want.verified {
			t.Errorf("%q: %+v", name, h)
		}
	}
}
