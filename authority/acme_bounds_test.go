package authority

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// TestValidationAddresses judges the addresses that names may be proved from.
func TestValidationAddresses(t *testing.T) {
	m := new(ACME)
	for text, want := range map[string]bool{
		"192.168.1.9": true, "10.0.0.1": true, "fd12::1": true, "2001:db8::1": true, "198.51.100.7": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "::": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "224.0.0.1": false, "ff02::1": false,
		"255.255.255.255": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false,
		"fd00:ec2::254": false, "100.100.100.200": false, "::ffff:100.100.100.200": false,
	} {
		if got := m.mayDial(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	m.AllowValidation = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if !m.mayDial(netip.MustParseAddr("127.0.0.1")) || m.mayDial(netip.MustParseAddr("::1")) {
		t.Error("a network that is allowed")
	}
}

// TestValidationDials has the service's own dialer refuse loopback in both forms
// before it connects; and sees names with a dot at their end.
func TestValidationDials(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m := new(ACME)
	for _, host := range []string{"127.0.0.1", "::ffff:127.0.0.1"} {
		if c, err := m.dial(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.Is(err,
			errForbidden) {
			t.Errorf("%s: %v, %v", host, c, err)
		}
	}
	m.AllowValidation = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c, err := m.dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	var dialed []string
	m.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return nil, errForbidden
	}
	for _, name := range []identifier{{"dns", "printer.lan"}, {"ip", "10.0.0.1"}, {"ip", "fd12::1"}} {
		_ = m.proveHTTP(t.Context(), name, "token", "proof")
		_ = m.proveALPN(t.Context(), name, "token", "proof")
	}
	want := "printer.lan.:80 printer.lan.:443 10.0.0.1:80 10.0.0.1:443 [fd12::1]:80 [fd12::1]:443"
	if got := strings.Join(dialed, " "); got != want {
		t.Errorf("dialled %s, want %s", got, want)
	}
}

// TestNoPortScanner has names fail in three ways: the client is told the same.
func TestNoPortScanner(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	problems := map[string]bool{}
	for _, dial := range []func(context.Context, string, string) (net.Conn, error){
		func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") },
		func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrDeadlineExceeded },
		func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", web.Listener.Addr().String())
		},
	} {
		m := &ACME{Dial: dial, authority: newAuthority(t, Options{}),
			checks: validations{running: map[string]int{"192.0.2.1": 1}, total: 1}}
		p := &proof{identifier: identifier{"dns", "printer.lan"}, token: "token",
			status: stateProcessing}
		m.prove(p, methodHTTP, "192.0.2.1", "proof")
		if p.status != stateInvalid {
			t.Fatalf("the proof is %s", p.status)
		}
		problems[p.problem.Type+" "+p.problem.Detail] = true
	}
	if len(problems) != 1 {
		t.Errorf("the reasons can be told apart: %v", problems)
	}
}

// TestBaseIsConfigured asks under another Host than the configured one.
func TestBaseIsConfigured(t *testing.T) {
	_, s := served(t, Options{}, new(ACME))
	request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/acme/directory", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "attacker.example"
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var directory map[string]any
	if err := json.NewDecoder(response.Body).Decode(&directory); err != nil ||
		directory["newOrder"] != s.URL+"/acme/new-order" {
		t.Errorf("%v, %v", directory, err)
	}
	m := &ACME{Base: "https://ca.lan/"}
	if base := m.baseOf(request); base != "https://ca.lan" {
		t.Errorf("the base is %s", base)
	}
}

// TestCriticalHeaders has extensions that must be understood, and none is.
func TestCriticalHeaders(t *testing.T) {
	for _, crit := range []string{`["b64"]`, `[]`, `null`, `"x"`} {
		header := rawBase64.EncodeToString([]byte(`{"alg":"ES256","nonce":"n","url":"u","kid":"k","crit":` + crit + `}`))
		_, err := parseSigned([]byte(`{"protected":"` + header + `","payload":"","signature":""}`))
		if err == nil || !strings.Contains(err.Error(), "crit") {
			t.Errorf("crit %s: %v", crit, err)
		}
	}
}

// TestOneClientLeavesRoom has one account, then one source, ask for all there is.
func TestOneClientLeavesRoom(t *testing.T) {
	a := newAuthority(t, Options{})
	m := &ACME{}
	a.Handler(m)
	count := func(account func(int) string, source string, most int) {
		t.Helper()
		m.orders = map[string]*order{}
		n := 0
		for ; n < maxOrders && m.mayOrder(account(n), source) == nil; n++ {
			id := randomHex(16)
			m.orders[id] = &order{id: id, account: account(n), source: source}
		}
		if n != most {
			t.Errorf("%s had %d orders, want %d", source, n, most)
		}
		if err := m.mayOrder("another", "192.0.2.2"); err != nil {
			t.Errorf("another client: %v", err)
		}
	}
	count(func(int) string { return "one" }, "192.0.2.1", maxAccountOrders)
	count(func(int) string { return randomHex(8) }, "192.0.2.1", maxSourceOrders)
	opened := 0
	for ; opened < maxAccounts && m.mayOpen("192.0.2.1") == nil; opened++ {
	}
	if opened != maxSourceAccounts || m.mayOpen("192.0.2.2") != nil {
		t.Errorf("%d accounts from one source", opened)
	}
	a.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if err := m.mayOpen("192.0.2.1"); err != nil || len(m.opened) != 1 {
		t.Errorf("two hours later: %v, %d sources", err, len(m.opened))
	}
	for text, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[2001:db8:0:1:2::3]:5": "2001:db8:0:1::/64", "[::ffff:192.0.2.1]:5": "192.0.2.1",
		"[fe80::1%eth0]:5": "fe80::/64", "192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64",
		"": ownSocket, "@": ownSocket, "/tmp/a": ownSocket, "/tmp/a:1": ownSocket,
		"vsock://3:1024": ownSocket, "vsock://3:1025": ownSocket,
	} {
		if got := sourceOf(&http.Request{RemoteAddr: text}); got != want {
			t.Errorf("%s counts as %s", text, got)
		}
	}
}

// TestAccountsEnd lists, expires and removes accounts.
func TestAccountsEnd(t *testing.T) {
	a, s := served(t, Options{}, new(ACME))
	if all, err := a.Accounts(); err != nil || len(all) != 0 {
		t.Errorf("before any: %v, %v", all, err)
	}
	client := newClient(t, s.URL, nil)
	if _, err := client.Register(t.Context(), &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	all, err := a.Accounts()
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, id := range []string{"", "../root", "x", strings.Repeat("A", 43)} {
		if err := a.RemoveAccount(id); err == nil {
			t.Errorf("%q was removed", id)
		}
	}
	if err := a.RemoveAccount(all[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs("box.lan")); err == nil {
		t.Error("an account that was removed opened an order")
	}
	m := &ACME{authority: a}
	dir := filepath.Join(a.Dir(), acmeDir)
	for name, age := range map[string]time.Duration{
		"old.json": accountLife + time.Hour, "new.json": time.Hour,
	} {
		file := filepath.Join(dir, name)
		when := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chtimes(file, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := m.expireAccounts(dir); err != nil || n != 1 {
		t.Errorf("%d accounts stay, %v", n, err)
	}
}
