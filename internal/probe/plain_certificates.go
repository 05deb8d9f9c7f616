package probe

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
	"github.com/sealsock/sealsock/trust"
)

// errOld is why questions are not asked that need a whole handshake.
var errOld = errors.New("they need a handshake of TLS 1.2 or 1.3")

// plainCertificates finds the chains of a server with which package sealsock cannot make a
// handshake. Before TLS 1.3 they are sent in plaintext. Nothing is proved with their keys then.
func (p *prober) plainCertificates(ctx context.Context) {
	v := p.newestOld()
	parts := [][]string{{"_ECDSA_"}, {"_RSA_"}, {"_DSS_"}}
	chains := make([]*Chain, len(parts))
	var questions []func()
	for i, part := range parts {
		questions = append(questions, func() {
			peer, err := p.plainChain(ctx, v, part)
			switch {
			case err != nil:
				p.leftOpen("certificate for suites with "+part[0], err, openCertificates)
			case peer != nil:
				chains[i] = p.chain(ctx, peer)
			}
		})
	}
	p.together(questions...)
	p.addChains(chains)
	if slices.ContainsFunc(chains, func(c *Chain) bool { return c != nil }) {
		p.unknown("whether the server has the keys of its certificates", errPlain)
	}
}

var errPlain = errors.New("this program has no cipher suite or version in common with it")

// plainChain returns what the server shows if it has a suite with one of the parts in its name;
// nil if it has none.
func (p *prober) plainChain(ctx context.Context, v iana.Version,
	parts []string) (*trust.Peer, error) {
	suites := slices.DeleteFunc(suitesOf(v), func(s iana.CipherSuite) bool {
		return !hasAny(s.String(), parts...) || hasAny(s.String(), "_PSK_")
	})
	a, err := p.ask(ctx, offerOf(v, suites))
	if err == nil && a.dropped {
		p.dropped("certificate for suites with " + parts[0])
	}
	if err != nil || a.hello == nil {
		return nil, err
	}
	m, err := wire.ParseCertificate12(a.messages[iana.HandshakeCertificate])
	if err != nil || len(m.Certificates) == 0 {
		return nil, cmp.Or(a.cut, err, errors.New("the server sent none"))
	}
	peer := &trust.Peer{
		Server: true, Name: cmp.Or(p.target.ServerName, "localhost"), Chain: m.Certificates,
		StapleAsked: v > iana.SSL30,
	}
	status := a.messages[iana.HandshakeCertificateStatus]
	if s, err := wire.ParseCertificateStatus12(status); err == nil {
		peer.OCSPStaple = s.Response
	}
	_, err = new(collect).Verify(ctx, peer)
	return peer, err
}
