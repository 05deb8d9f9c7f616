package wire

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
	"github.com/sealsock/sealsock/internal/reuse"
)

// A row is one extension that a message of type M may carry: its type, how its content is
// parsed into M, and how it is appended. add returns false if m does not have the
// extension; what it appended is then removed.
type row[M any] struct {
	typ   iana.ExtensionType
	parse func(m *M, x *parser)
	add   func(m *M, b *codec.Builder) bool
}

// A table lists the extensions that a message may carry, in the order in which they are
// appended. To add an extension to a message, add one row.
type table[M any] []row[M]

// field returns the row of an extension whose content is one field of the message.
func field[M, T any](typ iana.ExtensionType, at func(*M) *T,
	parse func(*parser) T, add func(*codec.Builder, T) bool) row[M] {
	return row[M]{
		typ:   typ,
		parse: func(m *M, x *parser) { *at(m) = parse(x) },
		add:   func(m *M, b *codec.Builder) bool { return add(b, *at(m)) },
	}
}

// flag returns the row of an extension without content: the field reports whether it is
// present.
func flag[M any](typ iana.ExtensionType, at func(*M) *bool) row[M] {
	return row[M]{
		typ:   typ,
		parse: func(m *M, _ *parser) { *at(m) = true },
		add:   func(m *M, _ *codec.Builder) bool { return *at(m) },
	}
}

// find returns the row of a type, or nil.
func (t table[M]) find(typ iana.ExtensionType) *row[M] {
	if i := slices.IndexFunc(t, func(r row[M]) bool { return r.typ == typ }); i >= 0 {
		return &t[i]
	}
	return nil
}

// parse reads an extension block to the end of the message or entry into m.
//
//	struct {
//	    ExtensionType extension_type;
//	    opaque extension_data<0..2^16-1>;
//	} Extension;
//
// Extensions without a row are returned as unknown. present lists the types of all of them
// in order. RFC 9846, Section 4.2.
func (t table[M]) parse(m *M, p *parser) (present []iana.ExtensionType, unknown []Extension) {
	block := p.within(p.vector16("extensions", 0))
	defer p.merge(&block)
	// Room for exactly what is there: a peer's block may have 15,000 entries.
	if n, other := t.count(block.Reader); n > 0 {
		present, unknown = make([]iana.ExtensionType, 0, n), slices.Grow(unknown, other)
	}
	x := parsers.Get() // for all, because the call of parse makes it escape
	defer parsers.Put(x)
	for !block.Empty() {
		typ := iana.ExtensionType(block.uint16("extensions"))
		data := block.vector16("extensions", 0)
		if block.err != nil {
			return nil, nil
		}
		*x = block.within(data)
		x.ext, x.inExt = typ, true
		if r := t.find(typ); r != nil {
			r.parse(m, x)
		} else {
			unknown = append(unknown, Extension{typ, x.Rest()})
		}
		if x.end() != nil {
			block.merge(x)
			return nil, nil
		}
		present = append(present, typ)
	}
	// RFC 9846, Section 4.2: no type may appear twice in a block. It names no
	// alert; BoringSSL's tests expect decode_error in the hellos and in
	// EncryptedExtensions, illegal_parameter elsewhere.
	if !distinct(present) {
		block.fail(p.twice, "extensions", "a duplicate type")
	}
	return present, unknown
}

// append appends a whole block: the extensions that m has, and then unknown.
func (t table[M]) append(m *M, b *codec.Builder, unknown []Extension) {
	block := b.Begin(2)
	w := borrow(b)
	for i := range t {
		t[i].append(m, w)
	}
	settle(b, w)
	addRaw(b, unknown)
	b.End(block)
}

// What the functions of a row are called with.
var (
	parsers  reuse.Pool[parser]
	builders reuse.Pool[codec.Builder]
)

// borrow returns a Builder that continues b. settle makes b continue it.
func borrow(b *codec.Builder) *codec.Builder {
	w := builders.Get()
	*w = *b
	return w
}

func settle(b, w *codec.Builder) {
	*b = *w
	builders.Put(w)
}

// append appends one extension and reports whether m has it.
func (r *row[M]) append(m *M, b *codec.Builder) bool {
	start := b.Len()
	b.AddUint16(uint16(r.typ))
	mark := b.Begin(2)
	if !r.add(m, b) {
		b.Truncate(start)
		return false
	}
	b.End(mark)
	return true
}

func addRaw(b *codec.Builder, list []Extension) {
	for _, e := range list {
		b.AddUint16(uint16(e.Type))
		b.AddVector(2, e.Data)
	}
}

// count returns the number of whole extensions in a block, and of those among them
// that have no row.
func (t table[M]) count(r codec.Reader) (all, unknown int) {
	for !r.Empty() {
		typ, ok := r.Uint(2)
		if _, fits := r.Vector(2); !ok || !fits {
			break
		}
		all++
		if t.find(iana.ExtensionType(typ)) == nil {
			unknown++
		}
	}
	return all, unknown
}
