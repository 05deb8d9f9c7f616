package layers

import (
	"go/ast"
	"regexp"
	"testing"
)

// playful matches words that make persons of programs, or riddles of facts.
// CONTRIBUTING.md shows what to write instead.
var playful = regexp.MustCompile(`(?i)\b(nobody|(go|goes|going|gone|went) on|says?|said|saying|` +
	`wants?|wanted|(come|comes|coming|came) back|whoever|strangers?|believes?|believed|` +
	`speaks? of|makes? do|looks? on|at heart|in peace|in vain)\b`)

func playfulWords(f *ast.File) int {
	n := 0
	for _, group := range f.Comments {
		n += len(playful.FindAllString(group.Text(), -1))
	}
	return n
}

// TestCommentsArePlain counts playful words in comments. The number of each
// package, in testdata/words.txt, may only shrink.
func TestCommentsArePlain(t *testing.T) {
	counts := map[string]int{}
	for _, s := range sources(t) {
		if s.dir() != "internal/layers" {
			counts[s.dir()] += playfulWords(s.file)
		}
	}
	r := ratchet{list: "words.txt", what: "playful words in comments", slack: 10}
	r.find = `^\+.*//.*(nobody|go(es)? on|says?|said|wants?|comes? back|whoever|believe|stranger)`
	r.check(t, counts)
}
