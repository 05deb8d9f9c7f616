package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/probe"
)

// print writes what was found out: a line of JSON, or text.
func (i *inspection) print(stdout io.Writer, json bool) error {
	if json {
		line, err := marshal(i)
		if err != nil {
			return err
		}
		if _, err := stdout.Write(append(line, '\n')); err != nil {
			return outputError(err)
		}
		return nil
	}
	if i.Report == nil {
		return nil
	}
	if _, err := io.WriteString(stdout, i.text()); err != nil {
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
	fmt.Fprintf(&s.b, "%s: grade %s (%d connections, %.1f s)\n",
		printable.Line(i.Address), r.Grade, r.Connections, i.Seconds)
	for _, v := range r.Versions {
		if v.Version == iana.SSL20 {
			s.line(v.Name, "accepted")
		}
		s.list(v.Name, v.Names)
	}
	s.line("preference", "%s", r.Preference)
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
	for _, c := range r.Certificates {
		s.certificate(&c)
	}
	for _, p := range r.Problems {
		advice := ""
		if p.Advice != "" {
			advice = ": " + p.Advice
		}
		s.line(p.Severity, "%s%s", p.Text, advice)
	}
	s.list("no answer", r.Unknown)
	return s.b.String()
}

// sessions describes resumption and what else a handshake has.
func (s *sheet) sessions(r *probe.Report) {
	var parts []string
	if r.Resumes {
		parts = append(parts, "resumes sessions")
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
		s.line("renegotiation", "%s", r.Renegotiation)
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
}

// shortNames lists at most four names.
func shortNames(list []string) string {
	if len(list) <= 4 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:4], ", "), len(list)-4)
}
