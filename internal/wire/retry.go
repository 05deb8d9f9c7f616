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
// mayChange and of except are left out; the others must be the same. RFC 9846, Section 4.1.2:
// "the client MUST send the same ClientHello without modification". Their order is not compared:
// it has no meaning (Section 4.2), and wolfSSL changes it.
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
	before, after := pa.within(a.extensions).byType(free), pb.within(b.extensions).byType(free)
	return before.difference(&after)
}

// An orderedBlock is a block of extensions by type. A place has the type of one above its offset in
// the block: a hello may have 15,000, of which the order costs little so.
type orderedBlock struct {
	block  []byte
	places []uint64
}

// at returns the extension of a place.
func (o *orderedBlock) at(i int) Extension {
	r := codec.NewReader(o.block[uint32(o.places[i]):])
	typ, _ := r.Uint(2)
	data, _ := r.Vector(2)
	return Extension{Type: iana.ExtensionType(typ), Data: data}
}

// difference returns the name of the first extension that differs in after, or "".
func (o *orderedBlock) difference(after *orderedBlock) string {
	for i := range o.places {
		old, now := o.at(i), Extension{}
		if i < len(after.places) {
			now = after.at(i)
		}
		switch {
		case i == len(after.places) || old.Type < now.Type:
			return old.Type.String()
		case old.Type > now.Type || !bytes.Equal(old.Data, now.Data):
			return now.Type.String()
		}
	}
	if n := len(o.places); len(after.places) > n {
		return after.at(n).Type.String()
	}
	return ""
}

// byType returns the extensions of a block that skip does not name, ordered by type. No type
// stands twice, because the block was parsed before.
func (p parser) byType(skip func(iana.ExtensionType) bool) orderedBlock {
	r := p.Reader
	o := orderedBlock{block: r.Rest(), places: make([]uint64, 0, count(p.Reader, -2, 2))}
	for !p.Empty() && p.err == nil {
		at := len(o.block) - p.Len()
		typ := p.uint16("extensions")
		p.vector16("extensions", 0)
		if p.err == nil && !skip(iana.ExtensionType(typ)) {
			o.places = append(o.places, uint64(typ)<<32|uint64(at))
		}
	}
	slices.Sort(o.places)
	return o
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
	list := p.within(h.extensions).byType(func(typ iana.ExtensionType) bool {
		return slices.Contains(mayChange, typ) || typ == iana.ExtECH
	})
	for i := range list.places {
		e := list.at(i)
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
