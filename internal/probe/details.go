package probe

import (
	"context"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// hasAny reports whether text contains one of the parts.
func hasAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// details asks the questions that one hello each answers.
func (p *prober) details(ctx context.Context) {
	questions := []func(){
		func() { p.bigHello(ctx) }, func() { p.grease(ctx) }, func() { p.clientRenegotiation(ctx) },
	}
	if old := p.newestOld(); old != 0 {
		questions = append(questions,
			func() { p.oldHello(ctx, old) }, func() { p.attacks(ctx, old) })
		if old != iana.SSL30 {
			questions = append(questions, func() { p.fallback(ctx) })
		}
	}
	p.together(questions...)
}

// newestOld returns the newest version before TLS 1.3 that the server accepts, or 0.
func (p *prober) newestOld() iana.Version { return p.report.newestOld() }

func (r *Report) newestOld() iana.Version {
	for _, v := range r.accepted() {
		if v < iana.TLS13 && v > iana.SSL20 {
			return v
		}
	}
	return 0
}

// accepted returns the versions that the server accepts, the newest first. It reads nothing else of
// a Version: its cipher suites are noted by other questions at the same time.
func (r *Report) accepted() []iana.Version {
	list := make([]iana.Version, 0, len(r.Versions))
	for i := range r.Versions {
		list = append(list, r.Versions[i].Version)
	}
	return list
}

// oldHello notes what the plaintext messages of a version before TLS 1.3 have: the
// indications of RFC 5746, RFC 7627 and of a downgrade, and a request for a certificate.
func (p *prober) oldHello(ctx context.Context, v iana.Version) {
	suites := suitesOf(v)
	if v == iana.SSL30 { // it has no extension: RFC 5746, Section 3.4
		suites = append(suites, iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV)
	}
	a, err := p.ask(ctx, offerOf(v, suites))
	switch {
	case err == nil && a.hello == nil:
		err = errUnsteady
	case err == nil && a.cut != nil:
		p.unknown("request for a certificate of the client", a.cut)
	}
	if err != nil {
		p.leftOpen("extensions of "+v.String(), err, flawInsecure, flawDowngrade)
		return
	}
	request, asked := a.messages[iana.HandshakeCertificateRequest]
	_, marked := wire.DowngradeSentinel(a.hello.Random)
	p.note(func(r *Report) {
		r.Renegotiation, r.EMS = "insecure", "no"
		if a.hello.RenegotiationInfo != nil {
			r.Renegotiation = "secure"
		}
		if a.hello.ExtendedMasterSecret {
			r.EMS = "yes"
		}
		r.addExtensions(a.hello.Present)
		if p.speaks(iana.TLS13) {
			r.DowngradeMark = map[bool]string{true: "sent", false: "missing"}[marked]
		}
		var authorities [][]byte
		if m, err := wire.ParseCertificateRequest12(request); err == nil {
			authorities = m.CertAuthorities
		}
		r.requests(asked, authorities)
	})
}

// grease notes whether the server ignores numbers that it does not know. RFC 8701.
func (p *prober) grease(ctx context.Context) {
	v := p.report.Versions[0].Version
	if v <= iana.SSL30 {
		return
	}
	o := offerOf(v, append([]iana.CipherSuite{0x0a0a}, suitesOf(v)...))
	o.groups = append([]iana.NamedGroup{0x1a1a}, o.groups...)
	o.schemes = append([]iana.SignatureScheme{0x2a2a}, o.schemes...)
	if v == iana.TLS13 {
		o.versions = append([]iana.Version{0x3a3a}, o.versions...)
	}
	o.change = func(h *wire.ClientHello) {
		h.Unknown = append(h.Unknown, wire.Extension{Type: 0x4a4a, Data: []byte{0}})
	}
	a, err := p.ask(ctx, o)
	if err != nil {
		p.leftOpen("reserved numbers (RFC 8701)", err, openGREASE)
		return
	}
	if a.hello == nil && !p.steady(ctx, v) {
		p.leftOpen("reserved numbers (RFC 8701)", errUnsteady, openGREASE)
		return
	}
	if a.dropped {
		p.dropped(openGREASE)
	}
	p.note(func(r *Report) {
		if r.GREASE = "ignored"; a.hello == nil {
			r.GREASE = "refused: " + a.refusal()
		}
	})
}

// fallback notes whether the server refuses a client that signals its fallback from a
// newer version. RFC 7507, Section 3. With one version alone there is nothing to refuse.
func (p *prober) fallback(ctx context.Context) {
	versions := p.report.accepted()
	newest := versions[0]
	for _, v := range versions[1:] {
		if v <= iana.SSL20 {
			continue
		}
		o := offerOf(v, append(suitesOf(v), iana.TLS_FALLBACK_SCSV))
		a, err := p.ask(ctx, o)
		if err == nil && a.hello == nil && a.alert != iana.AlertInappropriateFallback &&
			!p.steady(ctx, v) {
			err = errUnsteady
		}
		if err != nil {
			p.leftOpen("fallback from "+newest.String(), err, flawDowngrade)
			return
		}
		if a != nil && a.dropped {
			p.dropped("fallback from " + newest.String())
		}
		p.note(func(r *Report) {
			r.Fallback = "accepted"
			if a.hello == nil {
				r.Fallback = "refused"
			}
		})
		return
	}
}

// bigSizes are lengths of a ClientHello, in bytes: one that fills two packets, as with
// ML-KEM, and one of several, as with ML-DSA too.
var bigSizes = []int{1800, 4096}

// bigHello notes whether the server, and middleboxes before it, accept a ClientHello of
// more than one packet, and one in two records.
func (p *prober) bigHello(ctx context.Context) {
	v := p.report.Versions[0].Version
	if v <= iana.SSL30 {
		return
	}
	verdict := "accepted"
	for i, size := range append([]int{0}, bigSizes...) {
		o := offerOf(v, suitesOf(v))
		o.padTo, o.split = size, i == 0
		a, err := p.ask(ctx, o)
		what := "over " + map[int]string{0: "two records", 1800: "1,800 bytes", 4096: "4,096 bytes"}[size]
		if size == 0 {
			what = "in two records"
		}
		if err == nil && a.hello != nil {
			continue
		}
		if err == nil && !p.steady(ctx, v) {
			err = errUnsteady
		}
		if err != nil { // the size is no reason
			p.leftOpen(openBigHello, err, openBigHello)
			return
		}
		if verdict = "refused " + what + ": " + a.refusal(); a.dropped {
			verdict = "stalls " + what
		}
		break
	}
	p.note(func(r *Report) { r.BigHello = verdict })
}
