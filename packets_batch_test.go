package sealsock_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
)

// batchOf returns messages that differ: runs of one size, others, and an empty one.
func batchOf() (list [][]byte) {
	for i, n := range slices.Concat(slices.Repeat([]int{1000}, 9), []int{300, 0, 1, 700, 1000, 1100},
		slices.Repeat([]int{20}, 70)) {
		if n == 0 {
			list = append(list, nil)
			continue
		}
		list = append(list, bytes.Repeat([]byte{byte(i)}, n))
	}
	return list
}

// TestWriteBatch: each message of a batch arrives as it was sent, from a client and from a
// Listener, over the sockets that send several at once and over others.
func TestWriteBatch(t *testing.T) {
	addrs := []string{"udp://127.0.0.1:0", "udp6://[::1]:0", "udplite://127.0.0.1:0"}
	if runtime.GOOS != "windows" {
		addrs = append(addrs, "unixgram://"+filepath.Join(t.TempDir(), "s"))
	}
	for _, addr := range addrs {
		for _, v := range []iana.Version{iana.TLS13, iana.TLS12} {
			t.Run(addr+" "+v.String(), func(t *testing.T) {
				client, server := newConfigs(t)
				client.MinVersion, client.MaxVersion = v, v
				c, s := batchPair(t, addr, client, server)
				batchArrives(t, c, s)
				batchArrives(t, s, c)
			})
		}
	}
}

// batchPair returns both ends of a connection.
func batchPair(
	t *testing.T, addr string, client, server *sealsock.Config,
) (c, s *sealsock.Conn) {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), addr, server)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted := make(chan *sealsock.Conn, 1)
	go func() {
		s, _ := l.AcceptConn(t.Context())
		accepted <- s
	}()
	scheme, _, _ := strings.Cut(addr, "://")
	if c, err = sealsock.Dial(t.Context(), scheme+"://"+l.Addr().String(), client); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if s = <-accepted; s == nil {
		t.Fatal("no connection was accepted")
	}
	t.Cleanup(func() { s.Close() })
	return c, s
}

// batchArrives sends a batch until each of its messages has arrived: datagrams may be lost.
func batchArrives(t *testing.T, from, to *sealsock.Conn) {
	t.Helper()
	list := batchOf()
	missing := map[string]bool{}
	for _, m := range list {
		if len(m) > 0 {
			missing[string(m)] = true
		}
	}
	sent := len(missing)
	known := map[string]bool{}
	buf := make([]byte, 2000)
	for range 50 {
		n, err := from.WriteBatch(list)
		// A Listener waits only a moment for room in a socket that is not of UDP.
		short := errors.Is(err, os.ErrDeadlineExceeded) && n < len(list)
		if !short && (n != len(list) || err != nil) {
			t.Fatalf("%d of %d messages were sent: %v", n, len(list), err)
		}
		for range sent {
			to.SetReadDeadline(time.Now().Add(2 * time.Second))
			n, err := to.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			m := string(buf[:n])
			if !missing[m] && !known[m] {
				t.Fatalf("a message of %d bytes was not sent", n)
			}
			known[m] = true
			delete(missing, m)
		}
		if len(missing) == 0 {
			return
		}
	}
	t.Fatalf("%d messages have not arrived", len(missing))
}

// TestWriteBatchError: the messages before the one with an error are sent, and n is its index.
func TestWriteBatchError(t *testing.T) {
	client, server := newConfigs(t)
	c, s := batchPair(t, "udp://127.0.0.1:0", client, server)
	list := [][]byte{[]byte("first"), nil, make([]byte, c.MaxMessage()+1), []byte("last")}
	n, err := c.WriteBatch(list)
	if n != 2 || err == nil || !strings.Contains(err.Error(), "at most") {
		t.Fatalf("%d messages, %v", n, err)
	}
	if n, err := c.WriteBatch(list[n+1:]); n != 1 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
	buf := make([]byte, 100)
	for _, want := range []string{"first", "last"} {
		n, err := s.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Fatalf("%q came, %v; expected %q", buf[:n], err, want)
		}
	}
	c.SetWriteDeadline(time.Now().Add(-time.Second))
	if n, err := c.WriteBatch(list[3:]); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %d messages, %v", n, err)
	}
	c.SetWriteDeadline(time.Time{})
	c.Close()
	if n, err := c.WriteBatch(list[3:]); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %d messages, %v", n, err)
	}
}

// TestWriteBatchStream: over a stream the messages follow each other.
func TestWriteBatchStream(t *testing.T) {
	client, server := newConfigs(t)
	a, b := net.Pipe()
	c, err := sealsock.Client(a, client)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealsock.Server(b, server)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() {
		if n, err := c.WriteBatch([][]byte{[]byte("one"), nil, []byte("two")}); n != 3 || err != nil {
			t.Errorf("%d messages, %v", n, err)
		}
		c.Close()
	}()
	if all, err := io.ReadAll(s); string(all) != "onetwo" || err != nil {
		t.Errorf("%q came, %v", all, err)
	}
}

// TestReadBatch: messages that have come are read together, each in a buffer of its own, and a call
// waits for one at least. What follows a message that its buffer does not hold stays.
func TestReadBatch(t *testing.T) {
	client, server := newConfigs(t)
	c, s := batchPair(t, "udp://127.0.0.1:0", client, server)
	list := batchOf()
	if n, err := c.WriteBatch(list); n != len(list) || err != nil {
		t.Fatal(n, err)
	}
	list = slices.DeleteFunc(list, func(m []byte) bool { return len(m) == 0 })
	got, most := 0, 0
	for got < len(list) {
		buffers := make([][]byte, 10)
		for i := range buffers {
			buffers[i] = make([]byte, 2000)
		}
		s.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := s.ReadBatch(buffers)
		if n < 1 || n > 10 || err != nil {
			t.Fatalf("%d messages after %d: %v", n, got, err)
		}
		for i, b := range buffers[:n] {
			if !bytes.Equal(b, list[got+i]) {
				t.Fatalf("message %d has %d bytes, expected %d", got+i, len(b), len(list[got+i]))
			}
		}
		if n < 10 && len(buffers[n]) != 2000 {
			t.Error("a buffer without a message was changed")
		}
		got, most = got+n, max(most, n)
	}
	if most == 1 {
		t.Error("each message was read by itself")
	}
	if n, err := s.ReadBatch(nil); n != 0 || err != nil {
		t.Errorf("without buffers: %d, %v", n, err)
	}
	s.SetReadDeadline(time.Now().Add(-time.Second))
	if n, err := s.ReadBatch(make([][]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %d, %v", n, err)
	}
	shortBuffer(t, c, s)
	var none *sealsock.Conn
	if _, err := none.ReadBatch(make([][]byte, 1)); err == nil {
		t.Error("nil reads")
	}
}

// shortBuffer sends two messages, of which the second one does not fit into its buffer.
func shortBuffer(t *testing.T, c, s *sealsock.Conn) {
	t.Helper()
	if n, err := c.WriteBatch([][]byte{[]byte("one"), []byte("longer")}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	s.SetReadDeadline(time.Now().Add(10 * time.Second))
	for range 2 { // they may come apart
		buffers := [][]byte{make([]byte, 5), make([]byte, 5)}
		n, err := s.ReadBatch(buffers)
		if n == 1 && string(buffers[0]) == "one" && err == nil {
			continue
		}
		if n != 0 || !errors.Is(err, io.ErrShortBuffer) {
			t.Errorf("%d messages, %v", n, err)
		}
	}
	long := [][]byte{make([]byte, 6)}
	if n, err := s.ReadBatch(long); n != 1 || err != nil || string(long[0]) != "longer" {
		t.Errorf("%d, %v", n, err)
	}
}

// TestReadBatchStream: over a stream it is one Read.
func TestReadBatchStream(t *testing.T) {
	client, server := newConfigs(t)
	c, s := batchPair(t, "tcp://127.0.0.1:0", client, server)
	if _, err := c.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	buffers := [][]byte{make([]byte, 9), make([]byte, 9)}
	if n, err := s.ReadBatch(buffers); n != 1 || err != nil || string(buffers[0]) != "text" {
		t.Errorf("%d, %v, %q", n, err, buffers[0])
	}
	s.SetReadDeadline(time.Now().Add(-time.Second))
	if n, err := s.ReadBatch(buffers); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %d, %v", n, err)
	}
	if len(buffers[0]) != 4 {
		t.Errorf("a buffer without a message has %d bytes of its 4", len(buffers[0]))
	}
	s.SetReadDeadline(time.Time{})
	c.Close()
	if n, err := s.ReadBatch(buffers); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}
