package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/freeport"
)

// bulkPatience bounds one transfer, which takes a second or two on an idle
// machine.
const bulkPatience = 3 * time.Minute

// bulkSize is the number of bytes sent in each direction.
func bulkSize() int64 {
	if testing.Short() {
		return 16 << 20
	}
	return 256 << 20
}

// TestBulk transfers a large file through seal connect and seal listen, and
// with OpenSSL at either end, in one direction and in both at once, and
// compares every byte.
func TestBulk(t *testing.T) {
	need(t, seal)
	need(t, openssl30)
	need(t, openssl35)
	t.Run("seal to seal, files", bulkFile)
	ends := []struct {
		name           string
		client, server func(port int) command
	}{
		{"seal to seal", bulkConnect, bulkListen},
		{"seal to OpenSSL 3.5", bulkConnect, bulkServer(newer(), "openssl")},
		{"OpenSSL 3.5 to seal", bulkClient(newer(), "openssl"), bulkListen},
		{"seal to OpenSSL 3.0", bulkConnect, bulkServer("openssl")},
		{"OpenSSL 3.0 to seal", bulkClient("openssl"), bulkListen},
	}
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) { bulkPipes(t, e.client, e.server) })
	}
}

// bulkFile pipes a file from seal connect to seal listen, as a shell would.
func bulkFile(t *testing.T) {
	in, out := file("bulk.in"), file("bulk.out")
	f, err := os.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	src := newSource(1)
	_, err1 := io.Copy(f, src)
	if err2 := f.Close(); err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	server := startFor(t, shell("%s listen --json --cert %s --key %s 127.0.0.1:0 </dev/null >%s", file("seal"), file("p256.pem"), file("p256.key"), out), bulkPatience)
	port, err := server.announced()
	if err != nil {
		t.Fatal(err)
	}
	client := startFor(t, shell("%s connect --quiet --ca %s --name %s 127.0.0.1:%d <%s", file("seal"), file("ca.pem"), serverName, port, in), bulkPatience)
	for _, p := range []*process{client, server} {
		io.Copy(io.Discard, p.stdout)
		if err := p.wait(); err != nil {
			t.Errorf("%v: %v", p.cmd.Args, err)
		}
	}
	got := &sink{hash: sha256.New()}
	if f, err = os.Open(out); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.Copy(got, f)
	if err := got.same(src); err != nil {
		t.Error(err)
	}
}

// shell is a command line for sh, with standard error in its output.
func shell(format string, args ...any) command {
	return command{args: []string{"sh", "-c", fmt.Sprintf("exec "+format, args...)}, chatty: true}
}

// bulkPipes sends in both directions at once.
func bulkPipes(t *testing.T, clientAt, serverAt func(port int) command) {
	c := serverAt(0)
	port := 0
	if !c.announces {
		port = freeport.Pick(t)
		c = serverAt(port)
	}
	server := startFor(t, c, bulkPatience)
	if c.announces {
		var err error
		if port, err = announcedIn(&server.said); err != nil {
			t.Fatal(err)
		}
	}
	client := startFor(t, clientAt(relay(t, port, bulkPatience)), bulkPatience)
	up, down := newSource(2), newSource(3)
	atServer, atClient := make(chan *sink), make(chan *sink)
	go func() { atServer <- drain(server.stdout) }()
	go func() { atClient <- drain(client.stdout) }()
	sent := make(chan struct{}, 2)
	for p, src := range map[*process]*source{client: up, server: down} {
		go func() {
			io.Copy(p.stdin, src)
			sent <- struct{}{}
		}()
	}
	<-sent
	<-sent
	if err := (<-atServer).same(up); err != nil {
		t.Errorf("at the server: %v", err)
	}
	if err := (<-atClient).same(down); err != nil {
		t.Errorf("at the client: %v", err)
	}
	// End the transfer. OpenSSL's client runs until the other side ends, its
	// server until the client ends, and seal until both have ended.
	if c.ends {
		server.stdin.Close()
	}
	client.stdin.Close()
	if err := client.wait(); err != nil {
		t.Errorf("the client ended with %v", err)
	}
}

func bulkConnect(port int) command {
	return command{args: []string{file("seal"), "connect", "--json", "--ca", file("ca.pem"), "--name", serverName, "127.0.0.1:" + strconv.Itoa(port)}}
}

func bulkListen(int) command {
	return command{args: []string{file("seal"), "listen", "--json", "--cert", file("p256.pem"), "--key", file("p256.key"), "127.0.0.1:0"}, announces: true, ends: true}
}

func bulkClient(argv ...string) func(int) command {
	return func(port int) command {
		return command{args: append(argv, "s_client", "-quiet", "-connect", "127.0.0.1:"+strconv.Itoa(port),
			"-CAfile", file("ca.pem"), "-verify_return_error", "-verify_hostname", serverName, "-servername", serverName)}
	}
}

func bulkServer(argv ...string) func(int) command {
	return func(port int) command {
		return command{args: append(argv, "s_server", "-quiet", "-accept", "127.0.0.1:"+strconv.Itoa(port), "-naccept", "1",
			"-cert", file("p256.pem"), "-key", file("p256.key"))}
	}
}

// announcedIn waits for the port in the standard error of a program.
func announcedIn(said *lockedBuffer) (int, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if m := portPattern.FindStringSubmatch(said.String()); m != nil {
			return strconv.Atoi(m[1])
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("no port announced in %q", said.String())
}

// A source produces bulkSize bytes without repetition, and their hash.
type source struct {
	block []byte
	at    int // in block; a whole block means that the next one is due
	left  int64
	count uint64
	hash  hash.Hash
}

func newSource(seed uint64) *source {
	block := make([]byte, 1<<20)
	r := rand.NewPCG(seed, seed)
	for i := 0; i < len(block); i += 8 {
		binary.LittleEndian.PutUint64(block[i:], r.Uint64())
	}
	return &source{block: block, at: len(block), left: bulkSize(), hash: sha256.New()}
}

func (s *source) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if s.at == len(s.block) {
		s.count++
		s.at = 0
		binary.LittleEndian.PutUint64(s.block, s.count)
	}
	n := copy(p[:min(int64(len(p)), s.left)], s.block[s.at:])
	s.hash.Write(p[:n])
	s.at += n
	s.left -= int64(n)
	return n, nil
}

// A sink hashes the received bytes.
type sink struct {
	n    int64
	hash hash.Hash
}

func (s *sink) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.hash.Write(p)
}

// drain reads bulkSize bytes, or everything up to EOF.
func drain(r io.Reader) *sink {
	s := &sink{hash: sha256.New()}
	io.CopyBuffer(struct{ io.Writer }{s}, io.LimitReader(r, bulkSize()), make([]byte, 1<<18))
	return s
}

func (s *sink) same(src *source) error {
	if s.n != bulkSize() || !bytes.Equal(s.hash.Sum(nil), src.hash.Sum(nil)) {
		return fmt.Errorf("%d of %d bytes arrived, with SHA-256 %x, want %x", s.n, bulkSize(), s.hash.Sum(nil), src.hash.Sum(nil))
	}
	return nil
}
