package tunnel_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
)

// TestForwardedHelloIsForgotten: the ClientHello of a connection that is passed through is not
// kept once the backend has it.
func TestForwardedHelloIsForgotten(t *testing.T) {
	const clients, most = 64, 20 << 10
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := b.start(fmt.Sprintf("[[tunnel]]\nname = \"t\"\nlisten = [\"127.0.0.1:0\"]\n"+
		"[[tunnel.route]]\npass = true\nbackend = [{ address = %q }]\n", l.Addr()))
	hello := longHello()
	connect := func() {
		client, err := net.Dial("tcp", s.Addrs("t")[0].String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		if _, err := client.Write(hello); err != nil {
			t.Fatal(err)
		}
		backend, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { backend.Close() })
		if _, err := io.CopyN(io.Discard, backend, int64(len(hello))); err != nil {
			t.Fatal(err)
		}
	}
	connect()
	before := heap()
	for range clients {
		connect()
	}
	if each := (heap() - before) / clients; each > most {
		t.Errorf("a connection keeps %d bytes after a ClientHello of %d", each, len(hello))
	} else {
		t.Logf("%d bytes", each)
	}
}

// longHello is a ClientHello of about 50 KB.
func longHello() []byte {
	var all []string
	for n := range 200 {
		all = append(all, fmt.Sprint(strings.Repeat("x", 240), n))
	}
	c := &recorder{}
	tls.Client(c, &tls.Config{ServerName: "a.example", NextProtos: all}).Handshake()
	return c.sent
}

// A recorder is a connection whose peer has ended.
type recorder struct {
	net.Conn
	sent []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.sent = append(r.sent, p...)
	return len(p), nil
}

func (r *recorder) Read([]byte) (int, error) { return 0, io.EOF }
func (r *recorder) Close() error             { return nil }

// heap returns the bytes that are in use.
func heap() int {
	var m runtime.MemStats
	for range 3 { // pools are empty then
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
