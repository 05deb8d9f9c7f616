package engine

import (
	"bytes"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// retry asks the client for another share. RFC 9846, Section 4.1.4.
func (s *decided) retry(do *effects) (state, error) {
	hrr := &wire.ServerHello{
		LegacyVersion: iana.TLS12, Random: wire.HelloRetryRequestRandom, SessionID: s.hello.SessionID,
		Datagram:    s.info.datagram,
		CipherSuite: s.d.suite.ID, SupportedVersion: iana.TLS13, KeyShare: &wire.KeyShare{Group: s.d.group.ID},
	}
	if s.info.datagram {
		hrr.SessionID = nil
	}
	if s.cfg.HelloRetryCookie != nil {
		hrr.Cookie = s.cfg.HelloRetryCookie()
	}
	f := new(flow13)
	s.begin13(f)
	if err := f.promiseRetry(hrr); err != nil {
		return nil, err
	}
	raw, err := encode(hrr)
	if err != nil {
		return nil, err
	}
	f.transcript.add(s.m.raw)
	f.transcript.retry()
	f.confirmRetry(raw)
	f.transcript.add(raw)
	s.info.Retried = true
	do.turn = true
	do.send(raw)
	if len(s.hello.SessionID) > 0 {
		do.changeCipherSpec()
	}
	if s.hello.EarlyData {
		do.skip = s.cfg.skipLimit(s.d.key)
	}
	return &awaitSecondClientHello{
		flow13: f, first: s.hello, body: s.m.body, promised: s.d, cookie: hrr.Cookie,
	}, nil
}

// awaitSecondClientHello waits for the client's answer to a HelloRetryRequest.
type awaitSecondClientHello struct {
	*flow13
	first    *wire.ClientHello
	body     []byte    // of first
	promised *decision // about first
	cookie   []byte
}

func (s *awaitSecondClientHello) awaits() awaited { return awaited{iana.HandshakeClientHello} }

// handle decides anew about the second ClientHello, so that nothing rests on what the first
// one offered but what the HelloRetryRequest fixed.
func (s *awaitSecondClientHello) handle(m message, do *effects) (state, error) {
	hello, err := parseClientHello(m.body, s.info.datagram)
	if err != nil {
		return nil, err
	}
	if hello, m, err = s.openSecond(hello, m); err != nil {
		return nil, err
	}
	if err := s.checkSecond(hello, m); err != nil {
		return nil, err
	}
	return (&deciding{
		cfg: s.cfg, info: s.info, hello: hello, m: m, flow: s.flow13,
		known: known{decrypted: s.info.ECHAccepted, promised: s.promised},
	}).decide(do)
}

// checkSecond checks that the client changed only what it may: the key shares, the
// cookie, early data, padding, and pre-shared keys. RFC 9846, Section 4.1.2.
func (s *awaitSecondClientHello) checkSecond(h *wire.ClientHello, m message) error {
	if err := checkHello13(h); err != nil {
		return err
	}
	var except []iana.ExtensionType
	if !s.info.ECHAccepted {
		// RFC 9849, Section 7.1.1: a server that does not decrypt the extension
		// proceeds "as usual"; a client may have encrypted anew.
		except = append(except, iana.ExtECH)
	}
	switch changed := wire.RetryDifference(s.body, m.body, s.info.datagram, except...); {
	case changed != "":
		return illegal("the second ClientHello changes %s, which must be the same as in the first", changed)
	case len(h.KeyShares) != 1 || h.KeyShares[0].Group != s.promised.group.ID:
		return illegal("the second ClientHello does not have exactly the requested key share")
	case !bytes.Equal(h.Cookie, s.cookie):
		return illegal("the second ClientHello does not return the cookie")
	case h.EarlyData:
		return illegal("the second ClientHello offers early data")
	case h.PSK == nil && s.first.PSK != nil && s.cfg.onlyPSKs():
		// The client has taken away what this handshake needs. RFC 9846, Section 6.2.
		return missing(iana.ExtPreSharedKey)
	case !keepsPSKs(s.first.PSK, h.PSK):
		return illegal("the second ClientHello offers other pre-shared keys than the first")
	}
	return nil
}

// keepsPSKs reports whether the second list of pre-shared keys is the first without some
// of them. RFC 9846, Section 4.1.2.
func keepsPSKs(first, second *wire.OfferedPSKs) bool {
	if second == nil {
		return true
	}
	if first == nil {
		return false
	}
	left := first.Identities
	for _, id := range second.Identities {
		i := slices.IndexFunc(left, func(old wire.PSKIdentity) bool {
			return bytes.Equal(old.Identity, id.Identity)
		})
		if i < 0 {
			return false
		}
		left = left[i+1:]
	}
	return true
}
