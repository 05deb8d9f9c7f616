package names

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

var background = context.Background()

func TestGetAddrInfo(t *testing.T) {
	for _, c := range []struct {
		host, service string
		h             Hints
		want          string // versions, types, protocols and addresses
	}{
		{"127.0.0.1", "80", Hints{}, "4 stream 6 127.0.0.1:80, 4 datagram 17 127.0.0.1:80, 4 raw 0 127.0.0.1:80"},
		{"127.0.0.1", "https", Hints{Type: socket.Stream}, "4 stream 6 127.0.0.1:443"},
		{"::1", "", Hints{Type: socket.Datagram}, "6 datagram 17 [::1]:0"},
		{"::1", "7", Hints{Protocol: 17, Type: socket.Datagram}, "6 datagram 17 [::1]:7"},
		{"fe80::1%2", "1", Hints{Type: socket.Stream, NumericHost: true}, "6 stream 6 [fe80::1%2]:1"},
		{"", "1", Hints{Type: socket.Stream, Passive: true}, "4 stream 6 0.0.0.0:1, 6 stream 6 [::]:1"},
		{"", "1", Hints{Type: socket.Stream, Version: 4}, "4 stream 6 127.0.0.1:1"},
		{"127.0.0.1", "1", Hints{Type: socket.Stream, Version: 6, V4Mapped: true}, "6 stream 6 [::ffff:127.0.0.1]:1"},
		{"127.0.0.1", "", Hints{Type: socket.Raw, Protocol: 1}, "4 raw 1 127.0.0.1:0"},
	} {
		all, err := GetAddrInfo(background, c.host, c.service, c.h)
		if err != nil {
			t.Errorf("%q %q: %v", c.host, c.service, err)
			continue
		}
		var got []string
		for _, a := range all {
			got = append(got, fmt.Sprintf("%d %v %d %v", a.Version, a.Type, a.Protocol, a.Addr))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%q %q: %s, want %s", c.host, c.service, s, c.want)
		}
	}
	all, err := GetAddrInfo(background, "localhost", "1", Hints{Type: socket.Stream, CanonicalName: true})
	if err != nil || all[0].CanonicalName == "" || !all[0].Addr.Addr().IsLoopback() {
		t.Errorf("localhost: %+v, %v", all, err)
	}
	if _, err := GetAddrInfo(background, "localhost", "1", Hints{AddrConfig: true, Version: 4}); err != nil && !errors.Is(err, NoData) {
		t.Error(err)
	}
}

func TestGetAddrInfoErrors(t *testing.T) {
	gone, cancel := context.WithCancel(background)
	cancel()
	for _, c := range []struct {
		ctx           context.Context
		host, service string
		h             Hints
		want          LookupCode
	}{
		{background, "", "", Hints{}, NoName},
		{background, "", "1", Hints{CanonicalName: true}, BadFlags},
		{background, "localhost", "1", Hints{Version: 5}, NoFamily},
		{background, "localhost", "1", Hints{NumericHost: true}, NoName},
		{background, "127.0.0.1", "http", Hints{NumericService: true}, NoName},
		{background, "127.0.0.1", "70000", Hints{}, NoService},
		{background, "127.0.0.1", "no-such-service", Hints{Type: socket.Stream}, NoService},
		{background, "127.0.0.1", "http", Hints{Type: socket.Raw}, NoService},
		{background, "127.0.0.1", "1", Hints{Type: socket.RDM}, NoType},
		{background, "127.0.0.1", "1", Hints{Version: 6}, NoData},
		{background, "a\x00b", "1", Hints{}, NoName},
		{gone, "no-such-host.invalid", "1", Hints{}, TryAgain},
	} {
		_, err := GetAddrInfo(c.ctx, c.host, c.service, c.h)
		var e *LookupError
		if !errors.As(err, &e) || !errors.Is(err, c.want) {
			t.Errorf("%q %q: %v, want %v", c.host, c.service, err, c.want)
		}
	}
	if LookupCode(99).Error() != "lookup code 99" {
		t.Error(LookupCode(99))
	}
	if (&LookupError{Err: context.DeadlineExceeded}).Timeout() != true || (&LookupError{}).Timeout() {
		t.Error("what is a timeout")
	}
}

func TestGetNameInfo(t *testing.T) {
	host, service, err := GetNameInfo(background, inet.MustParse("127.0.0.1:443"), NameFlags{NumericHost: true})
	if host != "127.0.0.1" || service != "https" || err != nil {
		t.Errorf("%s %s, %v", host, service, err)
	}
	_, service, err = GetNameInfo(background, inet.MustParse("127.0.0.1:53"), NameFlags{NumericHost: true, Datagram: true})
	if service != "domain" || err != nil {
		t.Errorf("%s, %v", service, err)
	}
	_, service, _ = GetNameInfo(background, inet.MustParse("127.0.0.1:443"), NameFlags{NumericHost: true, NumericService: true})
	if service != "443" {
		t.Error(service)
	}
	all, err := Interfaces()
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	scoped := inet.AddrOf(netip.MustParseAddr(fmt.Sprintf("fe80::1%%%d", all[0].Index)), 1)
	if host, _, err = GetNameInfo(background, scoped, NameFlags{NumericHost: true}); host != "fe80::1%"+all[0].Name || err != nil {
		t.Errorf("%s, %v", host, err)
	}
	if _, _, err := GetNameInfo(background, inet.Addr{}, NameFlags{}); !errors.Is(err, NoFamily) {
		t.Errorf("the zero address: %v", err)
	}
	if _, _, err := GetNameInfo(background, inet.MustParse("127.0.0.1:1"), NameFlags{NumericHost: true, NameRequired: true}); !errors.Is(err, NoName) {
		t.Errorf("a number as a name: %v", err)
	}
	if host, _, err := GetNameInfo(background, inet.MustParse("127.0.0.1:1"), NameFlags{Local: true}); host == "" || err != nil {
		t.Errorf("%s, %v", host, err)
	}
}

func TestHosts(t *testing.T) {
	ip, err := GetHostByName(background, "localhost")
	if err != nil || !ip.IsLoopback() {
		t.Errorf("%v, %v", ip, err)
	}
	entry, err := GetHostByNameEx(background, "127.0.0.1")
	if err != nil || entry.Name != "127.0.0.1" || !slices.Equal(entry.Addrs, []netip.Addr{Loopback}) {
		t.Errorf("%+v, %v", entry, err)
	}
	if entry, err = GetHostByNameEx(background, "localhost"); err != nil || entry.Name == "" {
		t.Errorf("%+v, %v", entry, err)
	}
	if entry, err = GetHostByAddr(background, Loopback); err != nil || entry.Name == "" || entry.Addrs[0] != Loopback {
		t.Errorf("%+v, %v", entry, err)
	}
	if name := GetFQDN(background, ""); name == "" {
		t.Error("this machine has no name")
	}
	ctx, cancel := context.WithCancel(background)
	cancel()
	if name := GetFQDN(ctx, "no-such-host.invalid"); name != "no-such-host.invalid" {
		t.Error(name)
	}
	if _, err := GetHostByName(ctx, "no-such-host.invalid"); err == nil {
		t.Error("an unknown host")
	}
	if _, err := GetHostByAddr(ctx, netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Error("an unknown address")
	}
}

func TestServices(t *testing.T) {
	for _, c := range []struct {
		name, proto string
		port        uint16
	}{{"http", "tcp", 80}, {"www", "tcp", 80}, {"domain", "udp", 53}, {"https", "", 443}} {
		if port, err := ServiceByName(background, c.name, c.proto); port != c.port || err != nil {
			t.Errorf("%s/%s is %d, %v", c.name, c.proto, port, err)
		}
	}
	if name, err := ServiceByPort(443, "tcp"); name != "https" || err != nil {
		t.Errorf("%s, %v", name, err)
	}
	if n, err := ProtocolByName("tcp"); n != 6 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := ProtocolByName("SCTP"); n != 132 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if name, err := ProtocolByNumber(17); name != "udp" || err != nil {
		t.Errorf("%s, %v", name, err)
	}
	_, err1 := ServiceByName(background, "no-such-service", "tcp")
	_, err2 := ServiceByName(background, "80", "tcp")
	_, err3 := ServiceByPort(1, "sctp")
	_, err4 := ProtocolByName("no-such-protocol")
	_, err5 := ProtocolByNumber(-1)
	for i, err := range []error{err1, err2, err3, err4, err5} {
		var e *LookupError
		if !errors.As(err, &e) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestDatabases(t *testing.T) {
	const text = "# a comment\nhttp 80/tcp www # more\n\nbad\nworse x/tcp\nhuge 70000/tcp\nip 0 IP\n"
	all := parseDatabase(strings.NewReader(text))
	if len(all) != 2 || all[0].number != 80 || !all[0].has("www") || all[1].proto != "" {
		t.Errorf("%+v", all)
	}
	if names := findHost(strings.NewReader("127.0.0.1 localhost here # there\n"), "HERE"); !slices.Equal(names, []string{"localhost", "here"}) {
		t.Error(names)
	}
	if names := findHost(strings.NewReader("127.0.0.1\n127.0.0.1 localhost # there\n"), "there"); names != nil {
		t.Error(names)
	}
}

func FuzzDatabases(f *testing.F) {
	f.Add("http 80/tcp www\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range parseDatabase(strings.NewReader(text)) {
			if len(e.names) == 0 || e.names[0] == "" {
				t.Fatalf("%+v", e)
			}
		}
		findHost(strings.NewReader(text), "x")
	})
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "127.1": "127.0.0.1", "0x7f.1": "127.0.0.1", "0177.0.0.01": "127.0.0.1", "2130706433": "127.0.0.1",
		"1.2.772": "1.2.3.4", "1.2.3.4 and more": "1.2.3.4", "0": "0.0.0.0", "0xffffffff": "255.255.255.255",
	} {
		if b, err := InetAton(text); err != nil || InetNtoa(b) != want {
			t.Errorf("%q is %v, %v, want %s", text, InetNtoa(b), err, want)
		}
	}
	for _, text := range []string{"", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "1.2.65536", "4294967296", "08", "0x", "1..2", "-1", " 1"} {
		if b, err := InetAton(text); err == nil {
			t.Errorf("%q is %v", text, b)
		}
	}
	if b, err := InetPton(6, "2001:DB8::1"); err != nil || len(b) != 16 {
		t.Errorf("% x, %v", b, err)
	}
	for _, c := range []struct {
		version int
		text    string
	}{{4, "127.1"}, {4, "01.1.1.1"}, {4, "::1"}, {6, "1.1.1.1"}, {6, "fe80::1%eth0"}, {5, "1.1.1.1"}} {
		if b, err := InetPton(c.version, c.text); err == nil {
			t.Errorf("IPv%d %q is % x", c.version, c.text, b)
		}
	}
	if s, err := InetNtop(6, append(make([]byte, 15), 1)); s != "::1" || err != nil {
		t.Errorf("%s, %v", s, err)
	}
	for version, b := range map[int][]byte{4: make([]byte, 16), 6: make([]byte, 4), 5: make([]byte, 5)} {
		if s, err := InetNtop(version, b); err == nil {
			t.Errorf("%d bytes of IPv%d are %s", len(b), version, s)
		}
	}
	if Ntohs(Htons(258)) != 258 || Ntohl(Htonl(16909060)) != 16909060 {
		t.Error("byte order there and back")
	}
	want := []byte{1, 2}
	if got := []byte{byte(Htons(258)), byte(Htons(258) >> 8)}; !bigEndian && !bytes.Equal(got, want) {
		t.Errorf("258 in the network's order is %v", got)
	}
}

func FuzzInetAton(f *testing.F) {
	f.Add("0x7f.1")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := InetAton(text)
		if err != nil {
			return
		}
		if c, err := InetAton(InetNtoa(b)); c != b || err != nil {
			t.Fatalf("%q is %v, then %v, %v", text, b, c, err)
		}
	})
}

func TestMachine(t *testing.T) {
	all, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		index, err1 := InterfaceIndex(i.Name)
		name, err2 := InterfaceName(i.Index)
		if index != i.Index || name != i.Name || err1 != nil || err2 != nil {
			t.Errorf("%+v: %d, %v, %s, %v", i, index, err1, name, err2)
		}
	}
	if _, err := InterfaceIndex("no-such-interface"); err == nil {
		t.Error("an interface that is not there")
	}
	if _, err := InterfaceName(1 << 30); err == nil {
		t.Error("an interface that is not there")
	}
	name, err := Hostname()
	if want, _ := os.Hostname(); name != want || err != nil {
		t.Errorf("%s, %v", name, err)
	}
	if !sockettest.InVM() {
		return // other people's machines keep their names
	}
	if err := SetHostname("renamed"); err != nil {
		t.Fatal(err)
	}
	if now, _ := Hostname(); now != "renamed" {
		t.Errorf("still called %s", now)
	}
	if err := SetHostname(name); err != nil {
		t.Error(err)
	}
}

func TestAudit(t *testing.T) {
	no := errors.New("no")
	var seen []string
	socket.SetAuditor(func(e socket.AuditEvent) error {
		seen = append(seen, e.Op)
		return no
	})
	defer socket.SetAuditor(nil)
	_, err1 := GetAddrInfo(background, "x", "1", Hints{})
	_, err2 := GetHostByNameEx(background, "x")
	_, err3 := GetHostByAddr(background, Loopback)
	_, _, err4 := GetNameInfo(background, inet.MustParse("127.0.0.1:1"), NameFlags{})
	_, err5 := ServiceByName(background, "x", "")
	_, err6 := ServiceByPort(1, "")
	err7 := SetHostname("x")
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if !errors.Is(err, no) {
			t.Errorf("%d: %v", i, err)
		}
	}
	want := []string{"getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo", "getservbyname", "getservbyport", "sethostname"}
	if !slices.Equal(seen, want) {
		t.Errorf("%v, want %v", seen, want)
	}
}

// TestPython compares with Python's socket.
func TestPython(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // its Python has other names for services
	}
	p := sockettest.Python(t, `
for text in arg:
    try: say(socket.inet_aton(text).hex())
    except OSError: say('error')
say(socket.getservbyname('https', 'tcp'), socket.getprotobyname('udp'))
say(socket.getnameinfo(('127.0.0.1', 443), socket.NI_NUMERICHOST))
`, atonCases...)
	for _, text := range atonCases {
		want := "error"
		if b, err := InetAton(text); err == nil {
			want = fmt.Sprintf("%x", b)
		}
		if line := p.Line(); line != want {
			t.Errorf("InetAton(%q) is %s, and Python's %s", text, want, line)
		}
	}
	if line := p.Line(); line != "443 17" {
		t.Errorf("Python's services: %s", line)
	}
	if line := p.Line(); line != "('127.0.0.1', 'https')" {
		t.Errorf("Python's name: %s", line)
	}
	p.Wait()
}

var atonCases = []string{"127.1", "0x7f.1", "0177.0.0.01", "2130706433", "1.2.772", "1.2.3.256", "4294967296", "08", "1..2", "1.2.3.4.5", "0xffffffff", "1.2.3.4 x"}

func Example() {
	all, err := GetAddrInfo(background, "192.0.2.1", "https", Hints{Type: socket.Stream})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(all[0].Version, all[0].Type, all[0].Addr)
	// Output: 4 stream 192.0.2.1:443
}
