package sealmysql

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/sealsock/sealsock"
)

// TestInjection has an attacker who puts an answer behind the greeting, in plaintext: the
// driver does not receive it.
func TestInjection(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	greeting := append([]byte{18, 0, 0, 0, 10, 'm', 0}, "\x01\x00\x00\x00salt 123\x00\x00\x08"...)
	greeting[0] = byte(len(greeting) - 4)
	go server.Write(append(greeting, 7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0)) // OK
	got, err := readGreeting(t.Context(), client)
	if err != nil || !bytes.Equal(got, greeting) {
		t.Fatalf("%x, %v", got, err)
	}
	failed := errors.New("refused")
	c := &conn{raw: discard{client}, pending: got, phase: greeted}
	c.upgrade = func() (*sealsock.Conn, error) { return nil, failed }
	again := make([]byte, len(greeting))
	if _, err := io.ReadFull(c, again); err != nil || !bytes.Equal(again, greeting) {
		t.Errorf("the driver read %x, %v", again, err)
	}
	if n, err := c.Read(again); n > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the driver read %x, %v, too", again[:n], err)
	}
	if n, err := c.Write(make([]byte, 100)); !errors.Is(err, failed) || n == 0 {
		t.Errorf("wrote %d, %v", n, err)
	}
	if _, err := c.Write(make([]byte, sslRequest-1)); err == nil {
		t.Error("a short answer is accepted")
	}
}

// discard drops what is written.
type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// FuzzGreeting reads greetings, and accepts none without CLIENT_SSL.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte("\x14\x00\x00\x00\x0am\x00\x01\x00\x00\x00salt 123\x00\x00\x08\x00\x00"))
	f.Add([]byte("\x01\x00\x00\x00\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		packet, err := readPacket(r)
		if err != nil {
			return
		}
		if len(packet) > maxGreeting+4 || !bytes.HasPrefix(in, packet) ||
			r.Len() != len(in)-len(packet) {
			t.Fatalf("%d bytes are read of %d, and %d are left", len(packet), len(in), r.Len())
		}
		if check(packet[4:]) == nil && packet[4] != 0xff && !bytes.ContainsAny(packet, "\x08\x0a") {
			t.Errorf("%x is accepted", packet)
		}
	})
}

// FuzzTranslate splits packets at any place: the sequence numbers alone change, and the same
// way as in one piece.
func FuzzTranslate(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x01ab\x00\x00\x00\x02\x01\x00\x00\x00c"), uint16(5))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01"), uint16(2))
	f.Fuzz(func(t *testing.T, in []byte, at uint16) {
		whole, parts := bytes.Clone(in), bytes.Clone(in)
		began := new(packets).translate(whole, 1)
		split := min(int(at), len(in))
		var s packets
		second := s.translate(parts[:split], 1) || s.translate(parts[split:], 1)
		if began != second || !bytes.Equal(whole, parts) {
			t.Fatalf("%x, %v; in two pieces %x, %v", whole, began, parts, second)
		}
		var back packets
		if back.translate(whole, -1); !began && !bytes.Equal(whole, in) && !wraps(in) {
			t.Fatalf("%x and back: %x", in, whole)
		}
	})
}

// wraps reports whether the number 255 is in the packets, whose successor is 0.
func wraps(in []byte) bool { return bytes.IndexByte(in, 255) >= 0 }
