package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/trust"
)

// What a question without an answer can leave open, beside flaws and versions.
const (
	openCertificates = "certificates"
	openSuites       = "cipher suites"
	openGroups       = "groups"
	openPrime        = "Diffie-Hellman prime"
	openBigHello     = "large ClientHello"
	openGREASE       = "reserved numbers"
	openRefusals     = "what was refused"
)

// The names of flaws that several questions are about.
const (
	flawHeartbleed    = "Heartbleed"
	flawEarlyChange   = "early change_cipher_spec"
	flawTicketbleed   = "Ticketbleed"
	flawROBOT         = "ROBOT"
	flawInsecure      = "insecure renegotiation"
	flawRenegotiation = "renegotiation by the client"
	flawCRIME         = "CRIME"
	flawDowngrade     = "downgrade"
	flawDROWN         = "DROWN"
	flawPOODLE        = "POODLE"
	flawBEAST         = "BEAST"
	flawFREAK         = "FREAK"
	flawLogjam        = "Logjam"
	flawRC4           = "RC4"
	flawSweet32       = "Sweet32"
	flawLuckyThirteen = "Lucky Thirteen"
)

// suiteFlaws are those that follow from the cipher suites of a version.
var suiteFlaws = []string{
	flawPOODLE, flawBEAST, flawFREAK, flawLogjam, flawRC4, flawSweet32, flawLuckyThirteen,
}

// unknown records a question without an answer, on which the grade does not depend.
func (p *prober) unknown(what string, err error) {
	p.note(func(r *Report) { r.Unknown = append(r.Unknown, fmt.Sprintf("%s: %v", what, err)) })
}

// leftOpen records a question without an answer, and what it leaves open.
func (p *prober) leftOpen(what string, err error, open ...string) {
	p.unknown(what, err)
	p.note(func(r *Report) { r.Open = append(r.Open, open...) })
}

// failed records that a whole handshake failed, without which a question cannot be asked. A
// server that refuses this client, such as one without a certificate, leaves nothing open that
// its operator could close by asking again. One that drops a whole handshake may do so in the
// middle of it, and be slow there: the other question, which it answers, ends with its first
// flight.
func (p *prober) failed(what string, err error, open ...string) {
	if refusal(err) && err != errDropped {
		open = nil
	}
	p.leftOpen(what, err, open...)
}

// isOpen reports whether a question without an answer left something open.
func (r *Report) isOpen(what string) bool {
	return slices.Contains(r.Open, what) || slices.Contains(r.Open, openRefusals)
}

// openWorst has the lowest grade to which an answer could lead, by what is open. With what is not
// in it that is F.
var openWorst = map[string]string{
	openGroups: "A", flawDowngrade: "B", flawRenegotiation: "B",
	openBigHello: "C", openGREASE: "C", flawInsecure: "C", flawCRIME: "C",
}

// Worst returns the lowest grade that is possible with an answer to each question.
func (r *Report) Worst() string {
	worst := slices.Index(Grades, r.Grade)
	for _, what := range r.Open {
		worst = max(worst, slices.Index(Grades, cmp.Or(openWorst[what], "F")))
	}
	return Grades[max(worst, 0)]
}

// AtBest reports whether the grade could be lower if each question had an answer.
func (r *Report) AtBest() bool { return len(r.Open) > 0 && r.Worst() != r.Grade }

// CertificatesOpen reports whether the server may have a certificate that was not seen.
func (r *Report) CertificatesOpen() bool { return r.isOpen(openCertificates) }

// GroupsOpen reports whether the server may have a group that was not found.
func (r *Report) GroupsOpen() bool {
	return r.isOpen(openGroups) || r.isOpen(iana.TLS13.String())
}

// refusal reports whether the error of a handshake is the server's no: an alert, its end of the
// connection, a choice that was not offered, or that it drops the question.
func refusal(err error) bool {
	if err == errDropped {
		return true
	}
	var protocol *engine.Error
	if !errors.As(err, &protocol) {
		_, noAnswer := refusedBy(err)
		return noAnswer == nil
	}
	switch protocol.Fault {
	case engine.FaultAlert, engine.FaultIncompatible:
		return true
	case engine.FaultTransport:
		_, noAnswer := refusedBy(protocol.Err)
		return noAnswer == nil
	}
	return false
}

// broke reports whether the server closed the connection of a handshake without an alert.
func broke(err error) bool {
	var protocol *engine.Error
	return err != nil && err != errDropped && refusal(err) && !alerted(err) &&
		!(errors.As(err, &protocol) && protocol.Fault == engine.FaultIncompatible)
}

// silent reports whether an error means that there was no answer, neither yes nor no.
func silent(err error) bool {
	var protocol *engine.Error
	if errors.As(err, &protocol) && protocol.Fault != engine.FaultTransport {
		return false
	}
	return !refusal(err)
}

// versionFlaws are those of a server that accepts a version.
func versionFlaws(v iana.Version) []string {
	switch {
	case v == iana.SSL20:
		return []string{flawDROWN}
	case v >= iana.TLS13:
		return nil
	}
	return append([]string{
		flawHeartbleed, flawEarlyChange, flawTicketbleed, flawROBOT, flawInsecure,
		flawRenegotiation, flawCRIME, flawDowngrade,
	}, suiteFlaws...)
}

// errUnsteady is the error of a question that a server refused, if it then refuses a question too
// that it has accepted before: because of the number of connections, for example.
var errUnsteady = errors.New("the server refused, and now refuses what it had accepted")

// steady reports whether the server still accepts a version. So a refusal before it was one of
// what was asked.
func (p *prober) steady(ctx context.Context, v iana.Version) bool {
	return p.steadyFor(ctx, v, p.timeout)
}

func (p *prober) steadyFor(ctx context.Context, v iana.Version, timeout time.Duration) bool {
	accepted := false
	err := p.askTwice(ctx, offerOf(v, suitesOf(v)), timeout, func(_ net.Conn, a *answer) error {
		accepted = a.hello != nil
		return nil
	})
	return err == nil && accepted
}

// lastQuestion asks the first question again. A server or a network that meanwhile bars this
// client has answered nothing, however much it refused.
func (p *prober) lastQuestion(ctx context.Context) {
	v := p.report.Versions[0].Version
	if v > iana.SSL20 && !p.steady(ctx, v) && !p.steady(ctx, v) {
		p.leftOpen("the first question, at the end", errUnsteady, openRefusals)
	}
}

// sniOf returns what a ClientHello may have of a name, in the form of DNS: no IP address, and no
// dot at its end. RFC 6066, Section 3.
func sniOf(name string) string {
	name = strings.TrimSuffix(name, ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ""
	}
	ascii, err := trust.ASCIIName(name)
	if err != nil {
		return ""
	}
	return ascii
}
