package probe

import (
	"fmt"
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// A Problem is something that the server's operator should know.
type Problem struct {
	// Severity is "fatal", "bad", "weak" or "note".
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Advice   string `json:"advice,omitempty"`
}

// severities in descending order, and the best grade that each allows.
var severities = []struct{ name, grade string }{
	{"fatal", "F"}, {"bad", "C"}, {"weak", "B"}, {"note", "A"},
}

// Grades lists the grades in descending order.
var Grades = []string{"A+", "A", "B", "C", "F"}

// rank is the place of the severity, 0 for the worst.
func (p Problem) rank() int {
	for i, s := range severities {
		if s.name == p.Severity {
			return i
		}
	}
	return len(severities) - 1
}

// judge fills Problems and Grade. The grade is that of the worst problem; "A+" is for a
// server without one that has post-quantum key exchange, or that may have it.
func (r *Report) judge(name string) {
	r.judgeVersions()
	r.judgeSuites()
	r.judgeCertificates()
	r.judgeRest()
	r.judgeFlaws()
	r.judgeRecords(name)
	r.Grade = "A"
	if r.PostQuantum || r.GroupsOpen() {
		r.Grade = "A+"
	}
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return a.rank() - b.rank() })
	if len(r.Problems) > 0 {
		r.Grade = severities[r.Problems[0].rank()].grade
	}
}

func (r *Report) problem(severity, advice, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.Problems = append(r.Problems, Problem{Severity: severity, Text: text, Advice: advice})
}

func (r *Report) judgeVersions() {
	for _, v := range r.Versions {
		switch {
		case v.Version <= iana.SSL30:
			r.problem("fatal", "disable it: it can be decrypted (RFC 6176, RFC 7568)",
				"%s is accepted", v.Name)
		case v.Version <= iana.TLS11:
			r.problem("bad", "disable it: it relies on MD5 and SHA-1 (RFC 8996)", "%s is accepted", v.Name)
		}
	}
	if r.accepts(iana.TLS13, "") == "" && !r.isOpen(iana.TLS13.String()) {
		r.problem("weak", "enable TLS 1.3", "TLS 1.3 is not accepted")
	}
}

// suiteFaults are parts of cipher suite names, with what they mean.
var suiteFaults = []struct{ severity, part, text, advice string }{
	{"fatal", "_NULL_", "suites without encryption", "remove the NULL suites"},
	{"fatal", "TLS_SHA", "suites without encryption", "remove them (RFC 9150)"},
	{"fatal", "_anon_", "suites without authentication", "remove the anonymous suites"},
	{"fatal", "EXPORT", "export suites of 40 bits", "remove the export suites"},
	{"bad", "_RC4_", "RC4", "remove RC4 (RFC 7465)"},
	{"bad", "_RC2_", "RC2", "remove RC2"},
	{"bad", "_DES_", "DES", "remove DES (RFC 9325, Section 4.1)"},
	{"bad", "_DES40_", "DES with 40 bits", "remove DES"},
	{"weak", "3DES", "3DES, whose blocks of 64 bits collide", "remove 3DES (RFC 9325, Section 4.1)"},
	{"weak", "_IDEA_", "IDEA, whose blocks of 64 bits collide", "remove IDEA"},
	{"weak", "TLS_RSA_WITH_", "RSA key exchange, without forward secrecy",
		"offer only ECDHE suites (RFC 9325)"},
	{"weak", "TLS_ECDH_ECDSA_", "static key exchange, without forward secrecy",
		"offer only ECDHE suites (RFC 9325)"},
	{"weak", "TLS_ECDH_RSA_", "static key exchange, without forward secrecy",
		"offer only ECDHE suites (RFC 9325)"},
	{"note", "_CBC_", "CBC suites", "prefer AEAD suites"},
}

func (r *Report) judgeSuites() {
	for _, f := range suiteFaults {
		var names []string
		for _, v := range r.Versions {
			for _, name := range v.Names {
				if hasAny(name, f.part) && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		if len(names) > 0 {
			r.problem(f.severity, f.advice, "%s: %s", f.text, shortList(names))
		}
	}
	switch {
	case r.DHBits == 0:
	case r.DHBits < 1024:
		r.problem("fatal", "use ECDHE, or groups of RFC 7919", "Diffie-Hellman with %d bits", r.DHBits)
	case r.DHBits < 2048:
		r.problem("bad", "use ECDHE, or groups of RFC 7919", "Diffie-Hellman with %d bits", r.DHBits)
	}
}

// shortList lists at most three names.
func shortList(names []string) string {
	text := names[0]
	for _, name := range names[1:min(3, len(names))] {
		text += ", " + name
	}
	if n := len(names) - 3; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// soon is how long before its end a certificate is reported.
const soon = 14 * 24 * time.Hour

func (r *Report) judgeCertificates() {
	for _, c := range r.Certificates {
		if !c.Trusted {
			r.problem("fatal", c.Hint, "the certificate (%s) is not trusted: %s", c.Key, c.Refusal)
		}
		if left := time.Until(c.NotAfter); c.Trusted && left < soon {
			days := int(left.Hours() / 24)
			r.problem("weak", "renew it", "the certificate (%s) ends in %d days", c.Key, days)
		}
		for _, cert := range c.Decoded {
			for _, text := range cert.Problems {
				r.problem("note", "issue it anew", "the certificate for %s: %s", cert.Subject, text)
			}
		}
		if c.MustStaple && !c.Staple {
			r.problem("bad", "enable OCSP stapling",
				"the certificate requires a stapled OCSP response, and none was sent")
		}
	}
}

// judgeFlaws makes problems of the flaws that the checks of versions and suites do not
// report.
func (r *Report) judgeFlaws() {
	for _, f := range []struct {
		severity string
		found    bool
		text     string
		advice   string
	}{
		{"fatal", r.probed[flawHeartbleed], "Heartbleed: its memory can be read (CVE-2014-0160)",
			"update the server, and replace its keys"},
		{"fatal", r.probed[flawEarlyChange],
			"change_cipher_spec is processed too early (CVE-2014-0224)",
			"update the server"},
		{"fatal", r.probed[flawTicketbleed], "Ticketbleed: its memory can be read (CVE-2016-9244)",
			"update the server, and replace its keys"},
		{"fatal", r.probed[flawROBOT],
			"ROBOT: right RSA paddings are told from wrong ones (CVE-2017-13099)",
			"remove the suites TLS_RSA_WITH_…"},
		{"bad", r.TLSCompression, "records are compressed, which discloses secrets (CRIME)",
			"turn off compression"},
		{"weak", r.ClientRenegotiation == "accepted", "a client may demand renegotiation",
			"turn it off: each costs a handshake"},
		{"weak", r.DowngradeMark == "missing", "its random has no mark against downgrades",
			"update the server (RFC 9846, Section 4.1.3)"},
		{"note", r.Heartbeat, "the heartbeat extension is accepted",
			"turn it off: it has no use over TCP"},
		{"bad", r.GREASE != "" && r.GREASE != "ignored",
			"numbers that it does not know are not ignored: " + r.GREASE,
			"update the server (RFC 9846, Section 4.2): new clients will fail"},
	} {
		if f.found {
			r.problem(f.severity, f.advice, "%s", f.text)
		}
	}
}

func (r *Report) judgeRest() {
	if r.Renegotiation == "insecure" {
		r.problem("bad", "update the server (RFC 5746)", "secure renegotiation is not supported")
	}
	if r.Fallback == "accepted" {
		r.problem("weak", "update the server (RFC 7507)", "TLS_FALLBACK_SCSV is ignored")
	}
	if r.EMS == "no" {
		r.problem("note", "update the server (RFC 7627)",
			"the extended master secret is not supported with TLS 1.2")
	}
	if r.BigHello != "" && r.BigHello != "accepted" {
		r.problem("bad", "check the middleboxes before the server: clients with post-quantum key "+
			"exchange cannot connect", "a large ClientHello: it %s", r.BigHello)
	}
	if !r.PostQuantum && !r.GroupsOpen() {
		r.problem("note", "offer X25519MLKEM768",
			"key exchange is not post-quantum: recordings can be decrypted later")
	}
	if r.EarlyData > 0 {
		r.problem("note", "0-RTT data can be replayed: the application must allow for it",
			"0-RTT data of %d bytes is accepted", r.EarlyData)
	}
}
