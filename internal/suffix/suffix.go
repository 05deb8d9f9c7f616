// Package suffix knows the public suffixes: the names, such as com and co.uk, below which
// unrelated owners register names of their own.
//
// Its table is made of the part of the Public Suffix List (publicsuffix.org, Mozilla
// Public License 2.0) that registries manage, as golang.org/x/net/publicsuffix has it.
// That package is not used itself, because it imports net/http and has twice the size:
// the table holds a hash of 48 bits for each name and not the name, which can be wrong
// for one name in 40 billion, and then refuses a wildcard.
package suffix

import (
	_ "embed"
	"sort"
	"strings"
)

// A table holds hashes in ascending order, each as six bytes.
type table string

var (
	//go:embed names.bin
	names table // the suffixes
	//go:embed parents.bin
	parents table // the names whose children are suffixes, as in *.ck
	//go:embed exceptions.bin
	exceptions table // the children that are not, as in !www.ck
)

// hashSize is the number of bytes of a hash.
const hashSize = 6

// hash is FNV-1a of 64 bits, of which the upper 48 are kept.
func hash(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h >> 16
}

func (t table) at(i int) (h uint64) {
	for _, b := range []byte(t[i*hashSize : (i+1)*hashSize]) {
		h = h<<8 | uint64(b)
	}
	return h
}

func (t table) has(name string) bool {
	h, n := hash(name), len(t)/hashSize
	i := sort.Search(n, func(i int) bool { return t.at(i) >= h })
	return i < n && t.at(i) == h
}

// Public reports whether name, in lower-case A-labels, is a public suffix that a registry
// manages.
func Public(name string) bool {
	if names.has(name) {
		return true
	}
	_, parent, ok := strings.Cut(name, ".")
	return ok && parents.has(parent) && !exceptions.has(name)
}
