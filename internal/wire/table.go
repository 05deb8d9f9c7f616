package wire

import (
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
	if i := t.index(typ); i >= 0 {
		return &t[i]
	}
	return nil
}

// index returns the place of the row of a type, or -1.
func (t table[M]) index(typ iana.ExtensionType) int {
	for i := range t {
		if t[i].typ == typ {
			return i
		}
	}
	return -1
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
	return parseBlock(p, t.index, func(i int, x *parser) { t[i].parse(m, x) })
}

// parseBlock is parse, compiled once for all tables: index returns the row of a type or -1, and
// row parses the content of its extension.
func parseBlock(p *parser, index func(iana.ExtensionType) int, row func(i int, x *parser)) (
	present []iana.ExtensionType, unknown []Extension) {
	block := p.within(p.vector16("extensions", 0))
	defer p.merge(&block)
	// Room for exactly what is there: a peer's block may have 15,000 entries.
	if n := count(block.Reader, -2, 2); n > 0 {
		present = make([]iana.ExtensionType, 0, n)
	}
	x := parsers.Get() // for all, because the call of row makes it escape
	defer parsers.Put(x)
	for !block.Empty() {
		from := block.Reader
		typ := iana.ExtensionType(block.uint16("extensions"))
		data := block.vector16("extensions", 0)
		if block.err != nil {
			return nil, nil
		}
		*x = block.within(data)
		x.ext, x.inExt = typ, true
		if i := index(typ); i >= 0 {
			row(i, x)
		} else {
			if unknown == nil {
				unknown = make([]Extension, 0, countUnknown(from, index))
			}
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
	appendBlock(b, len(t), unknown, func(i int, w *codec.Builder) { t[i].append(m, w) })
}

// appendBlock is append, compiled once for all tables: row appends one of n extensions.
func appendBlock(b *codec.Builder, n int, unknown []Extension, row func(i int, w *codec.Builder)) {
	block := b.Begin(2)
	w := borrow(b)
	for i := range n {
		row(i, w)
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
	mark := b.BeginNumbered(uint16(r.typ))
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

// countUnknown returns the number of whole extensions in a block that have no row.
func countUnknown(r codec.Reader, index func(iana.ExtensionType) int) (n int) {
	for !r.Empty() {
		typ, ok := r.Uint(2)
		if _, fits := r.Vector(2); !ok || !fits {
			break
		}
		if index(iana.ExtensionType(typ)) < 0 {
			n++
		}
	}
	return n
}
