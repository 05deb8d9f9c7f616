package safename

import (
	"testing"
	"unicode"
)

// TestPortable: the name for an unknown system leads nowhere and is none of a device.
func TestPortable(t *testing.T) {
	for name, want := range map[string]string{
		"report.txt": "report.txt", "größe.txt": "größe.txt", "../../etc/passwd": ".._.._etc_passwd",
		`..\x`: ".._x", "C:x": "C_x", "a<b>.txt": "a_b_.txt", "con.txt": "file", "..": "file",
		"": "file", "x. .": "x", "a\u202etxt.exe": "a_txt.exe",
	} {
		if got := Portable(name); got != want {
			t.Errorf("Portable(%q) is %q, not %q", name, got, want)
		}
	}
}

// TestInvisible: no name has a letter or a sign that leaves no mark, such as the fillers of Hangul.
// The names of emoji and of scripts with spaces of their own stay possible.
func TestInvisible(t *testing.T) {
	refused := []rune{0x2800, 0x13441, 0x13442, 0x16fe4, 0x1d159, 0x3164, 0x115f, 0x1160, 0xffa0}
	for c := rune(0x80); c <= unicode.MaxRune; c++ {
		if unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c) {
			refused = append(refused, c)
		}
	}
	for _, c := range refused {
		name := "report.pdf" + string(c) + ".exe"
		if CheckOn("linux", name) == nil || CheckOn("windows", name) == nil {
			t.Errorf("%+q can be created", name)
		}
		if got := Portable(name); got != "report.pdf_.exe" {
			t.Errorf("Portable(%+q) is %q", name, got)
		}
	}
	for _, name := range []string{"\u2764\ufe0f.png", "at 1.23\u202fPM.png", "\ud55c\uae00.txt"} {
		if err := CheckOn("linux", name); err != nil {
			t.Errorf("%+q is refused: %v", name, err)
		}
	}
}

// TestFoldOn: names that a system takes for one file are equal, and others are not.
func TestFoldOn(t *testing.T) {
	for _, test := range []struct {
		a, b          string
		windows, macs bool
	}{
		{"readme", "README", true, true},
		{"stra\u00dfe", "STRA\u1e9eE", true, true},
		{"k", "\u212a", true, true}, // Kelvin
		{"s", "\u017f", true, true}, // long s
		{"\u00e9", "e\u0301", false, true},
		{"\u00c9", "e\u0301", false, true},
		{"a", "b", false, false},
		{"i", "\u0131", false, false},
	} {
		for system, want := range map[string]bool{
			"windows": test.windows, "darwin": test.macs, "linux": false,
		} {
			if got := FoldOn(system, test.a) == FoldOn(system, test.b); got != want {
				t.Errorf("%s: %+q and %+q are one name: %v, want %v", system, test.a, test.b, got, want)
			}
		}
	}
}
