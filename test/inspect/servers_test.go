package inspect

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A server is one program with one configuration.
type server struct {
	name string
	what string // for the table
	// command returns how to start it on a port; nil for one of this process.
	command func(f *files, port int) []string
	serve   func(f *files, l net.Listener)
	needs   string // the program
}

// servers are those of the comparison.
var servers = []server{
	{name: "OpenSSL 3.0", what: "the defaults", needs: "openssl",
		command: func(f *files, port int) []string { return f.openssl(port) }},
	{name: "OpenSSL 3.0, old", needs: "openssl",
		what: "TLS 1.0 to 1.3, every suite that it has, renegotiation by the client",
		command: func(f *files, port int) []string {
			return f.openssl(port, "-cipher", "ALL:eNULL:@SECLEVEL=0", "-client_renegotiation")
		}},
	{name: "OpenSSL 3.0, strict", needs: "openssl",
		what: "TLS 1.2 with three suites in its order, no tickets, a client certificate asked for",
		command: func(f *files, port int) []string {
			return f.openssl(port, "-tls1_2", "-serverpref", "-no_ticket", "-verify", "1", "-CAfile",
				f.path("ca.pem"), "-cipher", "ECDHE-RSA-AES256-GCM-SHA384:"+
					"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305")
		}},
	{name: "OpenSSL 3.5", needs: newer(),
		what: "the defaults, with keys of RSA and of ECDSA, and ALPN",
		command: func(f *files, port int) []string {
			return append([]string{newer()}, f.openssl(port, "-dcert", f.path("p256.pem"), "-dkey",
				f.path("p256.key"), "-alpn", "h2,http/1.1")...)
		}},
	{name: "GnuTLS 3.7", what: "the defaults", needs: "gnutls-serv",
		command: func(f *files, port int) []string { return f.gnutls(port, "NORMAL") }},
	{name: "GnuTLS 3.7, old", needs: "gnutls-serv",
		what: "TLS 1.0 to 1.3, triple DES and RC4, its order",
		command: func(f *files, port int) []string {
			return f.gnutls(port, "NORMAL:+VERS-TLS1.0:+VERS-TLS1.1:+3DES-CBC:+ARCFOUR-128:"+
				"+SIGN-RSA-SHA1:%SERVER_PRECEDENCE")
		}},
	{name: "nginx", what: "TLS 1.2 and 1.3, its order, HTTP/2", needs: "nginx",
		command: func(f *files, port int) []string { return f.nginx(port) }},
	{name: "HAProxy", what: "the defaults, ECDSA", needs: "haproxy",
		command: func(f *files, port int) []string { return f.haproxy(port) }},
	{name: "stunnel", what: "TLS 1.2 and 1.3", needs: "stunnel4",
		command: func(f *files, port int) []string { return f.stunnel(port) }},
	{name: "Java", what: "the defaults", needs: "java",
		command: func(f *files, port int) []string {
			return []string{"java", "-XX:TieredStopAtLevel=1", "testdata/Listen.java", strconv.Itoa(port),
				f.path("rsa.p12"), password}
		}},
	{name: "NSS", what: "TLS 1.0 to 1.3", needs: "selfserv",
		command: func(f *files, port int) []string {
			return []string{"selfserv", "-p", strconv.Itoa(port), "-d", "sql:" + f.path("nss"), "-n", "rsa",
				"-w", "", "-V", "tls1.0:tls1.3"}
		}},
	{name: "crypto/tls, old", what: "TLS 1.0 to 1.2, RC4 and triple DES", serve: serveOld},
}

const password = "inspect"

// files is the folder of the keys and the configurations.
type files struct{ dir string }

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

func (f *files) write(name, text string) string {
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		panic(err)
	}
	return f.path(name)
}

// makeFiles makes the keys.
func makeFiles(t *testing.T) *files {
	f := &files{t.TempDir()}
	ca := testcert.New()
	f.write("ca.pem", string(ca.PEM()))
	for _, kind := range []string{"rsa", "p256"} {
		leaf := ca.Issue(testcert.NewKey(kind), nil, "localhost")
		f.write(kind+".pem", string(leaf.CertPEM()))
		f.write(kind+".key", string(leaf.KeyPEM()))
		f.write(kind+".both", string(leaf.CertPEM())+string(leaf.KeyPEM()))
	}
	run := func(args ...string) {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Logf("%s: %v: %s", args, err, out) // a missing program is reported with its server
		}
	}
	run("openssl", "pkcs12", "-export", "-in", f.path("rsa.pem"), "-inkey", f.path("rsa.key"),
		"-name", "rsa", "-passout", "pass:"+password, "-out", f.path("rsa.p12"))
	if err := os.Mkdir(f.path("nss"), 0o700); err != nil {
		t.Fatal(err)
	}
	db := "sql:" + f.path("nss")
	run("certutil", "-N", "--empty-password", "-d", db)
	run("pk12util", "-i", f.path("rsa.p12"), "-W", password, "-d", db, "-K", "")
	return f
}

func (f *files) openssl(port int, more ...string) []string {
	return append([]string{"openssl", "s_server", "-accept", strconv.Itoa(port), "-cert",
		f.path("rsa.pem"), "-key", f.path("rsa.key"), "-quiet"}, more...)
}

func (f *files) gnutls(port int, priority string) []string {
	return []string{"gnutls-serv", "--port", strconv.Itoa(port), "--priority", priority, "--echo",
		"--disable-client-cert", "--x509certfile", f.path("rsa.pem"), "--x509keyfile", f.path("rsa.key")}
}

func (f *files) nginx(port int) []string {
	temp := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += fmt.Sprintf("%s_temp_path %s; ", kind, f.path("nginx-"+kind))
	}
	name := f.write(fmt.Sprintf("nginx-%d.conf", port), fmt.Sprintf(`daemon off; pid %s; error_log %s;
events {}
http { access_log off; %s
server { listen 127.0.0.1:%d ssl http2; ssl_certificate %s; ssl_certificate_key %s;
ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_session_cache shared:s:1m; } }
`, f.path("nginx.pid"), f.path("nginx.log"), temp, port, f.path("rsa.pem"), f.path("rsa.key")))
	return []string{"nginx", "-c", name}
}

func (f *files) haproxy(port int) []string {
	name := f.write("haproxy.cfg", fmt.Sprintf(`defaults
 mode tcp
 timeout connect 5s
 timeout client 30s
 timeout server 30s
frontend f
 bind 127.0.0.1:%d ssl crt %s
 tcp-request content reject
`, port, f.path("p256.both")))
	return []string{"haproxy", "-db", "-f", name}
}

func (f *files) stunnel(port int) []string {
	name := f.write("stunnel.conf", fmt.Sprintf(`foreground = yes
pid =
[s]
accept = 127.0.0.1:%d
connect = 127.0.0.1:1
cert = %s
key = %s
`, port, f.path("rsa.pem"), f.path("rsa.key")))
	return []string{"stunnel4", name}
}

// serveOld is a server of crypto/tls with what it has for old clients.
func serveOld(f *files, l net.Listener) {
	cert, err := tls.LoadX509KeyPair(f.path("rsa.pem"), f.path("rsa.key"))
	if err != nil {
		panic(err)
	}
	l = tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
			tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	})
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() { io.Copy(io.Discard, c); c.Close() }()
	}
}

// start starts a server, and returns its address once it listens.
func (s *server) start(t *testing.T, f *files) string {
	if s.serve != nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go s.serve(f, l)
		return fmt.Sprintf("localhost:%d", l.Addr().(*net.TCPAddr).Port)
	}
	port := freeport.Pick(t)
	addr := fmt.Sprintf("localhost:%d", port)
	args := s.command(f, port)
	cmd := exec.Command(args[0], args[1:]...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	in, err := cmd.StdinPipe() // some end with their input
	if err != nil {
		t.Fatal(err)
	}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Signal(os.Interrupt) // nginx ends its workers
		time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %.2000s", strings.Join(args, " "), said.String())
		}
	})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
	}
	t.Fatalf("%s does not listen", s.name)
	return ""
}

// newer is the starter of the programs that scripts/peers.sh unpacked.
func newer() string {
	if dir := os.Getenv("SEALSOCK_PEERS_DIR"); dir != "" {
		return filepath.Join(dir, "trixie", "run")
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = filepath.Join(os.TempDir(), ".cache")
	}
	return filepath.Join(dir, "sealsock", "peers", "trixie", "run")
}
