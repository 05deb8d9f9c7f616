package inspect

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/peers"
)

var update = flag.Bool("update", false, "write docs/inspect.md")

// A row is the result for one server.
type row struct {
	server        *server
	seal, sslscan time.Duration
	testssl       time.Duration
	agreed        int
	disagreements []disagreement
}

// A disagreement is a fact that the tools see in different ways.
type disagreement struct{ tool, fact, seal, other, why string }

// TestInspect compares the three tools on each server. Each disagreement needs an explanation.
func TestInspect(t *testing.T) {
	if testing.Short() {
		t.Skip("testssl.sh takes minutes: make test runs it")
	}
	for _, tool := range []string{"sslscan", "testssl", "openssl"} {
		peers.Need(t, tool)
	}
	seal := filepath.Join(t.TempDir(), "seal")
	out, err := exec.Command("go", "build", "-o", seal, "../../cmd/seal").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f := makeFiles(t)
	rows := make([]row, len(servers))
	t.Run("servers", func(t *testing.T) {
		for i := range servers {
			s := &servers[i]
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				if s.needs != "" {
					peers.Need(t, s.needs)
				}
				tools := []tool{{"sslscan", sslscanFacts}}
				if scannedToday(i) {
					tools = append(tools, tool{"testssl.sh", testsslFacts})
				} else {
					fmt.Printf("left out today: testssl.sh on %s\n", s.name)
				}
				rows[i] = compare(t, s, seal, f, tools)
			})
		}
	})
	var ours, theirs time.Duration
	for _, r := range rows {
		ours, theirs = ours+r.seal, theirs+r.sslscan
	}
	t.Logf("seal took %v for all servers, sslscan %v", ours, theirs)
	if *update && ours >= theirs {
		t.Errorf("seal was slower than sslscan: docs/inspect.md is not written")
	}
	if *update && !t.Failed() {
		if err := os.WriteFile("../../docs/inspect.md", []byte(document(rows)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// scannedToday reports whether testssl.sh, which takes minutes, looks at a server: at a
// quarter of them each day, and at all with -update or SEALSOCK_INSPECT=all.
func scannedToday(i int) bool {
	day := int(time.Now().Unix() / (24 * 60 * 60))
	return *update || os.Getenv("SEALSOCK_INSPECT") == "all" || i%4 == day%4
}

// A tool is another scanner.
type tool struct {
	name  string
	facts func(*testing.T, string, *files) (facts, time.Duration)
}

// compare runs the tools on one server.
func compare(t *testing.T, s *server, seal string, f *files, tools []tool) row {
	addr := s.start(t, f)
	r := row{server: s}
	ours, took := sealFacts(t, seal, addr, f)
	r.seal = took
	for _, by := range tools {
		tool := by.name
		theirs, took := by.facts(t, addr, f)
		if tool == "sslscan" {
			r.sslscan = took
		} else {
			r.testssl = took
		}
		for _, fact := range slices.Sorted(maps.Keys(theirs)) {
			if ours[fact] == theirs[fact] {
				r.agreed++
				continue
			}
			d := disagreement{tool: tool, fact: fact, seal: ours[fact], other: theirs[fact]}
			if d.why = explain(s.name, d); d.why == "" {
				t.Errorf("%s: %s: seal %q, %s %q: not explained", s.name, fact, d.seal, tool, d.other)
			}
			r.disagreements = append(r.disagreements, d)
		}
		if len(theirs) < 10 {
			t.Errorf("%s: %s tells %d facts alone: %v", s.name, tool, len(theirs), theirs)
		}
	}
	slices.SortFunc(r.disagreements, func(a, b disagreement) int {
		return strings.Compare(a.tool+a.fact, b.tool+b.fact)
	})
	if *update && r.seal > r.testssl/10 {
		t.Errorf("%s: seal took %v, more than a tenth of testssl.sh's %v", s.name, r.seal, r.testssl)
	}
	t.Logf("%s: seal %v, sslscan %v, testssl.sh %v; %d agreed", s.name, r.seal.Round(time.Millisecond),
		r.sslscan.Round(time.Millisecond), r.testssl.Round(time.Second), r.agreed)
	return r
}

// An explanation is why two tools see a fact in different ways.
type explanation struct {
	server string // empty for all
	tool   string
	fact   string // or its end, with a space before it
	more   bool   // it is one only if seal finds all that the other tool does, and more
	why    string
}

var explanations = []explanation{
	{tool: "sslscan", fact: "keys",
		why: "sslscan gives the strength of a curve in place of its length, and looks at one " +
			"certificate"},
	{server: "OpenSSL 3.5", tool: "sslscan", fact: "groups", more: true,
		why: "sslscan does not know X25519MLKEM768"},
	{tool: "sslscan", fact: "groups", more: true,
		why: "sslscan waits three seconds for an answer: the larger groups of RFC 7919 can take longer " +
			"on a busy machine"},
	{server: "OpenSSL 3.5", tool: "sslscan", fact: "signature schemes", more: true,
		why: "sslscan sends no supported_groups in TLS 1.2, and OpenSSL 3.5 then has no use for its " +
			"ECDSA certificate"},
	{server: "crypto/tls", tool: "sslscan", fact: "signature schemes",
		why: "with a scheme that nothing has, the server chooses a suite with RSA key exchange, which " +
			"has no signature: sslscan takes it for a server that accepts any"},
	{server: "Java", tool: "sslscan", fact: "signature schemes",
		why: "sslscan takes a ServerHello for a yes: Java sends one before it finds out that it has no " +
			"key for the scheme. seal waits for the signature"},
	{tool: "testssl.sh", fact: "ALPN", more: true,
		why: "testssl.sh does not ask for http/1.0"},
	{tool: "testssl.sh", fact: "session IDs",
		why: "testssl.sh asks with TLS 1.3, where a session comes after the handshake, and may end " +
			"the connection before: openssl s_client -tls1_2 -no_ticket -sess_in resumes by ID"},
	{server: "crypto/tls", tool: "testssl.sh", fact: "tickets",
		why: "openssl s_client -sess_in resumes by ticket there: testssl.sh does not see it"},
}

// more reports whether seal finds all that the other tool does.
func (d *disagreement) more() bool {
	ours := strings.Split(d.seal, ", ")
	for _, v := range strings.Split(d.other, ", ") {
		if v != "" && !slices.Contains(ours, v) {
			return false
		}
	}
	return true
}

// explain returns the explanation of a disagreement, or "".
func explain(server string, d disagreement) string {
	for _, e := range explanations {
		if e.tool == d.tool && (e.fact == d.fact || strings.HasSuffix(d.fact, " "+e.fact)) &&
			(e.server == "" || strings.HasPrefix(server, e.server)) && (!e.more || d.more()) {
			return e.why
		}
	}
	return ""
}

// document is docs/inspect.md.
func document(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, documentHead, time.Now().UTC().Format(time.DateOnly), toolVersion("sslscan"),
		toolVersion("testssl"))
	why := map[string][]string{}
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %.2f s | %.1f s | %.0f s | %d | %d |\n",
			r.server.name, r.server.what, r.seal.Seconds(), r.sslscan.Seconds(), r.testssl.Seconds(),
			r.agreed, len(r.disagreements))
		for _, d := range r.disagreements {
			key := d.tool + ", " + shortFact(d.fact) + ": " + d.why
			if !slices.Contains(why[key], r.server.name) {
				why[key] = append(why[key], r.server.name)
			}
		}
	}
	fmt.Fprint(&b, documentMiddle)
	for _, key := range slices.Sorted(maps.Keys(why)) {
		fmt.Fprintf(&b, "- %s (%s)\n", key, strings.Join(why[key], "; "))
	}
	return b.String()
}

// shortFact is a fact without its version.
func shortFact(fact string) string {
	for _, v := range versions {
		fact = strings.TrimPrefix(fact, v+" ")
	}
	return fact
}

// toolVersion returns the version that a tool prints.
func toolVersion(tool string) string {
	out, _ := exec.Command(tool, "--version").CombinedOutput()
	return regexp.MustCompile(`\b\d+\.\d+\.\d+\b`).FindString(string(out))
}

const documentHead = `# seal inspect beside sslscan and testssl.sh

Written by ` + "`go test ./test/inspect -update`" + ` on %s.

The tools looked at the same servers, each on loopback, several at a time on a machine that was
busy: compare the times of a row. Those of seal and sslscan are the shortest of a few runs.
testssl.sh ran the parts that concern TLS. A fact is what a tool tells: a version, the suites of a
version, the groups, the signature schemes, the keys, resumption, or a flaw. Each disagreement is
explained below: the test fails if one is not.

sslscan is version %s, testssl.sh version %s.

| server | configuration | seal | sslscan | testssl.sh | agreed | disagreed |
|---|---|---|---|---|---|---|
`

const documentMiddle = `
## Disagreements

`
