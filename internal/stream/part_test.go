package stream

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestHandshakeAfterDeadline: a deadline that passes while a large record of the handshake has
// come in part is not final, whatever the size of that part.
func TestHandshakeAfterDeadline(t *testing.T) {
	for name, ends := range pairs {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{3, 5, 600, smallSize - 1, smallSize, smallSize + 1, 16000} {
				handshakeInParts(t, ends, n)
			}
		})
	}
}

// handshakeInParts sends n bytes of a ClientHello that fills a record, and the rest after the
// server has run into a deadline, twice.
func handshakeInParts(t *testing.T, ends func(*testing.T) (a, b net.Conn), n int) {
	t.Helper()
	a, b := ends(t)
	_, server := wrap(t, a, b)
	go io.Copy(io.Discard, a)
	record := append([]byte{22, 3, 1, 0x40, 0}, 1, 0, 0x3f, 0xfc)
	record = append(record, make([]byte, 5+1<<14-len(record))...)
	go a.Write(record[:n])
	for range 2 {
		server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if err := server.Handshake(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	go a.Write(record[n:])
	server.SetReadDeadline(time.Now().Add(time.Minute))
	err := server.Handshake(t.Context())
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes: %v", n, err) // a hello of zeros is refused
	}
}
