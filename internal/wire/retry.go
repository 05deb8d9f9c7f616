package wire

import (
	"bytes"
	"slices"

	"github.com/sealsock/sealsock/iana"
)

// mayChange lists the extensions that a second ClientHello may add, remove or
// change. RFC 9846, Section 4.1.2.
var mayChange = []iana.ExtensionType{
	iana.ExtKeyShare, iana.ExtCookie, iana.ExtPreSharedKey, iana.ExtEarlyData, iana.ExtPadding,
}

// RetryDifference compares the bodies of the two ClientHellos around a
// HelloRetryRequest, both of which ParseClientHello has accepted. It returns the name of
// the first field or extension that differs and must not, or "". The extensions of
// mayChange and of except are left out; the others must be the same, in the same
// order. RFC 9846, Section 4.1.2: "the client MUST send the same ClientHello without
// modification".
func RetryDifference(first, second []byte, except ...iana.ExtensionType) string {
	var a, b helloParts
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
