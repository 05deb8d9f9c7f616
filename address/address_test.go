package address_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/address"
	_ "github.com/sealsock/sealsock/address/all"
	"github.com/sealsock/sealsock/socket"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, scheme, network, host, canonical string }{
		{"example.com:443", "tcp", "tcp", "example.com", "example.com:443"},
		{"Example.COM:https", "tcp", "tcp", "example.com", "example.com:https"},
		{"tcp://example.com:0443", "tcp", "tcp", "example.com", "example.com:443"},
		{"4433", "tcp", "tcp", "", ":4433"},
		{":4433", "tcp", "tcp", "", ":4433"},
		{"*:1", "", "", "", ""},
		{"192.0.2.1:1", "tcp", "tcp", "192.0.2.1", "192.0.2.1:1"},
		{"[::1]:443", "tcp", "tcp", "::1", "[::1]:443"},
		{"[2001:DB8:0::1]:443", "tcp", "tcp", "2001:db8::1", "[2001:db8::1]:443"},
		{"[fe80::1%eth0]:443", "tcp", "tcp", "fe80::1", "[fe80::1%eth0]:443"},
		{"tcp4://127.0.0.1:1", "tcp4", "tcp4", "127.0.0.1", "tcp4://127.0.0.1:1"},
		{"TCP6://[::]:1", "tcp6", "tcp6", "::", "tcp6://[::]:1"},
		{"unix:///run/a.sock", "unix", "unix", "", "unix:///run/a.sock"},
		{"unix://@name", "unix", "unix", "", "unix://@name"},
		{"unix://rel/ative", "unix", "unix", "", "unix://rel/ative"},
		{"sctp://Example.com:5061", "sctp", "sctp", "example.com", "sctp://example.com:5061"},
		{"mptcp://[::1]:1", "mptcp", "mptcp", "::1", "mptcp://[::1]:1"},
		{"smc://:99", "smc", "smc", "", "smc://:99"},
		{"udp://example.com:53", "udp", "udp", "example.com", "udp://example.com:53"},
		{"udplite://[::1]:53", "udplite", "udplite", "::1", "udplite://[::1]:53"},
		{"unixgram:///run/a.sock", "unixgram", "unixgram", "", "unixgram:///run/a.sock"},
		{"seqpacket:///run/a.sock", "seqpacket", "unixpacket", "", "seqpacket:///run/a.sock"},
		{"vsock://3:1024", "vsock", "vsock", "", "vsock://3:1024"},
		{"vsock://:1024", "vsock", "vsock", "", "vsock://any:1024"},
		{"vsock://2:1024", "vsock", "vsock", "", "vsock://host:1024"},
		{"vsock://LOCAL:1024", "vsock", "vsock", "", "vsock://local:1024"},
		{"rfcomm://00:1a:7d:da:71:13/3", "rfcomm", "rfcomm", "", "rfcomm://00:1A:7D:DA:71:13/3"},
		{"rfcomm://any/3", "rfcomm", "rfcomm", "", "rfcomm://any/3"},
		{"l2cap://00:00:00:00:00:00/4097", "l2cap", "l2cap", "", "l2cap://any/4097"},
		{"isotp://can0/7E8:7e0", "isotp", "can", "", "isotp://can0/7e8:7e0"},
		{"isotp://can0/18daf110:18da10f1", "isotp", "can", "", "isotp://can0/18daf110:18da10f1"},
		{"tipc://18888:17", "tipc", "tipc", "", "tipc://18888:17"},
		{"tipc://18888:0-99", "tipc", "tipc", "", "tipc://18888:0-99"},
		{"tipc://18888:5-5", "tipc", "tipc", "", "tipc://18888:5"},
		{"fd://3", "fd", "fd", "", "fd://3"},
		{"fd://systemd", "fd", "fd", "", "fd://systemd"},
		{"fd://systemd/web", "fd", "fd", "", "fd://systemd/web"},
		{"stdio:", "stdio", "stdio", "", "stdio:"},
		{"stdio", "stdio", "stdio", "", "stdio:"},
		{"-", "stdio", "stdio", "", "stdio:"},
		{"https://Example.com/", "https", "tcp", "example.com", "https://example.com"},
		{"https://example.com:443", "https", "tcp", "example.com", "https://example.com"},
		{"https://example.com:8443", "https", "tcp", "example.com", "https://example.com:8443"},
		{"https://:443", "https", "tcp", "", "https://:443"},
		{"https://8443", "https", "tcp", "", "https://:8443"},
		{"imaps://[2001:db8::1]", "imaps", "tcp", "2001:db8::1", "imaps://[2001:db8::1]"},
		{"imaps://[2001:db8::1]:1", "imaps", "tcp", "2001:db8::1", "imaps://[2001:db8::1]:1"},
		{"smtps://192.0.2.1", "smtps", "tcp", "192.0.2.1", "smtps://192.0.2.1"},
		{"ws://example.com/room?x=1", "ws", "ws", "example.com", "ws://example.com/room?x=1"},
		{"ws://:8080/", "ws", "ws", "", "ws://:8080/"},
		{"wss://[::1]:8443/", "wss", "wss", "::1", "wss://[::1]:8443/"},
	} {
		a, err := address.Parse(c.text)
		if c.scheme == "" {
			if err == nil {
				t.Errorf("Parse(%q) = %v, want an error", c.text, a)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", c.text, err)
			continue
		}
		got := [4]string{a.Scheme(), a.Network(), a.Host(), a.String()}
		if want := [4]string{c.scheme, c.network, c.host, c.canonical}; got != want {
			t.Errorf("Parse(%q) = %q, want %q", c.text, got, want)
		}
		if b, err := address.Parse(a.String()); err != nil || b != a {
			t.Errorf("Parse(%q) = %v, %v: not the address that wrote it", a.String(), b, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, problem, hint string }{
		{"", "empty", "host:port"},
		{strings.Repeat("a", 5000), "more than 4096", ""},
		{"ws://a:1/" + strings.Repeat("\xd2", 2000), "6009 bytes once it is escaped", ""},
		{"a\nb:1", "control character at byte 1", ""},
		{"example.com", "has no port", "example.com:443"},
		{"2001:db8::a", "has no port", "did you mean [2001:db8::a]:443?"},
		{"2001:db8::1:443", "has no port", "[2001:db8::1]:443 or [2001:db8::1:443]:443"},
		{"2001:db8:1:2:3:4:5:6:443", "brackets", "[2001:db8:1:2:3:4:5:6]:443"},
		{"a:b:c", "more than one colon", ""},
		{"[::1]", "brackets", "[::1]:443"},
		{"[example.com]:1", "not an IPv6 address", "example.com:1"},
		{"example.com:", "port is empty", ""},
		{"example.com:65536", "not in 0 to 65535", ""},
		{"example.com:a_b", "neither a number nor a service", ""},
		{"exämple.com:1", "not ASCII", "xn--"},
		{"exa mple.com:1", "is not a host name", ""},
		{strings.Repeat("a.", 130) + "com:1", "more than 253", ""},
		{"example.com:443/x", "text after the port", "example.com:443"},
		{"/run/app.sock", "a path", "unix:///run/app.sock"},
		{"./app.sock", "a path", "unix://./app.sock"},
		{"unix:/run/app.sock", "no ://", "did you mean unix:///run/app.sock?"},
		{"example.com/x", "no port", "write host:port"},
		{"[2001:db8:1]:443", "not an IPv6 address", "write host:port"},
		{"example.com:-1", "neither a number nor a service", "write a number"},
		{"udp://example.com", "no port", "did you mean udp://example.com:443?"},
		{"tcp6://2001:db8::1:443", "no port",
			"did you mean tcp6://[2001:db8::1]:443 or tcp6://[2001:db8::1:443]:443?"},
		{"http://", "not known", "write host:port"},
		{"smtp://a:25", "not known", "did you mean smtps://a:25?"},
		{"foo://a:1", "not known", "known schemes"},
		{"https://example.com/x", "path, /x", "https://example.com?"},
		{"https://example.com:8443/x", "path, /x", "https://example.com:8443?"},
		{"https://", "no host", "https://host"},
		{"https://2001:db8::1", "no port", "[2001:db8::1]:443"},
		{"https://user@example.com", "it has a user name", "leave out what is before the @"},
		{"user:secret@example.com:443", "it has a user name", "leave out what is before the @"},
		{"wss://user:secret@example.com/x", "it has a user name", "leave out"},
		{"http://user:secret@example.com", "it has a user name", "leave out"},
		{"imaps://example.com:", "port is empty", ""},
		{"tls://example.com", "not known", "example.com:443"},
		{"tpc://a:1", "not known", "tcp://a:1"},
		{"gopher://a:1", "not known", "known schemes"},
		{"tcp4://[::1]:1", "not an address of tcp4", ""},
		{"tcp6://127.0.0.1:1", "not an address of tcp6", ""},
		{"unix://", "no path", "unix:///"},
		{"unix://@", "abstract name is empty", ""},
		{"unix:///" + strings.Repeat("x", 120), "more than 107", ""},
		{"udp4://[::1]:1", "not an address of udp4", ""},
		{"unixgram://", "no path", "unixgram:///"},
		{"udplite://example.com:1", "it is not an IP address with a port", "udplite://192.0.2.1:443"},
		{"seqpacket://", "no path", ""},
		{"vsock://host", "has no port", "vsock://host:4433"},
		{"vsock://x:1", "is not a context ID", "any, local or host"},
		{"vsock://3:4294967295", "is not a port", ""},
		{"rfcomm://00:1A:7D:DA:71:13", "it has no number after the device", ""},
		{"rfcomm://00:1A:7D:DA:71:13/31", "not a number from 0 to 30", ""},
		{"l2cap://00:1A:7D:DA:71/3", "is not a Bluetooth address", ""},
		{"isotp://can0", "two identifiers", "isotp://can0/7e8:7e0"},
		{"isotp://can0/7e8:800", "is not a CAN identifier", "3 hexadecimal digits"},
		{"isotp://can0/7e8:7e8", "the same", ""},
		{"tipc://18888", "not TYPE:INSTANCE", "tipc://18888:17"},
		{"tipc://1:9-5", "descending", "tipc://1:5-9"},
		{"fd://x", "is not a descriptor number", "fd://3"},
		{"fd://-1", "is not a descriptor number", ""},
		{"fd://systemd/a:b", "is not a descriptor name", ""},
		{"stdio://x", "stdio: takes no further text", ""},
		{"ws://", "no host", ""},
		{"ws://a/#f", "fragment", ""},
		{"ws://a:99999/", "not in 0 to 65535", ""},
		{"ws://a b/", "not a URL", ""},
	} {
		_, err := address.Parse(c.text)
		var e *address.Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q): %v, want an *Error", c.text, err)
			continue
		}
		if !strings.Contains(e.Problem, c.problem) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("Parse(%q): %v; want %q with hint %q", c.text, err, c.problem, c.hint)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a password: %v", err)
		}
		if len(err.Error()) > 1000 {
			t.Errorf("Parse of a long text has an error of %d bytes", len(err.Error()))
		}
	}
}

func TestSchemesHaveWorkingExamples(t *testing.T) {
	for _, s := range address.Schemes() {
		a, err := address.Parse(s.Example)
		if err != nil || a.Scheme() != s.Name || s.Meaning == "" {
			t.Errorf("scheme %q: example %q gives %q, %v", s.Name, s.Example, a.Scheme(), err)
		}
	}
}

func TestZeroAddress(t *testing.T) {
	var zero address.Address
	if zero.String() != "" || zero.Network() != "" || zero.Host() != "" {
		t.Error("the zero address has text")
	}
	var op *net.OpError
	if _, err := zero.Dial(context.Background()); !errors.As(err, &op) {
		t.Errorf("Dial: %v", err)
	}
	if _, err := zero.Listen(context.Background()); !errors.As(err, &op) {
		t.Errorf("Listen: %v", err)
	}
}

func TestTextMarshalling(t *testing.T) {
	var a address.Address
	if err := a.UnmarshalText([]byte("localhost:1")); err != nil {
		t.Fatal(err)
	}
	if text, _ := a.MarshalText(); string(text) != "localhost:1" {
		t.Errorf("MarshalText = %q", text)
	}
	if err := a.UnmarshalText([]byte("localhost")); err == nil {
		t.Error("UnmarshalText took a host without a port")
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	address.MustParse("x")
}

func FuzzParse(f *testing.F) {
	for _, s := range address.Schemes() {
		f.Add(s.Example)
	}
	for _, s := range []string{"", ":", "::", "[::1%a b]:1", "443", "unix://@\x00", "fd://4294967296", "wss://%41/%2F?%zz", "-", "tcp://:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := address.Parse(text)
		if err != nil {
			var e *address.Error
			if !errors.As(err, &e) {
				t.Fatalf("Parse(%q): %T", text, err)
			}
			return
		}
		b, err := address.Parse(a.String())
		if err != nil || a != b {
			t.Fatalf("Parse(%q) = %q, which reads back as %q, %v", text, a, b, err)
		}
	})
}

func ExampleParse() {
	for _, text := range []string{"example.com:443", "unix:///run/app.sock", "example.com"} {
		a, err := address.Parse(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(a.Network(), a)
	}
	// Output:
	// tcp example.com:443
	// unix unix:///run/app.sock
	// address "example.com": it has no port (did you mean example.com:443?)
}

// TestServices looks at the port and the application protocol of each service.
func TestServices(t *testing.T) {
	defer socket.SetAuditor(nil)
	for text, want := range map[string]string{
		"smtps://localhost": "465", "imaps://localhost": "993 imap", "pops://localhost": "995 pop3",
		"pop3s://localhost": "995 pop3", "ftps://localhost": "990 ftp", "ldaps://localhost": "636",
		"nntps://localhost": "563 nntp", "ircs://localhost": "6697 irc", "sips://localhost": "5061 sip/2",
		"https://localhost": "443 http/1.1", "mqtts://localhost": "8883 mqtt", "localhost:1": "1",
	} {
		var port string
		socket.SetAuditor(func(e socket.AuditEvent) error {
			if at, ok := e.Addr.(*net.TCPAddr); ok {
				port = fmt.Sprint(at.Port)
				return errors.New("the port is all that matters")
			}
			return nil
		})
		a := address.MustParse(strings.Replace(text, "localhost", "127.0.0.1", 1))
		a.Dial(t.Context())
		if got := strings.TrimSpace(port + " " + a.ALPN()); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
