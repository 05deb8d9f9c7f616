package tunnel_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/tunnel"
)

// TestTicketsOfOthers: a session of one tunnel is not resumed at another one with the same ticket
// keys, which has no certificate that the client accepts. Its tunnel in another process resumes it.
func TestTicketsOfOthers(t *testing.T) {
	b := newBench(t)
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	b.write("other.pem", leaf.CertPEM())
	b.write("other.key", leaf.KeyPEM())
	one := serverTunnel(b.echo("one:", nil), "")
	two := strings.ReplaceAll(strings.Replace(serverTunnel(b.echo("two:", nil), ""), `"t"`, `"u"`, 1),
		"DIR/server", "DIR/other")
	opts := tunnel.Options{TicketKeys: new(sealsock.RotatingKeys)}
	s, again := b.startWith(one+two, opts), b.startWith(one+two, opts)
	for version, name := range map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"} {
		cfg := b.tls()
		cfg.ClientSessionCache, cfg.MaxVersion = tls.NewLRUClientSessionCache(1), version
		resumed := false
		cfg.VerifyConnection = func(c tls.ConnectionState) error {
			resumed = c.DidResume
			return nil
		}
		b.answers(s.Addrs("t")[0], cfg, "one:hello")
		b.answers(again.Addrs("t")[0], cfg, "one:hello")
		if !resumed {
			t.Errorf("%s: the session was not resumed in another process", name)
		}
		if got, err := b.ask(s.Addrs("u")[0], cfg, "hello"); err == nil {
			t.Errorf("%s: the other tunnel answers %q", name, got)
		}
	}
}
