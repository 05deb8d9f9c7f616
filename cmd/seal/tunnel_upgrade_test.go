//go:build !windows

package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/peers"
)

// The sizes of TestTunnelUpgrade. With the environment variable SEALSOCK_TUNNEL_LOAD they are
// those of a large run: 1 GiB, and 500 connections beside it.
const (
	upgradeSteps  = 5
	upgradeSize   = 128 << 20
	upgradeOthers = 20
	largeSize     = 1 << 30
	largeOthers   = 500
)

// TestTunnelUpgrade downloads a file with curl through seal tunnel, which is upgraded five times
// meanwhile, while other connections send and receive: each byte arrives. The test stops reading
// from curl at each sixth of the file until an upgrade is over, and the file is longer than what
// the buffers between them hold, so every upgrade happens during the download.
func TestTunnelUpgrade(t *testing.T) {
	peers.Need(t, "curl")
	size, others := int64(upgradeSize), upgradeOthers
	if os.Getenv("SEALSOCK_TUNNEL_LOAD") != "" {
		size, others = largeSize, largeOthers
	}
	for name, serve := range map[string]func(*testing.T, string) string{
		"Go": serveFiles, "nginx": startNginx,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "www"), 0o755); err != nil {
				t.Fatal(err)
			}
			sum := writeRandom(t, filepath.Join(dir, "www", "file"), size)
			downloadDuringUpgrades(t, dir, serve(t, dir), sum, size, others)
		})
	}
}

// downloadDuringUpgrades downloads file from a backend while others connections are open.
func downloadDuringUpgrades(
	t *testing.T, dir, backend string, sum [32]byte, size int64, others int,
) {
	certs := filepath.Join(dir, "certs")
	if err := makeCertificates(certs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "t.toml"), fmt.Appendf(nil, `pid = "pid"
drain = "20s"
[[tunnel]]
name = "files"
listen = ["127.0.0.1:0"]
backend = [{ address = %q }]
server = { cert = "certs/server.pem", key = "certs/server.key" }
[[tunnel]]
name = "echo"
listen = ["127.0.0.1:0"]
backend = [{ address = %q }]
server = { cert = "certs/server.pem", key = "certs/server.key" }
`, backend, echoServer(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startTunnel(t, dir, "t.toml")
	end := make(chan struct{})
	results := make(chan error, others)
	cfg := &tls.Config{RootCAs: rootsIn(t, certs), ServerName: "localhost"}
	for i := range others {
		c, err := tls.Dial("tcp", p.address("echo"), cfg)
		if err != nil {
			t.Fatal(err)
		}
		go func() { results <- converse(c, end, uint64(i)) }()
	}
	got := p.download(filepath.Join(certs, "root.pem"), size)
	if got != sum {
		t.Error("another file has arrived")
	}
	close(end)
	for range others {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.Log(p.log())
	}
}

// download runs curl, upgrades the tunnel at each sixth of what arrives, and returns its hash.
func (p *tunnelProcess) download(root string, size int64) [32]byte {
	curl := exec.Command("curl", "--silent", "--show-error", "--fail", "--http1.1", "--no-buffer",
		"--cacert", root,
		"https://"+strings.Replace(p.address("files"), "127.0.0.1", "localhost", 1)+"/file")
	var words strings.Builder
	curl.Stderr = &words
	out, err := curl.StdoutPipe()
	if err == nil {
		err = curl.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	h := sha256.New()
	for step := range int64(upgradeSteps + 1) {
		part := (step+1)*size/(upgradeSteps+1) - step*size/(upgradeSteps+1)
		if n, err := io.CopyN(h, out, part); err != nil {
			curl.Wait()
			p.t.Fatalf("part %d, %d of %d bytes: %v: %s\n%s", step, n, part, err, words.String(), p.log())
		}
		if step < upgradeSteps {
			p.upgrade()
		}
	}
	more, err := io.Copy(h, out)
	if err = errors.Join(err, curl.Wait()); err != nil || more > 0 {
		p.t.Fatalf("%d bytes more than the file has; curl: %v: %s", more, err, words.String())
	}
	return [32]byte(h.Sum(nil))
}

// serveFiles serves the folder www with net/http, and returns its address.
func serveFiles(t *testing.T, dir string) string {
	s := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "www"))))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// startNginx serves the folder www with nginx over a UNIX socket, and returns its address.
func startNginx(t *testing.T, dir string) string {
	peers.Need(t, "nginx")
	temp := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += fmt.Sprintf("%s_temp_path %s/nginx-%s;\n", kind, dir, kind)
	}
	own, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	runs := "" // as root it would become another user, who cannot enter the folder
	if own.Uid == "0" {
		runs = "user " + own.Username + ";"
	}
	conf, socket := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "nginx.sock")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `daemon off; pid %s/nginx.pid; %s
error_log %s/nginx.log;
events {}
http { access_log off; sendfile on;
%sserver { listen unix:%s; root %s/www; } }
`, dir, runs, dir, temp, socket, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	cmd := exec.Command("nginx", "-c", conf, "-e", filepath.Join(dir, "nginx.log"))
	cmd.Stderr = &words
	withoutTerminal(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // SIGKILL would leave its worker
		<-ended
	})
	for until := time.Now().Add(2 * testTimeout); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return "unix://" + socket
		}
		select {
		case <-ended:
			t.Fatalf("nginx: %s", words.String())
		default:
		}
		if time.Now().After(until) {
			t.Fatal("nginx does not listen")
		}
	}
}

// rootsIn are the roots of makeCertificates.
func rootsIn(t *testing.T, certs string) *x509.CertPool {
	roots := x509.NewCertPool()
	root, err := os.ReadFile(filepath.Join(certs, "root.pem"))
	if err != nil || !roots.AppendCertsFromPEM(root) {
		t.Fatal(err)
	}
	return roots
}

func echoServer(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// converse sends blocks and awaits each of them, until end.
func converse(c net.Conn, end <-chan struct{}, seed uint64) error {
	defer c.Close()
	source := rand.New(rand.NewPCG(seed, 2))
	for n := 0; ; n++ {
		select {
		case <-end:
			return nil
		default:
		}
		block, got := make([]byte, 1+source.IntN(5000)), []byte(nil)
		for i := range block {
			block[i] = byte(source.Uint32())
		}
		got = make([]byte, len(block))
		c.SetDeadline(time.Now().Add(2 * testTimeout))
		if _, err := c.Write(block); err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		if _, err := io.ReadFull(c, got); err != nil || string(got) != string(block) {
			return fmt.Errorf("block %d: %v", n, err)
		}
	}
}

// A tunnelProcess is a seal tunnel, which may be another process after each upgrade.
type tunnelProcess struct {
	t    *testing.T
	dir  string
	file string
}

func startTunnel(t *testing.T, dir, file string) *tunnelProcess {
	p := &tunnelProcess{t: t, dir: dir, file: file}
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("seal", "tunnel", file)
	cmd.Dir, cmd.Stderr = dir, out
	withoutTerminal(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() {
		if n, err := readPID(filepath.Join(dir, "pid")); err == nil {
			syscall.Kill(n, syscall.SIGKILL)
		}
	})
	p.await("msg=listening tunnel=echo", 1)
	return p
}

func (p *tunnelProcess) log() string {
	data, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

// await waits until the log has a text several times.
func (p *tunnelProcess) await(text string, times int) {
	p.t.Helper()
	for end := time.Now().Add(2 * testTimeout); strings.Count(p.log(), text) < times; {
		if time.Now().After(end) {
			p.t.Fatalf("no %q in the log:\n%s", text, p.log())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// address is where a tunnel listens.
func (p *tunnelProcess) address(name string) string {
	_, rest, ok := strings.Cut(p.log(), "msg=listening tunnel="+name+" address=")
	if !ok {
		p.t.Fatalf("%s listens nowhere:\n%s", name, p.log())
	}
	return strings.Fields(rest)[0]
}

// upgrade starts another process, and waits until it has all connections.
func (p *tunnelProcess) upgrade() {
	p.t.Helper()
	before := strings.Count(p.log(), `msg="took over"`)
	cmd := exec.Command("seal", "tunnel", "upgrade", p.file)
	cmd.Dir = p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %s\n%s", err, out, p.log())
	}
	p.await(`msg="took over"`, before+1)
}
