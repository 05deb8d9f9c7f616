package wire

import (
	"fmt"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// echClientHello is encrypted_client_hello in ClientHello. RFC 9849, Section 5.
//
//	struct {
//	    ECHClientHelloType type;                    // outer(0), inner(1)
//	    select (ECHClientHello.type) {
//	        case outer:
//	            HpkeSymmetricCipherSuite cipher_suite;  // kdf_id, aead_id
//	            uint8 config_id;
//	            opaque enc<0..2^16-1>;
//	            opaque payload<1..2^16-1>;
//	        case inner:
//	            Empty;
//	    };
//	} ECHClientHello;
func (p *parser) echClientHello() *ECHClientHello {
	typ := p.uint8("type")
	switch {
	case p.err != nil:
		return nil
	case typ == echInner:
		return &ECHClientHello{Inner: true}
	case typ != echOuter:
		p.illegal("type", fmt.Sprintf("value %d, 0 or 1 allowed", typ))
		return nil
	}
	return &ECHClientHello{
		KDF:      p.uint16("kdf_id"),
		AEAD:     p.uint16("aead_id"),
		ConfigID: p.uint8("config_id"),
		Enc:      p.vector16("enc", 0),
		Payload:  p.vector16("payload", 1),
	}
}

const (
	echOuter = 0
	echInner = 1
)

func addECHClientHello(b *codec.Builder, e *ECHClientHello) bool {
	switch {
	case e == nil:
		return false
	case e.Inner:
		b.AddUint8(echInner)
	default:
		b.AddUint8(echOuter)
		b.AddUint16(e.KDF)
		b.AddUint16(e.AEAD)
		b.AddUint8(e.ConfigID)
		b.AddVector(2, e.Enc)
		b.AddVector(2, e.Payload)
	}
	return true
}

// OuterExtensions lists the extensions that EncodeInner may leave to the outer
// ClientHello: all that AppendTo writes next to each other behind those that
// have to differ. RFC 9849, Section 5.1.
func OuterExtensions() []iana.ExtensionType {
	var list []iana.ExtensionType
	for _, r := range clientHelloBody {
		list = append(list, r.typ)
	}
	return list[slices.Index(list, iana.ExtECHOuterExtensions)+1:]
}

// EncodeInner returns the EncodedClientHelloInner for inner: no header, an
// empty session id, the extensions in compressed replaced by one
// ech_outer_extensions, and pad zero bytes at the end. Types in compressed that
// inner does not have are ignored; those that it has must stand next to each
// other in clientHelloTable, and the outer ClientHello must carry them with
// the same content. RFC 9849, Section 5.1.
//
//	struct {
//	    ClientHello client_hello;
//	    uint8 zeros[length_of_padding];
//	} EncodedClientHelloInner;
//	ExtensionType OuterExtensions<2..254>;
func EncodeInner(inner *ClientHello, compressed []iana.ExtensionType, pad int) ([]byte, error) {
	if inner.Datagram {
		inner.SwapVersions()
		defer inner.SwapVersions()
	}
	b := codec.NewBuilder(nil)
	inner.addPrefix(&b, nil)
	block := b.Begin(2)
	var removed []iana.ExtensionType
	ended := false
	for i := range clientHelloBody {
		typ, before := clientHelloBody[i].typ, b.Len()
		switch written := clientHelloBody[i].append(inner, &b); {
		case written && slices.Contains(compressed, typ):
			if b.Truncate(before); ended || typ == iana.ExtECH {
				b.Fail(fmt.Errorf("client_hello: %s cannot be compressed here", typ))
			}
			removed = append(removed, typ)
		case written && len(removed) > 0 && !ended:
			ended = true
			insertOuterExtensions(&b, before, removed)
		}
	}
	if !ended && len(removed) > 0 {
		insertOuterExtensions(&b, b.Len(), removed)
	}
	inner.addTail(&b, nil)
	b.End(block)
	b.AddZeros(pad)
	return b.Bytes()
}

// DecodeInner turns an EncodedClientHelloInner back into the whole message,
// header included, taking what ech_outer_extensions refers to from outer, the
// body of the ClientHelloOuter, which was parsed before, of DTLS or of TLS. The work
// is linear in the input, and the result never longer than both together.
// RFC 9849, Section 5.1.
func DecodeInner(encoded, outer []byte, datagram bool) ([]byte, error) {
	in, inner := parse(iana.HandshakeClientHello, encoded), helloParts{datagram: datagram}
	inner.read(&in)
	from, source := parse(iana.HandshakeClientHello, outer), helloParts{datagram: datagram}
	source.read(&from)
	in.merge(&from)
	if len(inner.sessionID) > 0 {
		in.illegal("legacy_session_id", "not empty in an encoded inner hello")
	}
	for _, zero := range in.Rest() {
		if zero != 0 {
			in.illegal("padding", "not zero")
		}
	}

	w, mark := begin(make([]byte, 0, HeaderLen+len(encoded)+len(outer)), iana.HandshakeClientHello)
	w.AddBytes(inner.start)
	w.AddVector(1, source.sessionID)
	if datagram {
		w.AddVector(1, inner.cookie)
	}
	w.AddVector(2, inner.suites)
	w.AddVector(1, inner.compression)
	block := w.Begin(2)
	in.expand(&w, inner.extensions, source.extensions)
	w.End(block)
	if err := in.end(); err != nil {
		return nil, err
	}
	msg, err := end(&w, mark, iana.HandshakeClientHello)
	if err != nil { // the only way is too many bytes of extensions
		in.malformed("extensions", "too long after the outer extensions were inserted")
		return nil, in.err
	}
	return msg, nil
}

// helloParts is a ClientHello cut into its fields.
type helloParts struct {
	datagram    bool   // the message is of DTLS
	start       []byte // legacy_version and random
	sessionID   []byte
	cookie      []byte // in DTLS
	suites      []byte
	compression []byte
	extensions  []byte
}

func (h *helloParts) read(p *parser) {
	var ok bool
	if h.start, ok = p.Bytes(2 + 32); !ok {
		p.malformed("random", truncated)
	}
	h.sessionID = p.vector8("legacy_session_id", 0, 32)
	if h.datagram {
		h.cookie = p.vector8("legacy_cookie", 0, 255)
	}
	h.suites = p.vector16("cipher_suites", 2)
	h.compression = p.vector8("legacy_compression_methods", 1, 255)
	h.extensions = p.vector16("extensions", 0)
}

// expand appends the extensions of an encoded inner hello, the content of
// ech_outer_extensions in place of itself. It reads outer once, forwards, and so
// refuses what RFC 9849, Section 5.1 requires to be refused: references that are
// missing, in another order, or made twice.
func (p *parser) expand(w *codec.Builder, inner, outer []byte) {
	from := p.within(outer)
	list := p.within(inner)
	expanded := false
	for !list.Empty() {
		start := list
		typ := iana.ExtensionType(list.uint16("extensions"))
		data := list.vector16("extensions", 0)
		if list.err != nil {
			break
		}
		if typ != iana.ExtECHOuterExtensions {
			raw, _ := start.Bytes(start.Len() - list.Len())
			w.AddBytes(raw)
			continue
		}
		if expanded {
			list.illegal("ech_outer_extensions", "appears twice")
		}
		expanded = true
		refs := list.within(data)
		refs.ext, refs.inExt = typ, true
		types := numbers16Short[iana.ExtensionType](&refs)
		for _, wanted := range types {
			refs.copyFrom(&from, w, wanted)
		}
		_ = refs.end() // merged with the rest
		list.merge(&refs)
	}
	p.merge(&list)
}

// copyFrom skips extensions up to the first one of the given type, and appends that.
func (p *parser) copyFrom(outer *parser, w *codec.Builder, wanted iana.ExtensionType) {
	for wanted != iana.ExtECH && !outer.Empty() {
		start := *outer
		typ := iana.ExtensionType(outer.uint16("extensions"))
		outer.vector16("extensions", 0)
		if outer.err == nil && typ == wanted {
			raw, _ := start.Bytes(start.Len() - outer.Len())
			w.AddBytes(raw)
			return
		}
	}
	p.illegal("", fmt.Sprintf("%s is not in the outer ClientHello", wanted))
}

// insertOuterExtensions puts ech_outer_extensions at offset at, in front of
// what was written after it.
func insertOuterExtensions(b *codec.Builder, at int, types []iana.ExtensionType) {
	buf, err := b.Bytes()
	if err != nil {
		return
	}
	after := slices.Clone(buf[at:])
	b.Truncate(at)
	reference := ClientHello{ECHOuterExtensions: types}
	clientHelloTable.find(iana.ExtECHOuterExtensions).append(&reference, b)
	b.AddBytes(after)
}
