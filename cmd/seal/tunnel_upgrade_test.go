//go:build !windows

package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	upgradeSize   = 8 << 20
	upgradeOthers = 20
	largeSize     = 1 << 30
	largeOthers   = 500
)

// TestTunnelUpgrade downloads a file with curl through seal tunnel, which is upgraded five times
// meanwhile, while other connections send and receive: each byte arrives. The server waits for an
// upgrade at each sixth of the file, so every one happens during the download.
func TestTunnelUpgrade(t *testing.T) {
	peers.Need(t, "curl")
	size, others := upgradeSize, upgradeOthers
	if os.Getenv("SEALSOCK_TUNNEL_LOAD") != "" {
		size, others = largeSize, largeOthers
	}
	dir := t.TempDir()
	if err := makeCertificates(filepath.Join(dir, "certs")); err != nil {
		t.Fatal(err)
	}
	steps := make(chan chan struct{})
	sum := make(chan string, 1)
	files := serveSlowly(t, size, steps, sum)
	echo := echoServer(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("t.toml", fmt.Sprintf(`pid = "pid"
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
`, files, echo))
	p := startTunnel(t, dir, "t.toml")
	roots := x509.NewCertPool()
	root, err := os.ReadFile(filepath.Join(dir, "certs", "root.pem"))
	if err != nil || !roots.AppendCertsFromPEM(root) {
		t.Fatal(err)
	}
	end := make(chan struct{})
	results := make(chan error, others)
	for i := range others {
		c, err := tls.Dial("tcp", p.address("echo"), &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		go func() { results <- converse(c, end, uint64(i)) }()
	}
	curl := exec.Command("curl", "--silent", "--show-error", "--http1.1", "--cacert",
		filepath.Join(dir, "certs", "root.pem"), "--output", filepath.Join(dir, "got"),
		"https://"+strings.Replace(p.address("files"), "127.0.0.1", "localhost", 1)+"/")
	var words strings.Builder
	curl.Stderr = &words
	if err := curl.Start(); err != nil {
		t.Fatal(err)
	}
	for range upgradeSteps {
		next := <-steps
		p.upgrade()
		close(next)
	}
	if err := curl.Wait(); err != nil {
		t.Fatalf("curl: %v: %s\n%s", err, words.String(), p.log())
	}
	got, err := os.Open(filepath.Join(dir, "got"))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	h := sha256.New()
	n, err := io.Copy(h, got)
	if err != nil || n != int64(size) || hex.EncodeToString(h.Sum(nil)) != <-sum {
		t.Errorf("%d of %d bytes arrived, or others: %v", n, size, err)
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

// serveSlowly serves a file over HTTP, and waits for an upgrade at several places of it.
func serveSlowly(t *testing.T, size int, steps chan<- chan struct{}, sum chan<- string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		h, source := sha256.New(), rand.NewChaCha8([32]byte{})
		part := make([]byte, 64<<10)
		for sent, step := 0, 1; sent < size; {
			n := min(len(part), size-sent)
			source.Read(part[:n])
			h.Write(part[:n])
			if _, err := w.Write(part[:n]); err != nil {
				return
			}
			if sent += n; step <= upgradeSteps && sent >= step*size/(upgradeSteps+1) {
				next := make(chan struct{})
				steps <- next
				<-next
				step++
			}
		}
		sum <- hex.EncodeToString(h.Sum(nil))
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
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
