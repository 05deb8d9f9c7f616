package chat

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sealsock/sealsock/internal/nickname"
	"github.com/sealsock/sealsock/internal/printable"
)

// No name can be taken for a line of the room or hide where it ends.
func FuzzNameOf(f *testing.F) {
	f.Add("alice")
	f.Add("* alice has left\r\n")
	f.Add("\x1b[2J:\u202e \xff")
	f.Add(strings.Repeat("é", 500))
	f.Fuzz(func(t *testing.T, line string) {
		name, ok := nickname.Of(line)
		if !ok {
			return
		}
		if name == "" || utf8.RuneCountInString(name) > nickname.Max || strings.ContainsAny(name, "*: \r\n") || printable.Line(name) != name {
			t.Errorf("%q makes the name %q", line, name)
		}
		if again, ok := nickname.Of(name); !ok || again != name {
			t.Errorf("the name %q is not stable", name)
		}
	})
}
