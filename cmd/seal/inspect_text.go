package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/probe"
)

// print writes what was found out: a line of JSON, text, or certificates.
func (flags *inspectFlags) print(stdout io.Writer, json bool, i *inspection) error {
	switch {
	case json:
		return printJSON(stdout, i)
	case i.Report == nil:
		return nil
	case flags.pem:
		for _, c := range i.Report.Certificates {
			for _, der := range c.DER {
				if _, err := stdout.Write(certificate.ToPEM(der)); err != nil {
					return outputError(err)
				}
			}
		}
		return nil
	}
	if _, err := io.WriteString(stdout, i.text()); err != nil {
		return outputError(err)
	}
	return nil
}

func printJSON(stdout io.Writer, v any) error {
	line, err := marshal(v)
	if err != nil {
		return err
	}
	if _, err := stdout.Write(append(line, '\n')); err != nil {
		return outputError(err)
	}
	return nil
}

// A sheet is a text of named lines.
type sheet struct{ b strings.Builder }

// line adds a line for a value that is not empty.
func (s *sheet) line(name, format string, args ...any) {
	if text := printable.Line(fmt.Sprintf(format, args...)); text != "" {
		fmt.Fprintf(&s.b, "  %-15s %s\n", name, text)
	}
}

// list adds a line for each value, the first with the name.
func (s *sheet) list(name string, values []string) {
	for _, v := range values {
		s.line(name, "%s", v)
		name = ""
	}
}

func names[T fmt.Stringer](list []T) string {
	text := make([]string, len(list))
	for i, v := range list {
		text[i] = v.String()
	}
	return strings.Join(text, ", ")
}

func (i *inspection) text() string {
	r, s := i.Report, new(sheet)
	grade := r.Grade
	if r.AtBest() {
		grade += " at best"
	}
	fmt.Fprintf(&s.b, "%s: grade %s (%d connections, %.1f s)\n",
		i.Where(), grade, r.Connections, i.Seconds)
	s.line("address", "%s", i.AddressText())
	for _, v := range r.Versions {
		if v.Version == iana.SSL20 {
			s.line(v.Name, "accepted")
		}
		s.list(v.Name, v.Names)
	}
	s.line("preference", "%s", preferences(r))
	s.line("groups", "%s", names(r.Groups))
	if r.DHBits > 0 {
		s.line("DH prime", "%d bits", r.DHBits)
	}
	for _, v := range []string{"TLS 1.3", "TLS 1.2"} {
		var list []string
		for _, scheme := range r.Schemes {
			if scheme.In == v {
				list = append(list, scheme.Name)
			}
		}
		s.line("signs, "+v, "%s", strings.Join(list, ", "))
	}
	s.line("protocols", "%s", strings.Join(r.ALPN, ", "))
	s.sessions(r)
	s.records(r.Records)
	s.line("post-quantum", "key exchange %s, certificates %s", yesOrNo(r.PostQuantum, r.GroupsOpen()),
		yesOrNo(r.PostQuantumChain, r.CertificatesOpen()))
	for _, c := range r.Certificates {
		s.certificate(&c)
	}
	s.flaws(r.Flaws)
	for _, p := range r.Problems {
		advice := ""
		if p.Advice != "" {
			advice = ": " + p.Advice
		}
		s.line(p.Severity, "%s%s", p.Text, advice)
	}
	s.line("dropped", "%s", strings.Join(r.Dropped, ", "))
	s.list("no answer", r.Unknown)
	return s.b.String()
}

// yesOrNo names an answer. Without one that is open, it is no.
func yesOrNo(yes, open bool) string {
	switch {
	case yes:
		return "yes"
	case open:
		return "unknown"
	}
	return "no"
}

// sessions describes resumption and what else a handshake has.
func (s *sheet) sessions(r *probe.Report) {
	var parts []string
	if r.Resumes {
		parts = append(parts, "resumed by "+strings.Join(r.Resumption, ", "))
	}
	if r.Tickets > 0 {
		parts = append(parts, fmt.Sprintf("%d tickets a handshake", r.Tickets))
	}
	if r.EarlyData > 0 {
		parts = append(parts, fmt.Sprintf("0-RTT data up to %d bytes", r.EarlyData))
	}
	s.line("sessions", "%s", strings.Join(parts, ", "))
	if r.ECHRetry {
		s.line("ECH", "Encrypted ClientHello is configured")
	}
	s.line("compression", "%s", strings.Join(r.Compression, ", "))
	if r.Renegotiation != "" {
		text := r.Renegotiation
		if r.ClientRenegotiation != "" {
			text += ", by the client " + r.ClientRenegotiation
		}
		s.line("renegotiation", "%s", text)
	}
	if r.Fallback != "" {
		s.line("downgrade", "TLS_FALLBACK_SCSV %s", r.Fallback)
	}
	s.line("extensions", "%s", strings.Join(r.Extensions, ", "))
	if r.ClientCertificate {
		s.line("clients", "%s", "a certificate is asked for")
		s.list("", r.ClientAuthorities)
	}
	s.line("large hello", "%s", r.BigHello)
}

// certificate describes a chain.
func (s *sheet) certificate(c *probe.Chain) {
	s.line("certificate", "%s, for %s", c.Key, shortNames(c.Names))
	s.line("", "issued by %s, signed with %s, %d sent", c.Issuer, c.Signature, c.Length)
	s.line("", "until %s, %d days left", c.NotAfter.UTC().Format(time.DateOnly),
		int(time.Until(c.NotAfter).Hours()/24))
	trusted := "trusted"
	if !c.Trusted {
		trusted = "not trusted"
	}
	if c.Staple {
		trusted += ", OCSP response stapled"
	}
	if c.SCTs > 0 {
		trusted += fmt.Sprintf(", %d signed certificate timestamps", c.SCTs)
	}
	s.line("", "%s", trusted)
	for _, r := range c.Revocation {
		text := "revocation " + r.Status
		if r.Source != "" {
			text += " by " + r.Source
		}
		s.line("", "%s: %s", r.Subject, text)
	}
}

// preferences tells whose order of cipher suites counts, in each version if they differ.
func preferences(r *probe.Report) string {
	var parts []string
	same := true
	for _, v := range r.Versions {
		if v.Preference != "" {
			parts = append(parts, v.Name+": "+v.Preference)
			same = same && v.Preference == r.Preference
		}
	}
	if same {
		return r.Preference
	}
	return strings.Join(parts, ", ")
}

// records describes what DNS has.
func (s *sheet) records(r *probe.Records) {
	if r == nil {
		return
	}
	if r.DANE != "" {
		secure := "not secured by DNSSEC"
		if r.Secure {
			secure = "secured by DNSSEC"
		}
		s.line("DANE", "%s, %s", r.DANE, secure)
		s.list("", r.TLSA)
	}
	s.list("CAA", r.CAA)
	if r.ECH != "" {
		s.line("ECH in DNS", "%s", r.ECH)
	}
	s.line("ALPN in DNS", "%s", strings.Join(r.ALPN, ", "))
}

// flaws lists the flaws that were found, and in one line those that were not.
func (s *sheet) flaws(list []probe.Flaw) {
	var absent []string
	for _, f := range list {
		switch f.Verdict {
		case "no":
			absent = append(absent, f.Name)
		default:
			s.line("flaw", "%s (%s), %s: %s", f.Name, f.ID, f.Verdict, f.Reason)
		}
	}
	s.line("not found", "%s", strings.Join(absent, ", "))
}

// shortNames lists at most four names.
func shortNames(list []string) string {
	if len(list) <= 4 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:4], ", "), len(list)-4)
}
