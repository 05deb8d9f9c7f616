package proxyprotocol_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealsock/sealsock/proxyprotocol"
)

func tcp(text string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", text)
	if err != nil {
		panic(err)
	}
	if ip := a.IP.To4(); ip != nil {
		a.IP = ip
	}
	return a
}

func udp(text string) net.Addr {
	a := tcp(text).(*net.TCPAddr)
	return &net.UDPAddr{IP: a.IP, Port: a.Port}
}

// header is what the tests are about.
type header = proxyprotocol.Header

// signature is how version 2 begins.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// headers has headers as they are on the network.
var headers = map[string]struct {
	text string
	want header
}{
	"line": {
		"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n",
		header{Version: 1, Source: tcp("192.0.2.1:56324"), Destination: tcp("198.51.100.1:443")},
	},
	"line of IPv6": {
		"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
		header{Version: 1, Source: tcp("[2001:db8::1]:1"),
			Destination: tcp("[2001:db8::2]:65535")},
	},
	"line without addresses": {
		"PROXY UNKNOWN\r\n", header{Version: 1},
	},
	"IPv4": {
		signature + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb",
		header{Version: 2, Source: tcp("192.0.2.1:56324"), Destination: tcp("198.51.100.1:443")},
	},
	"datagrams": {
		signature + "\x21\x12\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb",
		header{Version: 2, Source: udp("192.0.2.1:56324"), Destination: udp("198.51.100.1:443")},
	},
	"IPv6": {
		signature + "\x21\x21\x00\x24 \x01\r\xb8" + strings.Repeat("\x00", 11) + "\x01 \x01\r\xb8" +
			strings.Repeat("\x00", 11) + "\x02\x00\x01\x00\x02",
		header{Version: 2, Source: tcp("[2001:db8::1]:1"), Destination: tcp("[2001:db8::2]:2")},
	},
	"paths": {
		signature + "\x21\x31\x00\xd8/run/a" + strings.Repeat("\x00", 102) + "\x00b" +
			strings.Repeat("\x00", 106),
		header{
			Version: 2, Source: &net.UnixAddr{Net: "unix", Name: "/run/a"},
			Destination: &net.UnixAddr{Net: "unix", Name: "@b"},
		},
	},
	"local": {
		signature + "\x20\x00\x00\x00", header{Version: 2, Local: true},
	},
	"values": {
		signature + "\x21\x11\x00\x59\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb" +
			"\x01\x00\x02h2\x02\x00\x0bexample.com\x05\x00\x02id" +
			"\x20\x00\x32\x07\x00\x00\x00\x00\x21\x00\x07TLSv1.3\x22\x00\x05alice\x23\x00\x06cipher" +
			"\x26\x00\x05group\x28\x00\x04\x30\x02\x05\x00\x25\x00\x00",
		header{
			Version: 2, Source: tcp("192.0.2.1:56324"), Destination: tcp("198.51.100.1:443"),
			ALPN: "h2", Authority: "example.com", UniqueID: []byte("id"),
			TLS: &proxyprotocol.TLS{
				CertificateConn: true, CertificateSess: true, Verified: true,
				Version: "TLSv1.3", CommonName: "alice", Cipher: "cipher", Group: "group",
				Certificate: []byte("\x30\x02\x05\x00"),
			},
		},
	},
}

// TestHeaders reads headers, one byte at a time, and writes them again.
func TestHeaders(t *testing.T) {
	for name, c := range headers {
		rest := strings.NewReader(c.text + "\x16\x03\x01")
		got, err := proxyprotocol.Read(iotest.OneByteReader(rest))
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: read %+v, %v", name, got, err)
			continue
		}
		if rest.Len() != 3 {
			t.Errorf("%s: %d bytes are left of 3 behind the header", name, rest.Len())
		}
		b, err := got.Append([]byte("before"))
		if want := strings.TrimSuffix(c.text, "\x25\x00\x00"); name == "values" {
			again, readErr := proxyprotocol.Read(bytes.NewReader(b[len("before"):]))
			if err != nil || readErr != nil || !reflect.DeepEqual(*again, c.want) {
				t.Errorf("%s: wrote %q, %v, %v", name, b, err, readErr)
			}
		} else if err != nil || string(b) != "before"+want {
			t.Errorf("%s: wrote %q, %v", name, b, err)
		}
	}
}

// TestMalformed reads what is no header.
func TestMalformed(t *testing.T) {
	v4 := "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"
	for name, text := range map[string]string{
		"a ClientHello":           "\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03\x00\x00",
		"HTTP":                    "GET / HTTP/1.1\r\n\r\n",
		"an unknown family":       "PROXY TCP5 192.0.2.1 198.51.100.1 56324 443\r\n",
		"two spaces":              "PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n",
		"a missing port":          "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
		"a port over 65535":       "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n",
		"a port with a zero":      "PROXY TCP4 192.0.2.1 198.51.100.1 056 443\r\n",
		"a port with a sign":      "PROXY TCP4 192.0.2.1 198.51.100.1 +56 443\r\n",
		"IPv6 in TCP4":            "PROXY TCP4 2001:db8::1 198.51.100.1 1 443\r\n",
		"a zone":                  "PROXY TCP6 fe80::1%eth0 fe80::2 1 443\r\n",
		"a name":                  "PROXY TCP4 localhost 198.51.100.1 1 443\r\n",
		"UNKNOWN with more":       "PROXY UNKNOWNX\r\n",
		"a long line":             "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n",
		"version 3":               signature + "\x31\x11\x00\x0c" + v4,
		"an unknown command":      signature + "\x22\x11\x00\x0c" + v4,
		"an unknown family in v2": signature + "\x21\x41\x00\x0c" + v4,
		"an unknown transport":    signature + "\x21\x13\x00\x0c" + v4,
		"fewer than addresses":    signature + "\x21\x21\x00\x0c" + v4,
		"more than the bound":     signature + "\x21\x11\x40\x02" + v4 + strings.Repeat("\x00", 1<<15),
		"half a value":            signature + "\x21\x11\x00\x0e" + v4 + "\x04\x00",
		"a value that is too long": signature + "\x21\x11\x00\x10" + v4 +
			"\x04\x00\x02\x00",
		"a long unique ID": signature + "\x21\x11\x00\x90" + v4 + "\x05\x00\x81" +
			strings.Repeat("x", 0x81),
		"a checksum of 3 bytes": signature + "\x21\x11\x00\x12" + v4 + "\x03\x00\x03\x00\x00\x00",
		"a wrong checksum":      signature + "\x21\x11\x00\x13" + v4 + "\x03\x00\x04\x00\x00\x00\x00",
		"TLS of 4 bytes":        signature + "\x21\x11\x00\x13" + v4 + "\x20\x00\x04\x00\x00\x00\x00",
		"half a value of TLS": signature + "\x21\x11\x00\x15" + v4 +
			"\x20\x00\x06\x01\x00\x00\x00\x00\x21",
	} {
		h, err := proxyprotocol.Read(strings.NewReader(text))
		if e := (*proxyprotocol.Error)(nil); !errors.As(err, &e) || h != nil {
			t.Errorf("%s: read %+v, %v", name, h, err)
		}
	}
	longest := "PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n"
	if _, err := proxyprotocol.Read(strings.NewReader(longest)); err != nil || len(longest) != 107 {
		t.Errorf("a line of %d bytes: %v", len(longest), err)
	}
	for n := range len(headers["values"].text) {
		_, err := proxyprotocol.Read(strings.NewReader(headers["values"].text[:n]))
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
}

// TestLocal reads headers of a proxy's own connections. The specification, Section 2.2: "The
// receiver must accept this connection as valid and must use the real connection endpoints and
// discard the protocol block including the family which is ignored."
func TestLocal(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown family":    "\x20\xff\x00\x02ab",
		"fewer than addresses": "\x20\x11\x00\x02ab",
		"half a value":         "\x20\x00\x00\x02\x04\x00",
		"a wrong checksum":     "\x20\x00\x00\x07\x03\x00\x04\x00\x00\x00\x00",
		"addresses":            "\x20\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb",
	} {
		rest := strings.NewReader(signature + text + "\x16\x03\x01")
		h, err := proxyprotocol.Read(rest)
		if want := (header{Version: 2, Local: true}); err != nil || !reflect.DeepEqual(*h, want) {
			t.Errorf("%s: read %+v, %v", name, h, err)
		}
		if rest.Len() != 3 {
			t.Errorf("%s: %d bytes are left of 3 behind the header", name, rest.Len())
		}
	}
}

// TestChecksum reads a header with a checksum.
func TestChecksum(t *testing.T) {
	text := signature + "\x21\x11\x00\x13\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb" +
		"\x03\x00\x04\x73\x7e\xe9\x19"
	if _, err := proxyprotocol.Read(strings.NewReader(text)); err != nil {
		t.Error(err)
	}
}

// TestAppendRefuses writes what a version cannot express.
func TestAppendRefuses(t *testing.T) {
	for name, h := range map[string]*header{
		"none":               nil,
		"no version":         {},
		"local in version 1": {Version: 1, Local: true},
		"ALPN in version 1":  {Version: 1, ALPN: "h2"},
		"a long unique ID":   {Version: 2, UniqueID: make([]byte, 129)},
		"a long path": {
			Version: 2, Source: &net.UnixAddr{Name: strings.Repeat("x", 109)}, Destination: &net.UnixAddr{},
		},
		"a long authority":   {Version: 2, Authority: strings.Repeat("x", proxyprotocol.MaxLength)},
		"a long certificate": {Version: 2, TLS: &proxyprotocol.TLS{Certificate: make([]byte, 1<<17)}},
	} {
		if b, err := h.Append([]byte("x")); err == nil || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// TestAppendAddresses writes addresses of two families, and others than of IP.
func TestAppendAddresses(t *testing.T) {
	for _, c := range []struct {
		h    header
		want string
	}{
		{header{Version: 1, Source: tcp("192.0.2.1:1"), Destination: tcp("[2001:db8::1]:2")},
			"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n"},
		{header{Version: 1, Source: &net.UnixAddr{}, Destination: &net.UnixAddr{}},
			"PROXY UNKNOWN\r\n"},
		{header{Version: 1, Source: udp("192.0.2.1:1"), Destination: udp("192.0.2.1:1")},
			"PROXY UNKNOWN\r\n"},
		{header{Version: 1, Source: &net.TCPAddr{IP: net.IP{0xfe, 0x80, 15: 1}, Zone: "e", Port: 1},
			Destination: tcp("[fe80::2]:2")}, "PROXY TCP6 fe80::1 fe80::2 1 2\r\n"},
		{header{Version: 2, Source: (*net.TCPAddr)(nil), Destination: (*net.UnixAddr)(nil)},
			signature + "\x21\x00\x00\x00"},
	} {
		if got, err := c.h.Append(nil); err != nil || string(got) != c.want {
			t.Errorf("%+v: %q, %v", c.h, got, err)
		}
	}
}

// TestVerified: zero means that a certificate was accepted. It is not sent for a client without
// one, which a server that looks at nothing else would take for verified.
func TestVerified(t *testing.T) {
	for _, want := range []proxyprotocol.TLS{
		{}, {CertificateSess: true}, {CertificateSess: true, Verified: true},
		{CertificateConn: true, Verified: true},
	} {
		b, err := (&header{Version: 2, TLS: &want}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := proxyprotocol.Read(bytes.NewReader(b))
		if err != nil || !reflect.DeepEqual(*h.TLS, want) {
			t.Errorf("%+v became %+v, %v", want, h.TLS, err)
		}
		const head = len(signature) + 4 + 3 + 1 // the value about TLS follows, and its first field
		if zero := bytes.HasPrefix(b[head:], make([]byte, 4)); zero != want.Verified {
			t.Errorf("%+v has %x", want, b[head:])
		}
	}
}

// TestAccept reads a header from a connection.
func TestAccept(t *testing.T) {
	client, server := net.Pipe()
	go io.WriteString(client, headers["line"].text+"rest")
	conn, h, err := proxyprotocol.Accept(t.Context(), server)
	if err != nil || h.Version != 1 || conn.RemoteAddr().String() != "192.0.2.1:56324" ||
		conn.LocalAddr().String() != "198.51.100.1:443" {
		t.Fatalf("%v, %+v, %v", conn, h, err)
	}
	rest := make([]byte, 4)
	if _, err := io.ReadFull(conn, rest); err != nil || string(rest) != "rest" {
		t.Errorf("%q, %v", rest, err)
	}
	go io.WriteString(client, headers["local"].text)
	conn, h, err = proxyprotocol.Accept(t.Context(), server)
	if err != nil || !h.Local || conn != server {
		t.Errorf("%v, %+v, %v", conn, h, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := proxyprotocol.Accept(ctx, server); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent proxy: %v", err)
	}
}

// FuzzRead reads what an attacker sends. What is read can be written, and reads as it was.
func FuzzRead(f *testing.F) {
	for _, c := range headers {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		h, err := proxyprotocol.Read(bytes.NewReader(sent))
		if err != nil {
			return
		}
		b, err := h.Append(nil)
		if err != nil {
			t.Fatalf("%+v: %v", h, err)
		}
		again, err := proxyprotocol.Read(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if b2, err := again.Append(nil); err != nil || !bytes.Equal(b, b2) {
			t.Errorf("%q became %q, %v", b, b2, err)
		}
	})
}
