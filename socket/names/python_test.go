package names

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
)

// edges are calls at the edges of Python's functions. An error is written "error",
// because the two have different ones. A call whose result differs from Python's has
// Python's in the last column, and a row in docs/from-python.md describes it.
var edges = []struct {
	call   string // function and arguments, with | between them
	want   string
	python string // empty for the same
}{
	{"gethostbyname|", "0.0.0.0", ""},
	{"gethostbyname|<broadcast>", "255.255.255.255", ""},
	{"gethostbyname|127.1", "127.0.0.1", ""},
	{"gethostbyname|0", "0.0.0.0", ""},
	{"gethostbyname|0x7f.1", "127.0.0.1", ""},
	{"gethostbyname|01.02.03.04", "1.2.3.4", ""},
	{"gethostbyname|255.255.255.255", "255.255.255.255", ""},
	{"gethostbyname|::1", "error", ""},
	{"gethostbyname_ex|", "error", ""},
	{"gethostbyname_ex|<broadcast>", "error", ""},
	{"gethostbyname_ex|127.1", "127.1 127.0.0.1", ""},
	{"gethostbyname_ex|0", "0 0.0.0.0", ""},

	{"getaddrinfo|127.1|80|0|0", "1/6/127.0.0.1/80 2/17/127.0.0.1/80 3/0/127.0.0.1/80", ""},
	{"getaddrinfo|0x7f.1|80|1|0", "1/6/127.0.0.1/80", ""},
	{"getaddrinfo|0|80|1|0", "1/6/0.0.0.0/80", ""},
	{"getaddrinfo|127.0.0.1|80|0|6", "1/6/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|80|0|17", "2/17/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|80|0|136", "2/136/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|80|0|132", "1/132/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|80|1|132", "1/132/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|80|5|0", "5/132/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|80|2|6", "error", ""},
	{"getaddrinfo|127.0.0.1|80|4|0", "error", ""},
	{"getaddrinfo|127.0.0.1|80|0|1", "error", ""},
	{"getaddrinfo|127.0.0.1|80|3|0", "error", ""},
	{"getaddrinfo|127.0.0.1|80|3|6", "error", ""},
	{"getaddrinfo|127.0.0.1|http|3|0", "error", ""},
	{"getaddrinfo|127.0.0.1||3|1", "3/1/127.0.0.1/0", ""},
	{"getaddrinfo|127.0.0.1|http|0|6", "1/6/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|HTTP|0|0", "error", ""},
	{"getaddrinfo|127.0.0.1|65535|1|0", "1/6/127.0.0.1/65535", ""},
	{"getaddrinfo|127.0.0.1|-1|1|0", "error", ""},
	{"getaddrinfo|127.0.0.1|080|1|0", "1/6/127.0.0.1/80", ""},
	{"getaddrinfo|127.0.0.1|0x50|1|0", "error", ""},
	{"getaddrinfo|::ffff:1.2.3.4|1|1|0", "1/6/::ffff:1.2.3.4/1", ""},
	{"getaddrinfo||||", "error", ""},
	{"getaddrinfo|127.0.0.1|65536|1|0", "error", "1/6/127.0.0.1/0"},
	{"getaddrinfo|127.0.0.1|70000|1|0", "error", "1/6/127.0.0.1/4464"},
	{"getaddrinfo|127.0.0.1|+80|1|0", "error", "1/6/127.0.0.1/80"},
	{"getaddrinfo|127.0.0.1| 80|1|0", "error", "1/6/127.0.0.1/80"},
	{"getaddrinfo||80|1|0", "1/6/::1/80 1/6/127.0.0.1/80", "error"},

	{"inet_ntop|00000000000000000000000001020304", "::1.2.3.4", ""},
	{"inet_ntop|00000000000000000000ffff01020304", "::ffff:1.2.3.4", ""},
	{"inet_ntop|00000000000000000000000000010000", "::0.1.0.0", ""},
	{"inet_ntop|00000000000000000000000000000100", "::100", ""},
	{"inet_ntop|00000000000000000000000000000001", "::1", ""},
	{"inet_ntop|00000000000000000000000000000000", "::", ""},
	{"inet_ntop|00010000000000000000000001020304", "1::102:304", ""},
	{"inet_ntop|0064ff9b000000000000000001020304", "64:ff9b::102:304", ""},
	{"inet_ntop|20010db8000000000001000000000001", "2001:db8::1:0:0:1", ""},
	{"inet_ntop|20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1", ""},
	{"inet_pton|::01.2.3.4", "error", ""},
	{"inet_pton|1:2:3:4:5:6:7::", "00010002000300040005000600070000", ""},
	{"inet_pton|1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304", ""},
	{"inet_pton|::1%1", "error", ""},
	{"inet_pton|::1 ", "error", ""},

	{"getservbyname|http|", "80", ""},
	{"getservbyname|www|", "80", ""},
	{"getservbyname|HTTP|", "error", ""},
	{"getservbyname|Http|tcp", "error", ""},
	{"getservbyname|http|TCP", "error", ""},
	{"getservbyname|80|", "error", ""},
	{"getservbyname|+80|", "error", ""},
	{"getservbyname||", "error", ""},
}

const edgesScript = `
import os
try: gnu = os.confstr('CS_GNU_LIBC_VERSION') is not None
except (ValueError, AttributeError): gnu = False
say(gnu)
def call(name, *a):
    if name == 'getaddrinfo':
        got = socket.getaddrinfo(a[0], a[1], 0, int(a[2] or 0), int(a[3] or 0))
        return ' '.join('%d/%d/%s/%d' % (t, p, at[0], at[1]) for _, t, p, _, at in got)
    if name == 'gethostbyname_ex':
        host, _, ips = socket.gethostbyname_ex(a[0])
        return ' '.join([host] + ips)
    if name == 'inet_ntop': return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(a[0]))
    if name == 'inet_pton': return socket.inet_pton(socket.AF_INET6, a[0]).hex()
    if name == 'getservbyname': return socket.getservbyname(*[x for i, x in enumerate(a) if i == 0 or x])
    return socket.gethostbyname(a[0])
for text in arg:
    try: say(call(*text.split('|')))
    except OSError: say('error')
`

// edge makes a call as Python would.
func edge(t *testing.T, call string) (string, error) {
	name, rest, _ := strings.Cut(call, "|")
	a := strings.Split(rest, "|")
	switch name {
	case "gethostbyname":
		ip, err := GetHostByName(background, a[0])
		return ip.String(), err
	case "gethostbyname_ex":
		e, err := GetHostByNameEx(background, a[0])
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s %v", e.Name, e.Addrs[0]), nil
	case "getaddrinfo":
		typ, _ := strconv.Atoi(a[2])
		proto, _ := strconv.Atoi(a[3])
		all, err := GetAddrInfo(background, a[0], a[1], Hints{Type: socket.Type(typ), Protocol: proto})
		var s []string
		for _, i := range all {
			s = append(s, fmt.Sprintf("%d/%d/%v/%d", i.Type, i.Protocol, i.Addr.Addr(), i.Addr.Port()))
		}
		return strings.Join(s, " "), err
	case "inet_ntop":
		b, err := hex.DecodeString(a[0])
		if err != nil {
			t.Fatal(err)
		}
		return InetNtop(6, b)
	case "inet_pton":
		b, err := InetPton(6, a[0])
		return hex.EncodeToString(b), err
	case "getservbyname":
		port, err := ServiceByName(background, a[0], a[1])
		return strconv.Itoa(int(port)), err
	}
	t.Fatalf("%q is not known", name)
	return "", nil
}

// TestEdges tries the edges of Python's functions here.
func TestEdges(t *testing.T) {
	for _, e := range edges {
		got, err := edge(t, e.call)
		if err != nil {
			got = "error"
		}
		if got != e.want {
			t.Errorf("%q is %s (%v), want %s", e.call, got, err, e.want)
		}
	}
}

// TestPythonEdges tries them in Python, where it uses the GNU C library.
func TestPythonEdges(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the table is about the GNU C library
	}
	var calls []string
	for _, e := range edges {
		calls = append(calls, e.call)
	}
	p := sockettest.Python(t, edgesScript, calls...)
	if gnu := p.Line(); gnu != "True" {
		t.Skip("python3 uses another C library than GNU's")
	}
	for _, e := range edges {
		if line, want := p.Line(), cmp.Or(e.python, e.want); line != want {
			t.Errorf("Python's %q is %s, want %s", e.call, line, want)
		}
	}
	p.Wait()
}

// TestNumericCanonicalName checks that the official name of an address is the text
// itself, without a question to a name server.
func TestNumericCanonicalName(t *testing.T) {
	h := Hints{Type: socket.Stream, CanonicalName: true, NumericHost: true}
	all, err := GetAddrInfo(background, "127.1", "1", h)
	if err != nil || all[0].CanonicalName != "127.1" || all[0].Addr.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		t.Errorf("%+v, %v", all, err)
	}
}
