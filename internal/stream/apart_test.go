package stream

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/sealsock/sealsock/internal/gcm"
)

// TestReadDecryptsToItsBuffer: a Read whose buffer has room for a record has it decrypted there, and
// one without room has it copied. The data is the same.
func TestReadDecryptsToItsBuffer(t *testing.T) {
	a, b := sockets(t)
	client, server := opened(t, a, b)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	for _, size := range []int{len(data), 4 * len(data), len(data) - 1} {
		if _, err := client.Write(data); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, size)
		server.in.Lock()
		for len(server.in.plain) == 0 {
			if err := server.next(true, p); err != nil {
				t.Fatal(err)
			}
		}
		if in := &server.in.plain[0] == &p[0]; in != (size >= len(data) && gcm.Accelerated()) {
			t.Errorf("a buffer of %d bytes has the record of %d: %v", size, len(data), in)
		}
		n := server.in.take(p)
		server.in.Unlock()
		if rest := p[n:]; n < len(data) {
			more, err := io.ReadAtLeast(server, append(rest, make([]byte, 10)...), len(data)-n)
			if err != nil || n+more != len(data) {
				t.Fatal(n, more, err)
			}
		}
		if !bytes.Equal(p[:n], data[:n]) {
			t.Errorf("a buffer of %d bytes has other data", size)
		}
	}
}

// TestReadsOfManySizes: what several records bring in one Read, or one record in several, is
// what was written.
func TestReadsOfManySizes(t *testing.T) {
	a, b := sockets(t)
	client, server := opened(t, a, b)
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	go func() {
		for rest, n := data, uint(1); len(rest) > 0; n = n*3 + 1 {
			part := rest[:min(int(n%40_000)+1, len(rest))]
			if _, err := client.Write(part); err != nil {
				t.Error(err)
			}
			rest = rest[len(part):]
		}
		if err := client.CloseWrite(); err != nil {
			t.Error(err)
		}
	}()
	if err := server.Handshake(context.Background()); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for n := uint(1); ; n = n*5 + 3 {
		p := make([]byte, n%70_000+1)
		m, err := server.Read(p)
		got = append(got, p[:m]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes came, which differ from the %d that were written", len(got), len(data))
	}
}
