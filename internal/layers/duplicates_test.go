package layers

import (
	"bytes"
	"go/scanner"
	"go/token"
	"hash/maphash"
	"maps"
	"slices"
	"testing"
)

// sameTokens is the length of a run of equal tokens that counts as a
// duplicated block: about 20 lines.
const sameTokens = 120

type place struct {
	name string
	line int
}

// A block is a run of sameTokens tokens that stands in two places.
type block struct{ first, second place }

func (b block) key() string { return b.first.name + " " + b.second.name }

// blocks returns the blocks of the given files. Runs are equal when their
// tokens are, identifiers and literals included and comments excluded.
func blocks(files []source) []block {
	seed := maphash.MakeSeed()
	first := map[uint64]place{}
	var found []block
	for _, s := range files {
		words, lines := tokens(s.text)
		for i := 0; i+sameTokens <= len(words); i++ {
			sum := maphash.Bytes(seed, bytes.Join(words[i:i+sameTokens], []byte{0}))
			here := place{s.name, lines[i]}
			if p, seen := first[sum]; seen {
				found = append(found, block{p, here})
				i += sameTokens - 1
			} else {
				first[sum] = here
			}
		}
	}
	return found
}

// tokens returns the tokens of a file and the line of each.
func tokens(text []byte) (words [][]byte, lines []int) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(text))
	s.Init(file, text, nil, 0)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return words, lines
		}
		if lit == "" || tok == token.SEMICOLON {
			lit = tok.String()
		}
		words, lines = append(words, []byte(lit)), append(lines, fset.Position(pos).Line)
	}
}

// TestBlocksStandOnce looks for duplicated blocks outside of tests.
// testdata/duplicates.txt lists the pairs of files that may have some, with
// the number and a reason. A pair that has none must not be listed.
func TestBlocksStandOnce(t *testing.T) {
	var files []source
	for _, s := range sources(t) {
		if !s.isTest() {
			files = append(files, s)
		}
	}
	pairs := map[string]int{}
	last := map[string]block{}
	for _, b := range blocks(files) {
		pairs[b.key()]++
		last[b.key()] = b
	}
	if *update {
		lowerLimits(t, "duplicates.txt", 0, pairs)
	}
	limits := readLimits(t, "duplicates.txt")
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		if n, most := pairs[key], limits[key].max; n > most {
			b := last[key]
			t.Errorf("%s:%d repeats %s:%d; %d such blocks in this pair of files, at most %d allowed",
				b.second.name, b.second.line, b.first.name, b.first.line, n, most)
		}
	}
	for key, l := range limits {
		if pairs[key] == 0 {
			t.Errorf("%s: no duplicated block; remove the line from testdata/duplicates.txt", key)
		}
		if l.reason == "" {
			t.Errorf("%s: testdata/duplicates.txt gives no reason", key)
		}
	}
}
