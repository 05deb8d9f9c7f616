package words_test

import (
	"fmt"
	"testing"

	"github.com/sealsock/sealsock/internal/words"
)

func TestList(t *testing.T) {
	seen := make(map[string]bool)
	for _, w := range words.List {
		for _, c := range w {
			if c < 'a' || c > 'z' {
				t.Errorf("%q has other characters than lower-case letters", w)
			}
		}
		if len(w) < 4 || seen[w] {
			t.Errorf("%q is short or stands twice", w)
		}
		seen[w] = true
	}
	if len(words.List) != 256 {
		t.Errorf("%d words, want one for each byte", len(words.List))
	}
}

func Example() {
	fmt.Println(words.Of([]byte{0, 255}, "-"))
	// Output: acid-zigzag
}
