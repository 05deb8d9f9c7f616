package inspect

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// Facts are what a tool found out, by name. A fact that a tool does not tell is absent. Lists
// are sorted, and joined with commas.
type facts map[string]string

// set sets a fact to a sorted list.
func (f facts) set(name string, list []string) {
	list = slices.Clone(list)
	slices.Sort(list)
	f[name] = strings.Join(slices.Compact(list), ", ")
}

// add adds values to a list.
func (f facts) add(name string, values ...string) {
	if f[name] != "" {
		values = append(values, strings.Split(f[name], ", ")...)
	}
	f.set(name, values)
}

func (f facts) yes(name string, is bool) { f[name] = map[bool]string{true: "yes", false: "no"}[is] }

// versions are the names of the facts about versions.
var versions = []string{"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"}

// run runs a tool, and returns its standard output and how long it took.
func run(t *testing.T, args ...string) ([]byte, time.Duration) {
	t.Helper()
	start := time.Now()
	cmd := exec.Command(args[0], args[1:]...)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("%v: %v: %s", args, err, errors.String())
	}
	if len(out) == 0 && errors.Len() > 0 {
		t.Logf("%v: %s", args, errors.String())
	}
	return out, time.Since(start)
}

// A sealLine is what is compared of a line of seal inspect --json.
type sealLine struct {
	Report struct {
		Versions []struct {
			Version    string
			Suites     []string `json:"cipher_suites"`
			Preference string
		}
		Groups       []string
		Schemes      []struct{ Scheme, Version string } `json:"signature_schemes"`
		ALPN         []string
		Certificates []struct{ Key string }
		Preference   string
		Resumption   []string
		Fallback     string `json:"fallback_scsv"`
		Flaws        []struct{ Name, Verdict string }
		Unknown      []string
	}
	Error string
}

// sealFacts runs seal inspect three times, and returns the shortest time.
func sealFacts(t *testing.T, seal, addr string, f *files) (facts, time.Duration) {
	t.Helper()
	var best time.Duration
	var line sealLine
	for range 3 {
		out, took := run(t, seal, "inspect", "--json", "--dns", "off", "--timeout", "30s",
			"--ca", f.path("ca.pem"), addr)
		if err := json.Unmarshal(out, &line); err != nil {
			t.Fatalf("seal inspect: %v: %s", err, out)
		}
		if best == 0 || took < best {
			best = took
		}
	}
	if line.Error != "" || len(line.Report.Unknown) > 0 {
		t.Errorf("seal inspect: %s %q", line.Error, line.Report.Unknown)
	}
	return line.facts(t), best
}

func (line *sealLine) facts(t *testing.T) facts {
	all := facts{}
	r := &line.Report
	for _, v := range versions {
		all.yes(v, false)
	}
	for _, v := range r.Versions {
		all.yes(v.Version, true)
		all.set(v.Version+" suites", hexSuites(t, v.Suites))
	}
	var groups []string
	for _, name := range r.Groups {
		g, err := iana.ParseNamedGroup(name)
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, fmt.Sprintf("%04X", uint16(g)))
	}
	all.set("groups", groups)
	schemes := map[string][]string{}
	for _, s := range r.Schemes {
		schemes[s.Version] = append(schemes[s.Version], s.Scheme)
	}
	for v, list := range schemes {
		all.set(v+" signature schemes", list)
	}
	all.set("ALPN", r.ALPN)
	var keys []string
	for _, c := range r.Certificates {
		keys = append(keys, strings.TrimSuffix(strings.ReplaceAll(c.Key, "ECDSA P-", "EC "), " bits"))
	}
	all.set("keys", keys)
	all["preference"] = r.Preference
	all.yes("fallback refused", r.Fallback == "refused")
	all.yes("session IDs", slices.Contains(r.Resumption, "TLS 1.2 session ID"))
	all.yes("tickets", slices.ContainsFunc(r.Resumption, func(how string) bool {
		return strings.HasSuffix(how, "ticket")
	}))
	for _, flaw := range r.Flaws {
		all.yes(flaw.Name, flaw.Verdict != "no")
	}
	return all
}

// hexSuites returns the numbers of suites, as both tools write them.
func hexSuites(t *testing.T, names []string) []string {
	var list []string
	for _, name := range names {
		id, err := iana.ParseCipherSuite(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%04X", uint16(id)))
	}
	return list
}

// A sslscanDocument is what sslscan --xml writes.
type sslscanDocument struct {
	Protocols []struct {
		Type    string `xml:"type,attr"`
		Version string `xml:"version,attr"`
		Enabled int    `xml:"enabled,attr"`
	} `xml:"ssltest>protocol"`
	Ciphers []struct {
		Version string `xml:"sslversion,attr"`
		ID      string `xml:"id,attr"`
	} `xml:"ssltest>cipher"`
	Groups []struct {
		ID string `xml:"id,attr"`
	} `xml:"ssltest>group"`
	Schemes []struct {
		Version string `xml:"sslversion,attr"`
		Name    string `xml:"name,attr"`
	} `xml:"ssltest>connection-signature-algorithm"`
	Fallback []struct {
		Supported int `xml:"supported,attr"`
	} `xml:"ssltest>fallback"`
	Renegotiation []struct {
		Supported int `xml:"supported,attr"`
		Secure    int `xml:"secure,attr"`
	} `xml:"ssltest>renegotiation"`
	Heartbleed []struct {
		Vulnerable int `xml:"vulnerable,attr"`
	} `xml:"ssltest>heartbleed"`
	Keys []struct {
		Type  string `xml:"type,attr"`
		Bits  int    `xml:"bits,attr"`
		Curve string `xml:"curve_name,attr"`
	} `xml:"ssltest>certificates>certificate>pk"`
}

// sslscanFacts runs sslscan twice, and returns the shorter time.
func sslscanFacts(t *testing.T, addr string, _ *files) (facts, time.Duration) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sslscan.xml")
	var best time.Duration
	for range 2 {
		_, took := run(t, "sslscan", "--no-colour", "--show-sigs", "--xml="+name, addr)
		if best == 0 || took < best {
			best = took
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var doc sslscanDocument
	if err := xml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("sslscan: %v", err)
	}
	return doc.facts(), best
}

func (doc *sslscanDocument) facts() facts {
	all, suites, schemes := facts{}, map[string][]string{}, map[string][]string{}
	for _, p := range doc.Protocols {
		version := strings.ToUpper(p.Type) + " " + p.Version
		if p.Type == "ssl" {
			version += ".0"
		}
		all.yes(version, p.Enabled != 0)
	}
	for _, c := range doc.Ciphers {
		v := version(c.Version)
		suites[v] = append(suites[v], strings.TrimPrefix(c.ID, "0x"))
	}
	for v, list := range suites {
		all.set(v+" suites", list)
	}
	var groups, keys []string
	for _, g := range doc.Groups {
		groups = append(groups, strings.ToUpper(strings.TrimPrefix(g.ID, "0x")))
	}
	all.set("groups", groups)
	for _, s := range doc.Schemes {
		v := version(s.Version)
		schemes[v] = append(schemes[v], s.Name)
	}
	for v, list := range schemes {
		all.set(v+" signature schemes", list)
	}
	for _, k := range doc.Keys {
		keys = append(keys, fmt.Sprintf("%s %d", k.Type, k.Bits))
	}
	all.set("keys", keys)
	if len(doc.Fallback) > 0 {
		all.yes("fallback refused", doc.Fallback[0].Supported != 0)
	}
	if len(doc.Renegotiation) > 0 {
		all.yes("insecure renegotiation", doc.Renegotiation[0].Supported != 0 &&
			doc.Renegotiation[0].Secure == 0)
	}
	bleeds := false
	for _, h := range doc.Heartbleed {
		bleeds = bleeds || h.Vulnerable != 0
	}
	all.yes("Heartbleed", bleeds)
	return all
}

// version returns the name of a version for sslscan's, such as "TLSv1.2".
func version(text string) string { return strings.Replace(text, "v", " ", 1) }

// A testsslFinding is one line of testssl.sh --jsonfile.
type testsslFinding struct{ ID, Severity, Finding string }

// testsslFlaws are the IDs of testssl.sh for our flaws.
var testsslFlaws = map[string]string{
	"heartbleed": "Heartbleed", "CCS": "early change_cipher_spec", "ticketbleed": "Ticketbleed",
	"ROBOT": "ROBOT", "secure_renego": "insecure renegotiation",
	"secure_client_renego": "renegotiation by the client", "CRIME_TLS": "CRIME",
	"POODLE_SSL": "POODLE", "SWEET32": "Sweet32", "FREAK": "FREAK", "DROWN": "DROWN",
	"LOGJAM": "Logjam", "BEAST": "BEAST", "LUCKY13": "Lucky Thirteen", "RC4": "RC4",
}

// testsslFacts runs the parts of testssl.sh that concern TLS.
func testsslFacts(t *testing.T, addr string, f *files) (facts, time.Duration) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "testssl.json")
	_, took := run(t, "testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none",
		"--add-ca", f.path("ca.pem"), "-p", "-P", "-S", "-U", "--jsonfile", name, addr)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var list []testsslFinding
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("testssl.sh: %v", err)
	}
	all := facts{}
	for _, x := range list {
		x.addTo(all)
	}
	return all, took
}

// testsslVersions are its IDs for versions.
var testsslVersions = map[string]string{
	"SSLv2": "SSL 2.0", "SSLv3": "SSL 3.0", "TLS1": "TLS 1.0", "TLS1_1": "TLS 1.1",
	"TLS1_2": "TLS 1.2", "TLS1_3": "TLS 1.3",
}

// addTo adds what a finding tells. A finding that testssl.sh itself is unsure of is passed
// over.
func (x *testsslFinding) addTo(all facts) {
	unsure := x.Severity == "WARN"
	if v := testsslVersions[x.ID]; v != "" && !unsure {
		all.yes(v, strings.HasPrefix(x.Finding, "offered"))
	}
	if flaw := testsslFlaws[x.ID]; flaw != "" && !unsure {
		all.yes(flaw, x.Severity != "OK" && x.Severity != "INFO")
	}
	id, _, _ := strings.Cut(x.ID, " ") // with two certificates, their numbers follow
	switch id {
	case "fallback_SCSV":
		if !unsure && x.Severity == "OK" && strings.HasPrefix(x.Finding, "supported") {
			all.yes("fallback refused", true)
		} else if x.Severity == "HIGH" || x.Severity == "MEDIUM" {
			all.yes("fallback refused", false)
		}
	case "cipher_order":
		all["preference"] = map[bool]string{true: "server", false: "client"}[x.Severity == "OK"]
	case "ALPN", "ALPN_HTTP2":
		if list := strings.Fields(x.Finding); list[0] != "not" {
			all.add("ALPN", list...)
		}
	case "cert_keySize":
		all.add("keys", keyOf(x.Finding))
	case "sessionresumption_ID":
		if !unsure {
			all.yes("session IDs", x.Finding == "supported")
		}
	case "sessionresumption_ticket":
		if !unsure {
			all.yes("tickets", x.Finding == "supported")
		}
	}
}

// keyOf returns "RSA 2048" for "RSA 2048 bits", and "EC 256" for "EC 256 bits".
func keyOf(finding string) string {
	fields := strings.Fields(finding)
	if len(fields) < 2 {
		return finding
	}
	if _, err := strconv.Atoi(fields[1]); err != nil {
		return finding
	}
	return fields[0] + " " + fields[1]
}
