//go:build linux || darwin || freebsd

package socket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/socket"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

func TestSendFile(t *testing.T) {
	data := randomBytes(5<<20 + 123)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		name          string
		offset, count int64
		want          []byte
	}{
		{"all", 0, -1, data},
		{"from an offset", 1000, -1, data[1000:]},
		{"a part", 1000, 2000, data[1000:3000]},
		{"more than there is", 1000, 1 << 40, data[1000:]},
		{"nothing", 5, 0, nil},
		{"behind the end", 1 << 40, -1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := tcpPair(t)
			sendAndCompare(t, a, b, f, c.offset, c.count, c.want)
		})
	}
	t.Run("seqpacket copies", func(t *testing.T) {
		a, b := pair(t, socket.SeqPacket)
		sendAndCompare(t, a, b, f, 0, 300_000, data[:300_000])
	})
	t.Run("pipe", func(t *testing.T) {
		a, b := tcpPair(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		go func() {
			for part := range bytesOf(data, 100_000) {
				time.Sleep(time.Millisecond) // so that the pipe is empty now and then
				_, _ = w.Write(part)
			}
			_ = w.Close()
		}()
		sendAndCompare(t, a, b, r, 0, -1, data)
		if _, err := a.SendFile(background, r, 5, -1); err == nil {
			t.Error("an offset in a pipe")
		}
	})
	t.Run("no empty message", func(t *testing.T) {
		a, b := pair(t, socket.SeqPacket)
		if n, err := a.SendFile(background, f, 0, 10); n != 10 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if n, err := a.SendFile(background, f, 0, 0); n != 0 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if _, err := a.Write([]byte("next")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		for _, want := range []string{string(data[:10]), "next"} {
			if n, err := b.Read(buf); err != nil || string(buf[:n]) != want {
				t.Errorf("%q, %v, want %q", buf[:n], err, want)
			}
		}
	})
	t.Run("cancelled", cancelSendFile)
	t.Run("errors", func(t *testing.T) {
		a, _ := tcpPair(t)
		if _, err := a.SendFile(background, f, -1, -1); err == nil {
			t.Error("a negative offset")
		}
		ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
		defer cancel()
		for { // the peer does not read
			if _, err := a.SendFile(ctx, f, 0, -1); err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				break
			}
		}
		_ = a.Close()
		if _, err := a.SendFile(background, f, 0, -1); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		g, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_ = g.Close()
		if _, err := a.SendFile(background, g, 0, -1); err == nil {
			t.Error("a closed file")
		}
	})
}

func bytesOf(data []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			n := min(size, len(data))
			if !yield(data[:n]) {
				return
			}
			data = data[n:]
		}
	}
}

func sendAndCompare(t *testing.T, a, b *socket.Socket, f *os.File, offset, count int64, want []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(background, time.Minute)
	defer cancel()
	type result struct {
		n   int64
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := a.SendFile(ctx, f, offset, count)
		_ = a.CloseWrite()
		done <- result{n, err}
	}()
	whole, err := socket.StreamOver(b, 1<<17, 1<<17)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(whole)
	if err != nil {
		t.Fatal(err)
	}
	r := <-done
	if r.err != nil || r.n != int64(len(want)) || !bytes.Equal(got, want) {
		t.Errorf("sent %d, %v; received %d of %d bytes, equal %v", r.n, r.err, len(got), len(want), bytes.Equal(got, want))
	}
}

func TestStreamOver(t *testing.T) {
	a, b := pair(t, socket.SeqPacket)
	x, err := socket.StreamOver(a, 1000, 70_000)
	if err != nil {
		t.Fatal(err)
	}
	y, err := socket.StreamOver(b, 70_000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	data := randomBytes(100_000)
	go func() {
		_, _ = x.Write(data)
		_ = x.CloseWrite()
	}()
	var got []byte
	for size := 1; ; size = size%1500 + 7 {
		buf := make([]byte, size)
		n, err := y.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes arrived of %d", len(got), len(data))
	}
	if n, err := y.Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
	if y.NetConn() != b {
		t.Error("NetConn is another connection")
	}
	c, d := pair(t, socket.SeqPacket)
	small, err := socket.StreamOver(d, 10, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("more than ten bytes")); err != nil {
		t.Fatal(err)
	}
	if n, err := small.Read(make([]byte, 5)); err == nil {
		t.Errorf("%d bytes of a message that was cut", n)
	}
	for _, n := range []int{0, -1, 1 << 30} {
		if _, err := socket.StreamOver(a, n, 100); err == nil {
			t.Errorf("messages of %d bytes", n)
		}
	}
	p, _ := net.Pipe()
	z, err := socket.StreamOver(p, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.CloseWrite(); err == nil {
		t.Error("a pipe was half closed")
	}
}

// cancelSendFile ends waits for pipes that hold nothing: for one that Go can
// poll, and for one that it cannot.
func cancelSendFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	files := []*os.File{r}
	if runtime.GOOS == "linux" { // elsewhere such a pipe holds up its reader
		var fds [2]int
		if err := syscall.Pipe(fds[:]); err != nil {
			t.Fatal(err)
		}
		blocking, end := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
		defer blocking.Close()
		defer end.Close()
		files = append(files, blocking)
	}
	for i, f := range files {
		a, b := tcpPair(t)
		ctx, cancel := context.WithTimeout(background, 30*time.Millisecond)
		if n, err := a.SendFile(ctx, f, 0, -1); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("pipe %d: %d, %v", i, n, err)
		}
		cancel()
		if i > 0 {
			continue
		}
		// The pipe can be used again.
		if _, err := w.Write([]byte("later")); err != nil {
			t.Fatal(err)
		}
		if n, err := a.SendFile(background, f, 0, 5); n != 5 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
		if _, err := b.RecvInto(background, make([]byte, 5), 0); err != nil {
			t.Error(err)
		}
		s, _ := pair(t, socket.SeqPacket) // which copies
		ctx, cancel = context.WithTimeout(background, 30*time.Millisecond)
		if n, err := s.SendFile(ctx, f, 0, -1); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("copying: %d, %v", n, err)
		}
		cancel()
	}
}
