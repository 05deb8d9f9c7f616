package wire

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// mayChange lists the extensions that a second ClientHello may add, remove or
// change. RFC 9846, Section 4.1.2.
var mayChange = []iana.ExtensionType{
	iana.ExtKeyShare, iana.ExtCookie, iana.ExtPreSharedKey, iana.ExtEarlyData, iana.ExtPadding,
}

// RetryDifference compares the bodies of the two ClientHellos around a
// HelloRetryRequest, both of which were parsed before, of DTLS or of TLS. It returns the name of
// the first field or extension that differs and must not, or "". The extensions of
// mayChange and of except are left out; the others must be the same, in the same
// order. RFC 9846, Section 4.1.2: "the client MUST send the same ClientHello without
// modification".
func RetryDifference(first, second []byte, datagram bool, except ...iana.ExtensionType) string {
	a, b := helloParts{datagram: datagram}, helloParts{datagram: datagram}
	pa, pb := parse(iana.HandshakeClientHello, first), parse(iana.HandshakeClientHello, second)
	a.read(&pa)
	b.read(&pb)
	switch {
	case !bytes.Equal(a.start, b.start):
		return "legacy_version or random"
	case !bytes.Equal(a.sessionID, b.sessionID):
		return "legacy_session_id"
	case !bytes.Equal(a.suites, b.suites):
		return "cipher_suites"
	case !bytes.Equal(a.compression, b.compression):
		return "legacy_compression_methods"
	}
	free := func(typ iana.ExtensionType) bool {
		return slices.Contains(mayChange, typ) || slices.Contains(except, typ)
	}
	before, after := pa.within(a.extensions), pb.within(b.extensions)
	for {
		old, more := before.nextExtension(free)
		now, still := after.nextExtension(free)
		switch {
		case !more && !still:
			return ""
		case !more, old.Type == now.Type && !bytes.Equal(old.Data, now.Data):
			return now.Type.String()
		case !still, old.Type != now.Type:
			return old.Type.String()
		}
	}
}

// nextExtension returns the next extension of a block that skip does not name; ok is
// false at the end.
func (p *parser) nextExtension(skip func(iana.ExtensionType) bool) (e Extension, ok bool) {
	for !p.Empty() && p.err == nil {
		e.Type = iana.ExtensionType(p.uint16("extensions"))
		e.Data = p.vector16("extensions", 0)
		if p.err == nil && !skip(e.Type) {
			return e, true
		}
	}
	return Extension{}, false
}

// StableHello returns a digest of all that the second ClientHello of DTLS, after a
// HelloRetryRequest or a HelloVerifyRequest, must have like the first one. body is one that
// ParseDatagramClientHello has accepted.
func StableHello(body []byte) [sha256.Size]byte {
	h := helloParts{datagram: true}
	p := parse(iana.HandshakeClientHello, body)
	h.read(&p)
	b := codec.NewBuilder(nil)
	b.AddBytes(h.start)
	b.AddVector(1, h.sessionID)
	b.AddVector(2, h.suites)
	b.AddVector(1, h.compression)
	list := p.within(h.extensions)
	for {
		e, more := list.nextExtension(func(typ iana.ExtensionType) bool {
			return slices.Contains(mayChange, typ) || typ == iana.ExtECH
		})
		if !more {
			break
		}
		b.AddUint16(uint16(e.Type))
		b.AddVector(2, e.Data)
	}
	out, _ := b.Bytes() // no longer than body
	return sha256.Sum256(out)
}

// FragmentCookie returns the cookie in the start of a ClientHello of DTLS: legacy_cookie, or
// the one in the cookie extension if that begins and ends in it. It is nil if there is none.
func FragmentCookie(start []byte) []byte {
	p := parse(iana.HandshakeClientHello, start)
	p.Bytes(2 + 32)
	p.vector8("legacy_session_id", 0, 32)
	if cookie := p.vector8("legacy_cookie", 0, 255); len(cookie) > 0 {
		return cookie
	}
	p.vector16("cipher_suites", 2)
	p.vector8("legacy_compression_methods", 1, 255)
	p.uint16("extensions") // it may end behind the fragment
	for p.err == nil && !p.Empty() {
		typ := iana.ExtensionType(p.uint16("extensions"))
		data := p.vector16("extensions", 0)
		if typ == iana.ExtCookie && p.err == nil {
			ext := p.within(data)
			return ext.vector16("cookie", 1)
		}
	}
	return nil
}
