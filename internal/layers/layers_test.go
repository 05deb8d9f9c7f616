// Package layers tests the rules of CONTRIBUTING.md that a machine can check:
// the direction of imports, the size of functions and files, the width of
// lines, duplicated blocks, comments on exported names, plain words, and
// what go doc shows.
//
// The lists in testdata hold what breaks a rule today. They may only shrink:
//
//	go test ./internal/layers -update
//
// lowers their numbers and removes lines that are no longer needed. It never
// raises a number and never adds a line.
package layers

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sealsock/sealsock"

// allowed lists, for each package of the engine's side, the packages of this
// module that it may import. A package that is not listed may import anything
// below cmd. ARCHITECTURE.md draws the same picture.
var allowed = map[string][]string{
	"iana":            {},
	"internal/codec":  {},
	"internal/reuse":  {},
	"internal/wire":   {"iana", "internal/codec", "internal/reuse"},
	"internal/gcm":    {"internal/reuse"},
	"internal/p256":   {"internal/reuse"},
	"internal/x25519": {"internal/reuse"},
	"internal/simd":   {},
	"internal/ccm":    {},
	"internal/suites": {"iana", "internal/codec", "internal/gcm", "internal/ccm", "internal/p256", "internal/simd",
		"internal/pss", "internal/pubkey", "internal/reuse", "internal/x25519"},
	"internal/hmac256": {},
	"internal/keys": {"iana", "internal/codec", "internal/hmac256", "internal/reuse",
		"internal/suites"},
	"internal/record": {"iana", "internal/codec", "internal/gcm", "internal/suites",
		"internal/keys", "internal/reuse"},
	"internal/dtls": {"iana", "internal/record", "internal/reuse"},
	"engine": {"iana", "internal/codec", "internal/wire", "internal/suites", "internal/keys",
		"internal/record", "internal/dtls", "internal/pubkey", "internal/reuse", "signer"},
	"internal/stream": {"iana", "engine", "internal/panics", "internal/segment",
		"internal/sockio"},
	"internal/datagram": {"iana", "engine", "internal/panics", "internal/reuse", "internal/stream",
		"internal/udpbatch"},
	"internal/udpbatch": {"internal/reuse"},
	"internal/admit":    {"iana", "engine", "internal/panics"},
	"internal/panics":   {"engine"},
	"ech":               {"engine"},
	"internal/pss":      {},
	"internal/pubkey":   {"internal/pss"},
	"internal/mldsakey": {"internal/simd"},
	"signer":            {},
	"internal/filelock": {},
	"internal/readfile": {},
	"trust": {"iana", "internal/certtext", "internal/filelock", "internal/linked", "internal/pss",
		"internal/pubkey", "internal/readfile", "internal/suffix"},
	"trust/idn":         {"internal/linked"},
	"trust/fetch":       {"internal/certtext", "internal/linked"},
	"identity/pkcs12":   {"internal/linked"},
	"internal/linked":   {},
	"internal/suffix":   {},
	"internal/auditing": {},
	"internal/endpoint": {"internal/auditing", "internal/filelock"},
	"identity": {"iana", "internal/certtext", "internal/linked", "internal/mldsakey", "internal/pss",
		"internal/pubkey", "internal/readfile",
		"signer"},
	"authority":   {"iana", "identity", "internal/filelock", "internal/pubkey", "internal/readfile"},
	"certificate": {"identity", "internal/certtext", "internal/pubkey"},
	"address":     {"internal/endpoint"},
	"address/all": {"internal/endpoint", "internal/websocket", "socket", "socket/inet", "socket/unix",
		"socket/vsock", "socket/bluetooth", "socket/can", "socket/tipc", "socket/sctp", "socket/mptcp",
		"socket/smc", "socket/udplite"},
	"internal/websocket": {},
	"message":            {},
	"relay":              {"message"},
	"relay/natsbus":      {"relay"},
	"fleet":              {"", "internal/readfile"},
	"fleet/natsfleet":    {"", "fleet"},
	"internal/natsdial":  {"", "address", "starttls"},
	"internal/alarm":     {},
	"internal/link":      {"internal/alarm", "relay"},
	"internal/nickname":  {"internal/printable"},
	"internal/words":     {},
	"internal/cpace":     {},
	"talk": {"iana", "engine", "identity", "internal/link", "internal/nickname",
		"internal/pathless", "internal/printable", "internal/safename", "internal/stream",
		"internal/words", "message",
		"relay", "trust"},
	"internal/newname":  {},
	"internal/pathless": {},
	"internal/safename": {"internal/printable"},
	"transfer": {"iana", "engine", "internal/cpace", "internal/filelock", "internal/link",
		"internal/newname", "internal/pathless", "internal/printable", "internal/readfile",
		"internal/safename", "internal/words", "message", "relay", ""},
}

// untouched lists the standard packages that the engine's side must not import
// itself: it does no I/O, and randomness comes in from outside. Package time
// is there for its types; TestEngineReadsNoClock keeps its clock out.
var untouched = []string{"net", "os", "sync", "sync/atomic", "log", "log/slog", "crypto/x509", "crypto/tls", "context", "syscall"}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, patterns ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, patterns...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsPointDownwards(t *testing.T) {
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		may, restricted := allowed[name]
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) {
				continue
			}
			ours := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
			if strings.HasPrefix(ours, "cmd/") && !strings.HasPrefix(name, "cmd/") {
				t.Errorf("%s imports %s: nothing leans on a command", name, ours)
			}
			if restricted && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s: it may import only %v", name, ours, may)
			}
		}
	}
}

func TestEngineTouchesNothing(t *testing.T) {
	for _, p := range list(t, "./engine", "./internal/codec", "./internal/wire", "./internal/gcm", "./internal/ccm", "./internal/suites", "./internal/x25519", "./internal/hmac256", "./internal/keys",
		"./internal/record", "./internal/dtls", "./internal/pubkey") {
		if slices.Contains(p.Deps, "net") {
			t.Errorf("%s can reach net", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if slices.Contains(untouched, imp) {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
}

// TestNATSIsLinkedOnRequest: only the packages that are for it, and the command, link the client
// of NATS.
func TestNATSIsLinkedOnRequest(t *testing.T) {
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		of := strings.HasPrefix(name, "cmd/") || strings.HasSuffix(name, "/natsbus") ||
			strings.HasSuffix(name, "/natsfleet") || name == "internal/natstest"
		if !of && slices.Contains(p.Deps, "github.com/nats-io/nats.go") {
			t.Errorf("%s links the client of NATS", name)
		}
	}
}

func TestEngineReadsNoClock(t *testing.T) {
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|After|AfterFunc|Sleep|Tick|NewTimer|NewTicker)\b`)
	for _, dir := range []string{"engine", "internal/codec", "internal/wire", "internal/gcm", "internal/ccm", "internal/suites", "internal/x25519", "internal/hmac256", "internal/keys", "internal/record",
		"internal/dtls"} {
		files, err := filepath.Glob("../../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if m := clock.Find(text); m != nil {
				t.Errorf("%s reads the clock: %s", name, m)
			}
		}
	}
}

func TestNoDrawersForTheRest(t *testing.T) {
	for _, p := range list(t, "./...") {
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			switch part {
			case "tls", "util", "utils", "common", "helper", "helpers", "core", "misc":
				t.Errorf("%s: a package named %q says nothing", p.ImportPath, part)
			}
		}
	}
}
