package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A versionAnswer is the answer to the question for one version.
type versionAnswer struct {
	version  iana.Version
	accepted bool
	refused  *answer // of a server of TLS that does not accept it
	err      error
}

// versions finds the versions that the server accepts.
func (p *prober) versions(ctx context.Context) error {
	var answers []*versionAnswer
	for _, v := range []iana.Version{
		iana.TLS13, iana.TLS12, iana.TLS11, iana.TLS10, iana.SSL30, iana.SSL20,
	} {
		answers = append(answers, &versionAnswer{version: v})
	}
	p.askVersions(ctx, answers)
	if p.accept(answers) {
		// Whether the server drops a question is seen once it has answered another one.
		p.askVersions(ctx, slices.DeleteFunc(slices.Clone(answers), func(a *versionAnswer) bool {
			return a.err != ErrSilent
		}))
		p.accept(answers)
	}
	for _, a := range answers {
		name := a.version.String()
		switch {
		case a.err == errDropped:
			p.dropped(name)
		case a.err != nil:
			p.leftOpen(name, a.err, append(versionFlaws(a.version), name)...)
		}
	}
	if len(p.report.Versions) > 0 {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return refusedAll(answers)
}

// askVersions asks for each of the versions.
func (p *prober) askVersions(ctx context.Context, answers []*versionAnswer) {
	var questions []func()
	for _, a := range answers {
		questions = append(questions, func() {
			if a.version == iana.SSL20 {
				a.accepted, a.err = p.speaksSSL2(ctx)
				return
			}
			got, err := p.ask(ctx, offerOf(a.version, suitesOf(a.version)))
			switch a.err = err; {
			case err != nil:
			case got.dropped:
				a.err = errDropped
			case got.hello != nil:
				a.accepted = got.version == a.version
			default:
				a.refused = got
			}
		})
	}
	p.together(questions...)
}

// accept notes the versions that the server accepts, and reports whether there are any.
func (p *prober) accept(answers []*versionAnswer) bool {
	p.report.Versions = nil
	for _, a := range answers {
		if a.accepted {
			v := Version{Version: a.version, Name: a.version.String()}
			p.report.Versions = append(p.report.Versions, v)
		}
	}
	return len(p.report.Versions) > 0
}

// refusedAll is the error of a server that accepted no version, by its answers. It may accept one
// that has no answer. That a version is not spoken tells less than why another one is not served.
func refusedAll(answers []*versionAnswer) error {
	if err := answers[1].err; err != nil { // TLS 1.2
		return err
	}
	var alerts []iana.Alert
	for _, a := range answers {
		if a.err != nil && a.version > iana.SSL20 {
			return a.err
		}
		if a.refused != nil && a.refused.alerted {
			alerts = append(alerts, a.refused.alert)
		}
	}
	if len(alerts) == 0 {
		return ErrCloses
	}
	i := slices.IndexFunc(alerts, func(a iana.Alert) bool { return a != iana.AlertProtocolVersion })
	return fmt.Errorf("%w, with alert %s", ErrRefuses, alerts[max(i, 0)])
}

// offerOf returns an offer of one version with everything else that this package knows.
func offerOf(v iana.Version, suites []iana.CipherSuite) *offer {
	o := &offer{
		version: min(v, iana.TLS12), suites: suites,
		groups: iana.NamedGroups(), schemes: iana.SignatureSchemes(),
	}
	if v == iana.TLS13 {
		o.versions = []iana.Version{iana.TLS13}
	}
	return o
}

// suitesOf returns all registered cipher suites of a version.
func suitesOf(v iana.Version) []iana.CipherSuite {
	return slices.DeleteFunc(iana.CipherSuites(), func(id iana.CipherSuite) bool {
		switch {
		case id == iana.TLS_FALLBACK_SCSV || id == iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV:
			return true
		case v == iana.TLS13:
			return !newSuite(id)
		}
		return newSuite(id)
	})
}

// newSuite reports whether a suite is one of TLS 1.3: RFC 9846, Appendix B.4, and the two of RFC
// 9150, which do not encrypt.
func newSuite(id iana.CipherSuite) bool { return id>>8 == 0x13 || id == 0xc0b4 || id == 0xc0b5 }

// suites finds the cipher suites of each version, in the server's order: it offers all that
// are left until the server refuses.
func (p *prober) suites(ctx context.Context) {
	var questions []func()
	for i := range p.report.Versions {
		v := &p.report.Versions[i]
		if v.Version > iana.SSL20 {
			questions = append(questions, func() { p.suitesOf(ctx, v) })
		}
	}
	p.together(questions...)
	p.report.Preference = "unknown"
	for _, v := range p.report.Versions {
		if v.Preference != "" {
			p.report.Preference = v.Preference
			break
		}
	}
}

// without returns a copy of the list without one value.
func without[T comparable](list []T, value T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return v == value })
}

func (p *prober) suitesOf(ctx context.Context, v *Version) {
	var found []iana.CipherSuite
	left := suitesOf(v.Version)
	for len(left) > 0 {
		a, err := p.ask(ctx, offerOf(v.Version, left))
		if err != nil {
			p.leftOpen("cipher suites of "+v.Name, err, append(suiteFlaws, openSuites)...)
			break
		}
		if a.dropped {
			p.dropped("cipher suites of " + v.Name)
		}
		if a.hello == nil || a.version != v.Version || !slices.Contains(left, a.hello.CipherSuite) {
			break
		}
		found = append(found, a.hello.CipherSuite)
		left = without(left, a.hello.CipherSuite)
		p.keyExchange(a)
	}
	preference := p.preference(ctx, v.Version, found)
	p.note(func(*Report) {
		v.Suites, v.Preference = found, preference
		for _, id := range found {
			v.Names = append(v.Names, id.String())
		}
	})
}

// keyExchange notes the size of a finite-field Diffie-Hellman prime in ServerKeyExchange.
// RFC 5246, Section 7.4.3.
func (p *prober) keyExchange(a *answer) {
	name := a.hello.CipherSuite.String()
	if !hasAny(name, "_DHE_", "_DH_anon_") {
		return
	}
	body := cryptobyte.String(a.messages[iana.HandshakeServerKeyExchange])
	var hint, prime cryptobyte.String
	read := !hasAny(name, "_PSK_") || body.ReadUint16LengthPrefixed(&hint) // RFC 4279, Section 3
	read = read && body.ReadUint16LengthPrefixed(&prime)
	bits := new(big.Int).SetBytes(prime).BitLen()
	if !read || bits == 0 {
		err := errors.New("ServerKeyExchange has none")
		p.leftOpen("Diffie-Hellman prime of "+name, cmp.Or(a.cut, err), openPrime)
		return
	}
	p.note(func(r *Report) {
		if r.DHBits == 0 || bits < r.DHBits {
			r.DHBits = bits
		}
	})
}

// preference finds out whose order of cipher suites counts: of the two suites that the
// server chose first, it offers the second one first. With one suite there is no order. Many
// servers with an order of their own yield to clients that prefer ChaCha20, because those have
// no instructions for AES: such suites are left out if there are others.
func (p *prober) preference(ctx context.Context, v iana.Version,
	found []iana.CipherSuite) string {
	others := slices.DeleteFunc(slices.Clone(found), func(s iana.CipherSuite) bool {
		return hasAny(s.String(), "CHACHA20")
	})
	if len(others) > 1 {
		found = others
	}
	if len(found) < 2 {
		return ""
	}
	a, err := p.ask(ctx, offerOf(v, []iana.CipherSuite{found[1], found[0]}))
	switch {
	case err != nil || a.hello == nil || a.version != v:
		return ""
	case a.hello.CipherSuite == found[0]:
		return "server"
	}
	return "client"
}

// groups finds the groups of key exchange. In TLS 1.3 the server names one of those offered
// in a HelloRetryRequest, because there is no key share, and in TLS 1.2 in ServerKeyExchange.
func (p *prober) groups(ctx context.Context) {
	var found []iana.NamedGroup
	if p.speaks(iana.TLS13) {
		left := iana.NamedGroups()
		for len(left) > 0 {
			o := offerOf(iana.TLS13, suitesOf(iana.TLS13))
			o.groups, o.noShares = left, true
			a, err := p.ask(ctx, o)
			if err != nil {
				p.leftOpen("groups of TLS 1.3", err, openGroups)
				break
			}
			if a.dropped {
				p.dropped("groups of TLS 1.3")
			}
			if a.hello == nil || a.hello.KeyShare == nil || !slices.Contains(left, a.hello.KeyShare.Group) {
				break
			}
			chosen := a.hello.KeyShare.Group
			found = append(found, chosen)
			left = without(left, chosen)
		}
	}
	if p.speaks(iana.TLS12) {
		found = p.groups12(ctx, found)
	}
	p.note(func(r *Report) {
		r.Groups = found
		for _, g := range found {
			r.GroupNames = append(r.GroupNames, g.String())
		}
		r.PostQuantum = slices.ContainsFunc(found, postQuantum)
	})
}

// groups12 adds the groups that the server uses in TLS 1.2 alone.
func (p *prober) groups12(ctx context.Context, found []iana.NamedGroup) []iana.NamedGroup {
	p.keyExchanges(ctx, "groups of TLS 1.2", []string{"_ECDHE_ECDSA_", "_ECDHE_RSA_"},
		func(o *offer, kx *wire.ServerKeyExchange12) bool {
			if kx == nil {
				o.groups = slices.DeleteFunc(o.groups, func(g iana.NamedGroup) bool {
					return slices.Contains(found, g) || postQuantum(g) ||
						g >= iana.FFDHE2048 && g <= iana.FFDHE8192
				})
				return len(o.groups) > 0
			}
			if !slices.Contains(o.groups, kx.Group) {
				return false
			}
			found = append(found, kx.Group)
			o.groups = without(o.groups, kx.Group)
			return len(o.groups) > 0
		}, openGroups)
	return found
}

// postQuantum reports whether a group has ML-KEM in it.
func postQuantum(g iana.NamedGroup) bool { return hasAny(g.String(), "MLKEM", "Kyber") }

// speaksSSL2 reports whether the server answers a CLIENT-HELLO of SSL 2.0 in kind. As askTwice
// does, it asks again if the server closes the connection. One that is dropped as a whole may
// pass in parts.
func (p *prober) speaksSSL2(ctx context.Context) (bool, error) {
	var head []byte
	err := p.insist(ctx, func(ctx context.Context, try int) (err error) {
		split := try%2 == 1
		head, err = p.askSSL2(ctx, split)
		if err == nil && head == nil {
			head, err = p.askSSL2(ctx, split)
		}
		return err
	})
	return len(head) == 3 && head[0]&0x80 != 0 && head[2] == 4, err // SERVER-HELLO
}

// askSSL2 returns the beginning of the answer to a CLIENT-HELLO of SSL 2.0, or nil if the server
// closed the connection.
func (p *prober) askSSL2(ctx context.Context, split bool) ([]byte, error) {
	conn, done, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	specs := []byte{1, 0, 0x80, 2, 0, 0x80, 3, 0, 0x80, 4, 0, 0x80, 5, 0, 0x80, 6, 0, 0x40, 7, 0, 0xc0}
	body := []byte{1, 0, 2, 0, byte(len(specs)), 0, 0, 0, 16} // CLIENT-HELLO, version, three lengths
	body = append(append(body, specs...), make([]byte, 16)...)
	hello := append([]byte{0x80, byte(len(body))}, body...)
	if split {
		if _, err = conn.Write(hello[:1]); err == nil {
			hello = hello[1:]
		}
	}
	head := make([]byte, 3)
	if _, err = conn.Write(hello); err == nil {
		_, err = io.ReadFull(conn, head)
	}
	if err != nil {
		_, err = refusedBy(err)
		return nil, err
	}
	return head, nil
}
