package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// retry answers a HelloRetryRequest with a second ClientHello. RFC 9846, Section 4.1.4.
func (s *awaitServerHello) retry(f *flow13, hrr *wire.ServerHello, m message, do *effects) (state, error) {
	err := s.checkExtensions("hello_retry_request", hrr.Present, iana.ExtSupportedVersions, iana.ExtCookie, iana.ExtKeyShare, iana.ExtECH)
	if err != nil {
		return nil, err
	}
	if hrr.KeyShare == nil && hrr.Cookie == nil {
		return nil, illegal("a HelloRetryRequest that does not change the ClientHello")
	}
	if hrr.KeyShare != nil {
		if err := s.replaceShare(hrr.KeyShare.Group); err != nil {
			return nil, err
		}
	}
	do.turn = true
	s.hello.Cookie = hrr.Cookie
	f.info.Retried = true
	f.transcript.retry()
	f.transcript.add(m.raw)
	if s.early {
		// RFC 9846, Section 4.2.10: a retry refuses early data.
		s.hello.EarlyData = false
		do.plain()
		s.info.refuseEarly(do)
	}
	s.dropPSKs(f.suite.Hash)
	if err := s.write(&f.transcript); err != nil {
		return nil, err
	}
	if s.ech != nil {
		if err := s.wrap(); err != nil {
			return nil, err
		}
	}
	f.transcript.add(s.raw)
	if s.cfg.compatible() && !s.early {
		do.changeCipherSpec()
	}
	do.send(s.sent())
	return &awaitSecondServerHello{flow13: f, offer: s.offer, retried: hrr}, nil
}

// replaceShare makes the one share that the server asked for. RFC 9846,
// Section 4.2.8: the group must be among those offered, and not one that a
// share was sent for.
func (o *offer) replaceShare(group iana.NamedGroup) error {
	if !slices.Contains(o.hello.SupportedGroups, group) {
		return illegal("the server requested group %v, which was not offered", group)
	}
	for _, s := range o.shares {
		if s.group.ID == group {
			return illegal("the server requested a key share of group %v, which it had already", group)
		}
	}
	o.shares, o.hello.KeyShares = nil, nil
	return o.addShare(o.cfg.random(), group)
}

// awaitSecondServerHello waits for the ServerHello after a retry.
type awaitSecondServerHello struct {
	*flow13
	*offer
	retried *wire.ServerHello
}

func (s *awaitSecondServerHello) awaits() awaited { return awaited{iana.HandshakeServerHello} }

func (s *awaitSecondServerHello) handle(m message, do *effects) (state, error) {
	sh, err := parseServerHello(m.body, s.cfg.datagram)
	if err != nil {
		return nil, err
	}
	if sh.IsHelloRetryRequest() {
		// RFC 9846, Section 4.1.4: a second one ends in unexpected_message.
		return nil, broken(iana.AlertUnexpectedMessage, "a second HelloRetryRequest")
	}
	suite, err := s.checkServerHello(sh)
	if err != nil {
		return nil, err
	}
	if suite != s.suite {
		return nil, illegal("the server changed the cipher suite from %v to %v", s.suite.ID, suite.ID)
	}
	if sh.KeyShare != nil && s.retried.KeyShare != nil && sh.KeyShare.Group != s.retried.KeyShare.Group {
		return nil, illegal("the server requested group %v and then chose %v", s.retried.KeyShare.Group, sh.KeyShare.Group)
	}
	if s.info.ECHAccepted && !s.helloConfirmed(sh, m) {
		// RFC 9849, Section 6.1.5.
		return nil, illegal("the server accepted Encrypted ClientHello in HelloRetryRequest and not in ServerHello")
	}
	return s.accept(s.flow13, sh, m, do)
}
