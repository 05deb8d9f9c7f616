package interop

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/freeport"
)

// stunnel is a forwarder, and takes part in no other test.
var stunnel = &program{
	name: "stunnel",
	find: func() (string, error) {
		path, err := exec.LookPath("stunnel")
		if err != nil {
			return "", err
		}
		version, _ := exec.Command(path, "-version").CombinedOutput()
		line, _, _ := strings.Cut(string(version), "\n")
		return line, nil
	},
}

// The load of TestForwarders and BenchmarkForwarders.
const (
	forwarded   = 300 // connections of a run
	atOnce      = 20  // that are open at a time
	asked       = "ping\n"
	answer      = "pong\n"
	requestTime = 20 * time.Second
)

// A dialer connects to a forwarder.
type dialer func(addr string) (net.Conn, error)

// forwarders are the two roles of a forwarder. Each has the addresses of seal, of seal tunnel and
// of stunnel in it, and how a client connects to them.
func forwarders(t testing.TB, run func(role string, at addresses, dial dialer)) {
	plain, sealed := answering(t, nil), answering(t, serverTLS(t))
	run("to a plaintext server", addresses{
		startSealForwarder(t, "listen", "--to", plain, "--cert", file("p256.pem"),
			"--key", file("p256.key"), "127.0.0.1:0"),
		startSealForwarder(t, "tunnel", "--to", plain, "--cert", file("p256.pem"),
			"--key", file("p256.key"), "--listen", "127.0.0.1:0"),
		startStunnel(t, plain, "client = no", "cert = "+file("p256.pem"), "key = "+file("p256.key"))},
		func(addr string) (net.Conn, error) { return tls.Dial("tcp", addr, clientTLS(t)) })
	run("from plaintext clients", addresses{
		startSealForwarder(t, "connect", "--ca", file("ca.pem"), "--name", serverName,
			"--groups", "X25519", "--listen", "127.0.0.1:0", sealed),
		startSealForwarder(t, "tunnel", "--client", "--ca", file("ca.pem"), "--name", serverName,
			"--listen", "127.0.0.1:0", "--to", sealed),
		startStunnel(t, sealed, "client = yes", "CAfile = "+file("ca.pem"), "verifyChain = yes",
			"checkHost = "+serverName, "sni = "+serverName)},
		func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) })
}

// addresses are those of the forwarders.
type addresses struct{ seal, tunnel, stunnel string }

// TestForwarders passes 300 connections through listen --to and connect --listen,
// through seal tunnel, and through stunnel in the same roles. Each must be answered, with the end of each
// direction.
func TestForwarders(t *testing.T) {
	need(t, seal)
	need(t, stunnel)
	forwarders(t, func(role string, at addresses, dial dialer) {
		for name, addr := range map[string]string{"seal": at.seal, "seal tunnel": at.tunnel,
			"stunnel": at.stunnel} {
			if rate, err := load(addr, dial); err != nil {
				t.Errorf("%s, %s: %v", role, name, err)
			} else {
				t.Logf("%s, %s: %.0f connections a second", role, name, rate)
			}
		}
	})
}

// BenchmarkForwarders measures the connections per second of seal, of seal tunnel and of stunnel
// in both roles, in turn, and their ratios.
func BenchmarkForwarders(b *testing.B) {
	need(b, seal)
	need(b, stunnel)
	forwarders(b, func(role string, at addresses, dial dialer) {
		b.Run(strings.ReplaceAll(role, " ", "-"), func(b *testing.B) {
			var our, tunnel, their float64
			for b.Loop() {
				our += measure(b, at.seal, dial)
				tunnel += measure(b, at.tunnel, dial)
				their += measure(b, at.stunnel, dial)
			}
			b.ReportMetric(our/float64(b.N), "seal-conns/s")
			b.ReportMetric(tunnel/float64(b.N), "tunnel-conns/s")
			b.ReportMetric(their/float64(b.N), "stunnel-conns/s")
			b.ReportMetric(our/their, "ratio")
			b.ReportMetric(tunnel/their, "tunnel-ratio")
		})
	})
}

// measure returns the rate of one load.
func measure(b *testing.B, addr string, dial dialer) float64 {
	rate, err := load(addr, dial)
	if err != nil {
		b.Fatal(err)
	}
	return rate
}

// load makes the connections and returns their rate per second.
func load(addr string, dial dialer) (float64, error) {
	var workers sync.WaitGroup
	results := make(chan error, forwarded)
	turns := make(chan struct{}, atOnce)
	begin := time.Now()
	for range forwarded {
		turns <- struct{}{}
		workers.Go(func() {
			results <- askThrough(addr, dial)
			<-turns
		})
	}
	workers.Wait()
	rate := forwarded / time.Since(begin).Seconds()
	answered := 0
	var failed error
	for range forwarded {
		if err := <-results; err != nil {
			failed = err
		} else {
			answered++
		}
	}
	if failed != nil {
		return 0, fmt.Errorf("%d of %d connections were answered: %w", answered, forwarded, failed)
	}
	return rate, nil
}

// askThrough sends a request, ends its direction, and wants the response and its end.
func askThrough(addr string, dial dialer) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(requestTime))
	if _, err := io.WriteString(c, asked); err != nil {
		return err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err == nil && string(got) != answer {
		err = fmt.Errorf("the response is %q", got)
	}
	return err
}

// answering starts a server that answers each request after its end, over TLS with a
// configuration, and returns its address.
func answering(t testing.TB, cfg *tls.Config) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				c := raw
				if cfg != nil {
					c = tls.Server(raw, cfg)
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(requestTime))
				got, err := io.ReadAll(c)
				if err == nil && string(got) == asked {
					io.WriteString(c, answer)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func serverTLS(t testing.TB) *tls.Config {
	pair, err := tls.LoadX509KeyPair(file("p256.pem"), file("p256.key"))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// clientTLS is the same for both forwarders: one group, and no resumption.
func clientTLS(t testing.TB) *tls.Config {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(file("ca.pem"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("ca.pem cannot be read")
	}
	return &tls.Config{
		RootCAs: roots, ServerName: serverName, CurvePreferences: []tls.CurveID{tls.X25519},
	}
}

// startSealForwarder starts a forwarder, and returns the address on which it listens.
func startSealForwarder(t testing.TB, args ...string) string {
	t.Helper()
	p := start(t, command{args: append([]string{file("seal")}, args...), chatty: true})
	listening := regexp.MustCompile(`listening (?:on |\S+ address=)(127\.0\.0\.1:\d+)`)
	for {
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("no line about listening: %v", err)
		}
		if m := listening.FindStringSubmatch(line); m != nil {
			go io.Copy(io.Discard, p.stdout)
			return m[1]
		}
	}
}

// startStunnel starts stunnel between a port, whose address it returns, and an address.
func startStunnel(t testing.TB, to string, options ...string) string {
	t.Helper()
	addr := "127.0.0.1:" + strconv.Itoa(freeport.Pick(t))
	lines := append([]string{"foreground = yes", "pid =", "syslog = no", "debug = notice",
		"[forward]", "accept = " + addr, "connect = " + to}, options...)
	conf := t.TempDir() + "/stunnel.conf"
	if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, command{args: []string{"stunnel", conf}})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
	}
	t.Fatal(errors.New("stunnel does not listen"))
	return ""
}
