package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/trust"
)

// TestSocketErrors checks the texts and hints of errors about sockets, by what was done and with
// which kind of address.
func TestSocketErrors(t *testing.T) {
	path := &net.UnixAddr{Name: "/run/x", Net: "unix"}
	port := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:443"))
	local := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[fe80::1]:443"))
	for _, test := range []struct {
		op, network string
		at          net.Addr
		err         error
		text, hint  string
	}{
		{"listen", "unix", path, fs.ErrNotExist,
			"cannot listen on unix:///run/x: its folder does not exist", "create the folder"},
		{"listen", "unix", path, errInUse,
			"cannot listen on unix:///run/x: the address is in use", "choose a path"},
		{"listen", "tcp", port, errInUse,
			"cannot listen on 192.0.2.1:443: the address is in use", "choose another port"},
		{"listen", "unix", path, errForbidden,
			"this user may not listen on unix:///run/x", "a folder that this user may write to"},
		{"dial", "unix", path, fs.ErrNotExist,
			"cannot connect to unix:///run/x: the socket does not exist", "start the server"},
		{"dial", "unix", path, errRefused,
			"cannot connect to unix:///run/x: connection refused", "check the path"},
		{"dial", "unix", path, errForbidden,
			"this user may not connect to unix:///run/x", "the mode of the socket"},
		{"dial", "tcp", local, errors.New("invalid argument"),
			"cannot connect to [fe80::1]:443: invalid argument", "needs its interface"},
		{"dial", "tcp", port, errors.New("invalid argument"),
			"cannot connect to 192.0.2.1:443: invalid argument", "check the address"},
		{"listen", "tcp", port, errors.New("invalid argument"),
			"cannot listen on 192.0.2.1:443: invalid argument", "check the address"},
	} {
		p := explain(&net.OpError{Op: test.op, Net: test.network, Addr: test.at,
			Err: os.NewSyscallError("call", test.err)})
		if p.text != test.text || !strings.Contains(p.hint, test.hint) {
			t.Errorf("%s %v: %v: %q, %q", test.op, test.at, test.err, p.text, p.hint)
		}
	}
}

// TestRelayHints: the hint about the certificate of a relay names no flag that the command lacks.
func TestRelayHints(t *testing.T) {
	at, err := address.Parse("relay.example:443")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []trust.Code{
		trust.CodeUnknownAuthority, trust.CodePinMismatch, trust.CodeNoRoots,
		trust.CodeNameMismatch, trust.CodeNoName, trust.CodeRevocationUnknown,
	} {
		for path, flags := range map[string]*chatFlags{
			"chat join": {}, "send": {pin: "--pin PIN"}, "receive": {pin: "--pin PIN"},
		} {
			cmd, _, err := newRoot(newOutput(os.Stderr)).Find(strings.Fields(path))
			if err != nil {
				t.Fatal(err)
			}
			p := explain(flags.withoutRelay(at, &trust.Error{Code: code, Hint: "a hint"}))
			own, _, _ := strings.Cut(p.hint, "seal chat new")
			for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(own, -1) {
				if cmd.Flags().Lookup(flag[2:]) == nil {
					t.Errorf("seal %s has no %s: %s", path, flag, p.hint)
				}
			}
			if !strings.HasPrefix(p.hint, "a hint") {
				t.Errorf("seal %s: %v: the hint is %q", path, code, p.hint)
			}
		}
	}
}

// TestOwnFlags: a hint keeps the flags that the command has, and those of other commands.
func TestOwnFlags(t *testing.T) {
	root := newRoot(newOutput(os.Stderr))
	for _, test := range []struct{ path, hint, want string }{
		{"connect", "use an old version (--legacy)", "use an old version (--legacy)"},
		{"bench", "use an old version (--legacy)", "use an old version"},
		{"bench", "trust it (--ca FILE, or --pin PIN)", "trust it (--ca FILE, or --pin PIN)"},
		{"chat join", "set a name (--name NAME)", "set a name"},
		{"relay", "get one (seal connect --cert FILE --key FILE)",
			"get one (seal connect --cert FILE --key FILE)"},
		{"connect", "see the log (of the peer)", "see the log (of the peer)"},
	} {
		cmd, _, err := root.Find(strings.Fields(test.path))
		if err != nil {
			t.Fatal(err)
		}
		if got := ownFlags(test.hint, cmd.Flags()); got != test.want {
			t.Errorf("seal %s: %q, want %q", test.path, got, test.want)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "errors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	out := newOutput(file)
	root = newRoot(out)
	root.SetArgs([]string{"bench", "--parallel", "0"})
	root.Execute()
	out.fail(failed(nil, "an error").hinted("use an old version (--legacy)"))
	if got, err := os.ReadFile(file.Name()); err != nil || bytes.Contains(got, []byte("--legacy")) {
		t.Errorf("a command without --legacy prints %s, %v", got, err)
	}
}
