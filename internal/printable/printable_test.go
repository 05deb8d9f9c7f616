package printable_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sealsock/sealsock/internal/printable"
)

func ExampleLine() {
	fmt.Println(printable.Line("hi\x1b[2J there\a"))
	// Output: hi�[2J there�
}

func TestLine(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "grüße, 世界 👩‍🚀", "grüße, 世界 👩‍🚀"},
		{"tab", "a\tb", "a b"},
		{"feeds", "a\r\nb", "a��b"},
		{"escape", "\x1b]0;title\x07", "�]0;title�"},
		{"c1", "a\u009b31mb", "a�31mb"},
		{"raw c1", "a\x9b31mb", "a�31mb"},
		{"direction", "pay \u202eevil\u2066", "pay �evil�"},
		{"separators", "a\u2028b\u2029c", "a�b�c"},
		{"no UTF-8", "a\xff\xfeb", "a�b"},
		{"delete", "a\x7f", "a�"},
		{"private use", "a\ue000", "a�"},
		{"tag", "a\U000e0041", "a�"},
		{"byte order mark", "\ufeffa", "�a"},
	} {
		if got := printable.Line(test.in); got != test.want {
			t.Errorf("%s: Line(%q) = %q, want %q", test.name, test.in, got, test.want)
		}
	}
}

func TestBlock(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\r\nc\n":     "a\tb\nc\n",
		"a\rb\n":          "a�b\n",
		"\x1b[1mbold\n\t": "�[1mbold\n\t",
		"end\r":           "end�",
	} {
		if got := printable.Block(in); got != want {
			t.Errorf("Block(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31mred\x1b[0m\r\n")
	f.Add("\u202e\xff")
	f.Fuzz(func(t *testing.T, in string) {
		line, block := printable.Line(in), printable.Block(in)
		for _, r := range line {
			if !printable.Safe(r) && r != utf8.RuneError {
				t.Fatalf("Line(%q) lets %U through", in, r)
			}
		}
		for _, r := range block {
			if !printable.Safe(r) && r != utf8.RuneError && r != '\n' && r != '\t' {
				t.Fatalf("Block(%q) lets %U through", in, r)
			}
		}
		if strings.Count(block, "\n") != strings.Count(in, "\n") {
			t.Fatalf("Block(%q) changes the number of lines", in)
		}
		if printable.Line(line) != line {
			t.Fatalf("Line(%q) is not stable", in)
		}
	})
}
