package probe

import (
	"slices"
	"strings"

	"github.com/sealsock/sealsock/iana"
)

// A Flaw is a published weakness of servers, and whether this one has it.
type Flaw struct {
	Name string `json:"name"`
	// ID is the number that the flaw was published under.
	ID string `json:"id"`
	// Verdict is "no", "yes", or "possible": a client that chooses badly is at risk, as is
	// one that does not guard against the flaw by itself.
	Verdict string `json:"verdict"`
	// Reason names what was accepted.
	Reason string `json:"reason,omitempty"`
}

// flaws derives the list of flaws from what was found. Those whose question has no answer
// are left out: Unknown names the question.
func (r *Report) flaws() {
	for _, f := range []struct{ name, id, reason string }{
		{flawHeartbleed, "CVE-2014-0160", "a heartbeat returned memory"},
		{flawEarlyChange, "CVE-2014-0224", "it was processed"},
		{flawTicketbleed, "CVE-2016-9244", "a session ID returned memory"},
		{flawROBOT, "CVE-2017-13099", "RSA paddings are told apart"},
	} {
		// Servers with TLS 1.3 alone have none of them.
		if has, answered := r.probed[f.name]; answered || r.newestOld() == 0 {
			r.flawOf(f.name, f.id, "yes", has, f.reason)
		}
	}
	r.flawOf(flawInsecure, "CVE-2009-3555", "yes", r.Renegotiation == "insecure",
		"the server does not have RFC 5746")
	if r.ClientRenegotiation != "" || r.newestOld() == 0 {
		r.flawOf(flawRenegotiation, "CVE-2011-1473", "possible",
			r.ClientRenegotiation == "accepted", "a client can demand handshakes without end")
	}
	r.flawOf(flawCRIME, "CVE-2012-4929", "yes", r.TLSCompression, "TLS compression is accepted")
	r.flawOf(flawDowngrade, "CVE-2014-3566", "possible",
		r.Fallback == "accepted" || r.DowngradeMark == "missing",
		"a client that falls back to an older version is not stopped")
	ssl2 := r.accepts(iana.SSL20, "")
	r.flawOf(flawDROWN, "CVE-2016-0800", "yes", ssl2 != "", "SSL 2.0")
	poodle := r.accepts(iana.SSL30, "_CBC_")
	r.flawOf(flawPOODLE, "CVE-2014-3566", "yes", poodle != "", poodle)
	beast := r.accepts(iana.TLS10, "_CBC_") + poodle
	r.flawOf(flawBEAST, "CVE-2011-3389", "possible", beast != "", "CBC with SSL 3.0 or TLS 1.0")
	for _, f := range []struct{ name, id, verdict, part string }{
		{flawFREAK, "CVE-2015-0204", "yes", "TLS_RSA_EXPORT"},
		{flawLogjam, "CVE-2015-4000", "yes", "TLS_DHE_RSA_EXPORT"},
		{flawRC4, "CVE-2013-2566", "yes", "_RC4_"},
		{flawSweet32, "CVE-2016-2183", "possible", "_3DES_"},
		{flawLuckyThirteen, "CVE-2013-0169", "possible", "_CBC_"},
	} {
		suite := r.accepts(0, f.part)
		r.flawOf(f.name, f.id, f.verdict, suite != "", suite)
	}
	slices.SortStableFunc(r.Flaws, func(a, b Flaw) int { return verdictRank(a) - verdictRank(b) })
}

func verdictRank(f Flaw) int { return slices.Index([]string{"yes", "possible", "no"}, f.Verdict) }

func (r *Report) flawOf(name, id, verdict string, found bool, reason string) {
	if !found && r.isOpen(name) {
		return
	}
	f := Flaw{Name: name, ID: id, Verdict: "no"}
	if found {
		f.Verdict, f.Reason = verdict, reason
	}
	r.Flaws = append(r.Flaws, f)
}

// accepts returns the first suite of a version (0 for any) whose name contains part, or
// with an empty part the name of the version; "" if the server accepts none.
func (r *Report) accepts(version iana.Version, part string) string {
	for _, v := range r.Versions {
		if version != 0 && v.Version != version {
			continue
		}
		if part == "" {
			return v.Name
		}
		for _, name := range v.Names {
			if strings.Contains(name, part) {
				return name
			}
		}
	}
	return ""
}
