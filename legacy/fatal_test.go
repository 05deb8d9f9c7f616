package legacy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/sealsock/sealsock/legacy"
)

// TestNothingAfterFatalAlert: once a fatal alert was sent or received, neither Write nor
// CloseWrite nor Close sends a record any more. RFC 5246, Section 7.2.2.
func TestNothingAfterFatalAlert(t *testing.T) {
	for name, fatal := range map[string][]byte{
		"a record that does not decrypt": append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...),
		"a record of an unknown type":    {99, 3, 3, 0, 1, 0},
	} {
		_, server, _ := configs(t, bothUsages)
		near, far := pipe(t)
		conn, err := legacy.Server(far, server)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- conn.Handshake() }()
		peer := tls.Client(near, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		if err := peer.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, err := near.Write(fatal); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 10)); err == nil || err == io.EOF {
			t.Fatalf("%s: the server reads on: %v", name, err)
		}
		if n, err := conn.Write([]byte("more")); err == nil || n > 0 {
			t.Errorf("%s: the server writes %d bytes", name, n)
		}
		if err := conn.CloseWrite(); err == nil {
			t.Errorf("%s: CloseWrite succeeds", name)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		sent, err := io.ReadAll(near)
		if err != nil {
			t.Fatal(err)
		}
		if n := records(sent); n != 1 || sent[0] != 21 {
			t.Errorf("%s: %d records follow, want the alert alone: % x", name, n, sent)
		}
	}
}

// pipe returns both ends of a TCP connection.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

// records counts TLS records.
func records(b []byte) (n int) {
	for r := bytes.NewReader(b); r.Len() >= 5; n++ {
		var header [5]byte
		if _, err := io.ReadFull(r, header[:]); err != nil {
			break
		}
		if _, err := r.Seek(int64(header[3])<<8|int64(header[4]), io.SeekCurrent); err != nil {
			break
		}
	}
	return n
}
