package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	peer "github.com/coder/websocket"

	_ "github.com/sealsock/sealsock/address/all"
	"github.com/sealsock/sealsock/internal/websocket"
)

// pair returns both sides of a WebSocket over loopback.
func pair(t *testing.T) (client, server *websocket.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *websocket.Conn, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		s := websocket.Server(raw, "/room?x=1")
		s.Handshake()
		accepted <- s
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, err = websocket.Client(t.Context(), raw, l.Addr().String(), "/room?x=1")
	if err != nil {
		t.Fatal(err)
	}
	server = <-accepted
	for _, c := range []*websocket.Conn{client, server} {
		c.SetDeadline(time.Now().Add(time.Minute))
		t.Cleanup(func() { c.Close() })
	}
	return client, server
}

// TestHalfClose ends one direction after the other, each side first.
func TestHalfClose(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 30_000)
	for _, clientFirst := range []bool{true, false} {
		first, second := pair(t)
		if !clientFirst {
			first, second = second, first
		}
		go func() {
			first.Write(data)
			first.CloseWrite()
		}()
		if got, err := io.ReadAll(second); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		go func() {
			second.Write(data)
			second.CloseWrite()
		}()
		if got, err := io.ReadAll(first); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("after the end of the other direction: %d bytes, %v", len(got), err)
		}
		if _, err := first.Write(data); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after CloseWrite: %v", err)
		}
	}
}

// TestCut ends the connection in other ways than in order.
func TestCut(t *testing.T) {
	client, server := pair(t)
	server.Abort()
	var e *websocket.Error
	if _, err := client.Read(make([]byte, 1)); !errors.As(err, &e) || e.Status != 1011 {
		t.Errorf("after Abort: %v", err)
	}
	raw := scripted(t, "\x82\x03ab")
	if got, err := io.ReadAll(raw); string(got) != "ab" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a frame that is cut: %q, %v", got, err)
	}
}

// TestDeadlines interrupts a read and a write in the middle, and continues both.
func TestDeadlines(t *testing.T) {
	client, server := pair(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	type result struct {
		n   int
		err error
	}
	written := make(chan result, 1)
	go func() {
		n, err := client.Write(data)
		written <- result{n, err}
	}()
	got := make([]byte, 100_000) // more than a frame has, so that some were sent
	if _, err := io.ReadFull(server, got); err != nil {
		t.Fatal(err)
	}
	client.SetWriteDeadline(time.Unix(1, 0))
	r := <-written
	sent, err := r.n, r.err
	if !errors.Is(err, os.ErrDeadlineExceeded) || sent == 0 || sent == len(data) {
		t.Fatalf("%d bytes were sent, %v", sent, err)
	}
	client.SetWriteDeadline(time.Time{})
	go func() {
		client.Write(data[sent:])
		client.CloseWrite()
	}()
	buf := make([]byte, 1000)
	for {
		server.SetReadDeadline(time.Now().Add(time.Millisecond))
		n, err := server.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes arrived of %d, or others", len(got), len(data))
	}
}

// scripted returns a client whose server sends the bytes after the handshake, and closes.
func scripted(t *testing.T, frames string) *websocket.Conn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	far.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		s := websocket.Server(far, "/")
		if s.Handshake() == nil {
			go io.Copy(io.Discard, far)
			io.WriteString(far, frames)
			far.Close()
		}
	}()
	c, err := websocket.Client(t.Context(), near, "localhost", "/")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFrames reads frames that a server sends.
func TestFrames(t *testing.T) {
	end := "\x88\x02\x03\xe8"
	for name, c := range map[string]struct{ frames, want, problem string }{
		"fragments, with a ping":    {"\x02\x01a\x89\x01p\x00\x01b\x80\x01c" + end, "abc", ""},
		"text, and a pong":          {"\x81\x02hi\x8a\x00" + end, "hi", ""},
		"an end without a status":   {"\x82\x00\x88\x00", "", ""},
		"a status that is no end":   {"\x88\x05\x03\xe9bye", "", `status 1001: "bye"`},
		"half a status":             {"\x88\x01\x03", "", "half a status"},
		"an extension":              {"\xc2\x00", "", "extension"},
		"a mask":                    {"\x82\x81abcdx", "", "masked"},
		"a long form of 16 bits":    {"\x82\x7e\x00\x7d", "", "shortest"},
		"a long form of 64 bits":    {"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "", "shortest"},
		"a negative length":         {"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "", "shortest"},
		"a fragmented ping":         {"\x09\x00", "", "control frame"},
		"a long ping":               {"\x89\x7e\x00\x7e", "", "control frame"},
		"a continuation of nothing": {"\x80\x00", "", "continuation"},
		"a message in another one":  {"\x02\x00\x82\x00", "", "within"},
		"an unknown opcode":         {"\x83\x00", "", "opcode"},
		"an unknown control opcode": {"\x8b\x00", "", "opcode"},
		"no end":                    {"\x82\x01a", "a", "without a Close frame"},
	} {
		conn := scripted(t, c.frames)
		got, err := io.ReadAll(conn)
		if string(got) != c.want || (err == nil) != (c.problem == "") ||
			err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, again := conn.Read(make([]byte, 1)); again == nil || err != nil && again != err {
			t.Errorf("%s: the next read: %v", name, again)
		}
	}
}

// TestRefused has requests and responses that are no upgrade.
func TestRefused(t *testing.T) {
	good := "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	for _, c := range []struct{ old, new, want string }{
		{"", "", "101"},
		{"==\r\n\r\n", "==\n\r\n", "101"}, // RFC 9112, Section 2.2
		{"==\r\n\r\n", "==\n\n", "101"},
		{"Host: a\r\n", "Host: a\r\nOrigin: https://a\r\n", "101"},
		{"Host: a\r\n", "Host: a\r\nOrigin: https://evil.example\r\n", "403"},
		{"GET / ", "GET /other ", "404"},
		{"GET / ", "POST / ", "400"},
		{"HTTP/1.1", "HTTP/1.0", "400"},
		{"GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "400"},
		{"Upgrade: websocket", "Upgrade: h2c", "426"},
		{"keep-alive, Upgrade", "keep-alive", "426"},
		{"Version: 13", "Version: 8", "426"},
		{"AAAA==", "AAA==", "400"},
		{"Host: a\r\n", "Host: a\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n", ""},
	} {
		near, far := net.Pipe()
		far.SetDeadline(time.Now().Add(time.Minute))
		result := make(chan error, 1)
		go func() {
			result <- websocket.Server(far, "/").Handshake()
			far.Close()
		}()
		go io.WriteString(near, strings.Replace(good, c.old, c.new, 1))
		answer, _ := io.ReadAll(near)
		if !strings.HasPrefix(string(answer), strings.TrimSpace("HTTP/1.1 "+c.want)) && c.want != "" {
			t.Errorf("%q: %q", c.new, answer)
		}
		if err := <-result; (err == nil) != (c.want == "101") {
			t.Errorf("%q: %v", c.new, err)
		}
	}
	for _, c := range []struct{ answer, problem string }{
		{"HTTP/1.1 404 Not Found\r\n\r\n", `"404 Not Found"`},
		{"SSH-2.0-x\r\n\r\n", "not HTTP"},
		{"HTTP/1.1 101 Y\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "another protocol"},
		{"HTTP/1.1 101 Y\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" +
			"Sec-WebSocket-Accept: x\r\n\r\n", "belong"},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 17<<10), "16384"},
	} {
		near, far := net.Pipe()
		go io.Copy(io.Discard, far)
		near.SetDeadline(time.Now().Add(time.Minute))
		go io.WriteString(far, c.answer)
		_, err := websocket.Client(t.Context(), near, "a", "/")
		if err == nil || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%.40q: %v", c.answer, err)
		}
		near.Close()
	}
	near, far := net.Pipe()
	go io.Copy(io.Discard, far)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := websocket.Client(ctx, near, "a", "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent server: %v", err)
	}
}

// TestForeignServer talks with another implementation as the server.
func TestForeignServer(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := peer.Accept(w, r, nil)
		if err != nil {
			return
		}
		c.SetReadLimit(-1)
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, b); err != nil {
				return
			}
			if string(b) == "end" {
				c.Close(peer.StatusNormalClosure, "")
			}
		}
	}))
	defer echo.Close()
	addr := strings.TrimPrefix(echo.URL, "http://")
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := websocket.Client(t.Context(), raw, addr, "/")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data := bytes.Repeat([]byte("x"), 200_000)
	go func() {
		c.Write(data)
		c.Write([]byte("end"))
	}()
	got, err := io.ReadAll(c)
	if err != nil || len(got) != len(data)+3 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestForeignClient talks with another implementation as the client.
func TestForeignClient(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	result := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			result <- err
			return
		}
		s := websocket.Server(raw, "/x")
		_, err = io.Copy(s, s)
		result <- errors.Join(err, s.CloseWrite())
		s.Close()
	}()
	c, _, err := peer.Dial(t.Context(), "ws://"+l.Addr().String()+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	conn := peer.NetConn(t.Context(), c, peer.MessageBinary)
	data := bytes.Repeat([]byte("y"), 200_000)
	go conn.Write(data)
	if _, err := io.ReadFull(conn, make([]byte, len(data))); err != nil {
		t.Error(err)
	}
	pinged := make(chan error, 1)
	ctx := c.CloseRead(t.Context())
	go func() { pinged <- c.Ping(ctx) }()
	if err := <-pinged; err != nil {
		t.Error("ping:", err)
	}
	if err := c.Close(peer.StatusNormalClosure, ""); err != nil {
		t.Error("close:", err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// FuzzRead reads what a peer may send, in both roles.
func FuzzRead(f *testing.F) {
	f.Add(true, []byte("\x02\x01a\x89\x01p\x00\x01b\x80\x01c\x88\x02\x03\xe8"))
	f.Add(false, []byte("\x82\x83abcdxyz\x88\x80abcd"))
	f.Fuzz(func(t *testing.T, client bool, sent []byte) {
		near := &fake{r: bytes.NewReader(sent)}
		var c *websocket.Conn
		if client {
			c, _ = websocket.Client(t.Context(), near, "a", "/")
		} else {
			near.r = io.MultiReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\n"+
				"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), near.r)
			c = websocket.Server(near, "/")
		}
		n, err := io.Copy(io.Discard, c)
		if n > int64(len(sent)) || err == nil && len(sent) == 0 {
			t.Errorf("%d bytes of %d, %v", n, len(sent), err)
		}
		c.Close()
	})
}

// A fake is a connection with a handshake and bytes that a peer sends behind it.
type fake struct {
	net.Conn
	r    io.Reader
	once bool
}

func (f *fake) Read(p []byte) (int, error) { return f.r.Read(p) }

// Write completes the handshake of a client.
func (f *fake) Write(p []byte) (int, error) {
	if key, ok := keyOf(p); ok && !f.once {
		f.once = true
		head := fmt.Sprintf("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"+
			"Sec-WebSocket-Accept: %s\r\n\r\n", websocket.AcceptOf(key))
		f.r = io.MultiReader(strings.NewReader(head), f.r)
	}
	return len(p), nil
}

func keyOf(p []byte) (string, bool) {
	_, rest, ok := strings.Cut(string(p), "Sec-WebSocket-Key: ")
	key, _, _ := strings.Cut(rest, "\r\n")
	return key, ok
}

func (*fake) SetDeadline(time.Time) error      { return nil }
func (*fake) SetWriteDeadline(time.Time) error { return nil }
func (*fake) Close() error                     { return nil }
