package trust

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // OpenSSL's file names are made with it; nothing is secured by it
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// hashDir is a directory in which the file of an authority is named by a hash
// of the authority's name, as `openssl rehash` makes it.
type hashDir struct {
	path   string
	loaded map[string]bool // file names
}

// maxSameHash bounds the files tried for one name.
const maxSameHash = 64

// lookUp loads from the hashed directories the issuers of certs that are not
// in the set yet, and returns the set that has them.
func (r *Roots) lookUp(set *rootSet, certs []*x509.Certificate) *rootSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.hashed) == 0 {
		return set
	}
	for _, d := range r.hashed {
		for _, c := range certs {
			r.loadLocked(d, c.RawIssuer)
			r.loadLocked(d, c.RawSubject)
		}
	}
	return r.snapshotLocked()
}

// loadLocked reads the files for one name. The files of a hash are numbered
// without gaps, so the first missing one ends the search.
func (r *Roots) loadLocked(d *hashDir, rawName []byte) {
	hash, ok := nameHash(rawName)
	if !ok {
		return
	}
	for i := range maxSameHash {
		name := fmt.Sprintf("%08x.%d", hash, i)
		if d.loaded[name] {
			continue
		}
		path := filepath.Join(d.path, name)
		data, err := readBounded(path)
		if err != nil {
			return
		}
		if d.loaded == nil {
			d.loaded = make(map[string]bool)
		}
		d.loaded[name] = true
		r.addHashedLocked(data, path)
	}
}

// addHashedLocked adds the certificates of a file. One that cannot be read is no
// root; OpenSSL passes over it too.
func (r *Roots) addHashedLocked(data []byte, path string) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		_, _ = r.addDERLocked(data, path)
		return
	}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return
		}
		if isCertificate(block) {
			_ = r.addBlockLocked(block, path)
		}
	}
}

func isHashedCertificate(name string) bool { return isHashed(name, "") }

// isHashed reports whether name is eight hexadecimal digits, a dot, mark, and
// a number.
func isHashed(name, mark string) bool {
	hash, number, ok := strings.Cut(name, ".")
	if !ok || len(hash) != 8 || strings.Trim(hash, "0123456789abcdefABCDEF") != "" {
		return false
	}
	number, ok = strings.CutPrefix(number, mark)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// nameHash computes OpenSSL's hash of a distinguished name: the first four
// bytes, little-endian, of the SHA-1 over its relative names in a canonical
// form, without the outer header.
func nameHash(raw []byte) (uint32, bool) {
	canonical, ok := canonicalName(raw)
	if !ok {
		return 0, false
	}
	sum := sha1.Sum(canonical)
	return binary.LittleEndian.Uint32(sum[:4]), true
}

// canonicalName rewrites each text of a distinguished name as UTF-8 in lower
// case, with spaces at the ends dropped and runs of spaces made one.
func canonicalName(raw []byte) ([]byte, bool) {
	in := cryptobyte.String(raw)
	var sets cryptobyte.String
	if !in.ReadASN1(&sets, asn1.SEQUENCE) || !in.Empty() {
		return nil, false
	}
	var out cryptobyte.Builder
	for !sets.Empty() {
		var set cryptobyte.String
		if !sets.ReadASN1(&set, asn1.SET) {
			return nil, false
		}
		var ok = true
		out.AddASN1(asn1.SET, func(b *cryptobyte.Builder) { ok = canonicalSet(b, set) })
		if !ok {
			return nil, false
		}
	}
	bytes, err := out.Bytes()
	return bytes, err == nil
}

func canonicalSet(out *cryptobyte.Builder, set cryptobyte.String) bool {
	for !set.Empty() {
		var pair, oid, value cryptobyte.String
		var tag asn1.Tag
		if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
			return false
		}
		out.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
			if text, ok := decodeText(tag, value); ok {
				b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes(foldText(text)) })
				return
			}
			b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		})
	}
	return true
}

// tagBMPString is UTF-16, big-endian, without surrogates.
const tagBMPString = asn1.Tag(30)

// decodeText returns a directory string as UTF-8; false if it is of another
// type, which the canonical form leaves alone.
func decodeText(tag asn1.Tag, value []byte) ([]byte, bool) {
	switch tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String:
		return value, true
	case asn1.T61String:
		var out []byte
		for _, c := range value {
			out = utf8.AppendRune(out, rune(c))
		}
		return out, true
	case tagBMPString:
		return decodeWide(value)
	}
	return nil, false
}

func decodeWide(value []byte) ([]byte, bool) {
	if len(value)%2 != 0 {
		return nil, false
	}
	var out []byte
	for ; len(value) > 0; value = value[2:] {
		out = utf8.AppendRune(out, rune(value[0])<<8|rune(value[1]))
	}
	return out, true
}

// foldText folds ASCII only, as OpenSSL does.
func foldText(text []byte) []byte {
	out := make([]byte, 0, len(text))
	space := false
	for _, c := range text {
		if c == ' ' || ('\t' <= c && c <= '\r') {
			space = len(out) > 0
			continue
		}
		if space {
			out = append(out, ' ')
			space = false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}
