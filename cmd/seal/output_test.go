package main

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/testcert"
)

// evil is a name that a peer may send: unchanged it would end the line and begin one
// that looks like ours, clear the terminal in two ways, and reverse the text direction.
const hostile = "x\nseal: connected to bank.example\x1b[2J\u009b2J\u202e\U000e0041"

// Notes that contain text from the peer.
func said() map[string]note {
	return map[string]note{
		"connected":     &facts{Remote: "r", ALPN: hostile, Peer: &peerFacts{Name: hostile}, verb: "connected to"},
		"psk":           &facts{Remote: "r", PSK: hostile, verb: "connection from"},
		"ended":         &ended{Remote: "r", Message: hostile, Reason: hostile},
		"refused":       &refused{Remote: "r", Message: hostile, Hint: hostile},
		"authenticated": authenticated{Remote: "r", Peer: &peerFacts{Name: hostile}},
		"declined":      authenticated{Remote: "r", Message: hostile},
		"request":       &request{Method: "GET", Target: hostile},
		"chat":          chatEvent{What: "left", Name: hostile, Remote: "r", Reason: hostile},
		"warning":       warning{hostile},
		"error":         failure{Message: hostile, Hint: hostile, List: []string{hostile}},
	}
}

// TestStrangersHaveNoLine checks that no text from the peer begins a line.
func TestStrangersHaveNoLine(t *testing.T) {
	for name, n := range said() {
		var b bytes.Buffer
		(&output{w: &b}).write(n, "")
		for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
			own := i == 0 || strings.HasPrefix(line, "hint: ") || strings.HasPrefix(line, "  ")
			if !own || strings.Count(line, "\uFFFD") == 0 {
				t.Errorf("%s, line %d: %q", name, i, line)
			}
			for _, r := range line {
				if !printable.Safe(r) && r != utf8.RuneError {
					t.Errorf("%s lets %U through", name, r)
				}
			}
		}
	}
}

func TestJSONIsHarmless(t *testing.T) {
	for name, n := range said() {
		line := asJSON(n)
		for _, r := range strings.TrimSuffix(string(line), "\n") {
			if !printable.Safe(r) {
				t.Errorf("%s lets %U through", name, r)
			}
		}
		if !bytes.Contains(line, []byte(`\u009b`)) {
			t.Errorf("%s has lost what was sent: %s", name, line)
		}
		var any map[string]any
		if err := json.Unmarshal(line, &any); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, field := range []string{"message", "reason"} {
			if got, ok := any[field]; ok && got != hostile {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

// TestPastedNameIsOneWord: a certificate that another person made may have any name,
// and users paste the commands that contain it.
func TestPastedNameIsOneWord(t *testing.T) {
	const name = "a$(touch owned)"
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "other.test")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	l := &listening{RootFile: "root.pem", Names: []string{name}}
	for _, command := range l.tcpCommands("localhost", 1, &credentials{id: id, http: true}) {
		outside := strings.Builder{}
		for i, part := range strings.Split(command, "'") {
			if i%2 == 0 {
				outside.WriteString(part)
			}
		}
		if !strings.Contains(command, name) || strings.Contains(outside.String(), "$") {
			t.Error(command)
		}
	}
}

// TestElsewhere: a listener for other machines prints what they need, which the
// commands for this machine do not have.
func TestElsewhere(t *testing.T) {
	l := &listening{Names: []string{"localhost", "127.0.0.1", "*.wild.test", "192.0.2.1", "host.test", "::1"}, Pin: "sha256/x"}
	for ip, want := range map[string]string{"::": "192.0.2.1", "127.0.0.1": "", "192.0.2.1": "192.0.2.1", "192.0.2.7": "host.test"} {
		if got := l.externalName(&net.TCPAddr{IP: net.ParseIP(ip)}); got != want {
			t.Errorf("on %s: %q, want %q", ip, got, want)
		}
	}
	l.RawKey = true
	if got := l.externalName(&net.TCPAddr{IP: net.IPv6unspecified}); got != "" {
		t.Errorf("with a bare key: %q", got)
	}
	l.Elsewhere = "seal connect --pin sha256/x host.test:1"
	if !strings.HasSuffix(l.text(), "\nfrom another machine:\n  "+l.Elsewhere) {
		t.Error(l.text())
	}
}
