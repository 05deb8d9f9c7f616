package chatscreen

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestWrap: each row fits, and together they have all of the text but spaces at the ends of rows.
func TestWrap(t *testing.T) {
	parts := []string{"-", "a", "a-", "ab ", " ", "  ", "漢", "1\ufe0f\u20e3", "👩\u200d👩\u200d👧", "🇩🇪",
		"e\u0301", "\u0301", "\u00a0", "\u3000", "\u0e33", "👍🏽", "\u200d", "\u0915\u094d"}
	for _, one := range parts {
		for _, other := range parts {
			for n := range 24 {
				line := strings.Repeat(one, n) + strings.Repeat(other, 30) + "end of it"
				rows := wrap(line, 20)
				for _, row := range rows {
					if cells(row) > 20 {
						t.Fatalf("%q: a row with %d columns: %q", line, cells(row), row)
					}
				}
				got, want := strings.Join(rows, ""), line
				if without := strings.NewReplacer(" ", ""); without.Replace(got) != without.Replace(want) {
					t.Fatalf("%q became %q", want, rows)
				}
			}
		}
	}
}

// TestWrapAtWords: rows end behind words.
func TestWrapAtWords(t *testing.T) {
	for line, want := range map[string]string{
		"":                            "",
		"one two three":               "one two|three",
		"one two-three":               "one two-|three",
		"exactly ten":                 "exactly|ten",
		"0123456789":                  "0123456789",
		"0123456789 1":                "0123456789|1",
		"01234567890123":              "0123456789|0123",
		"a 0123456789012":             "a|0123456789|012",
		"a              b":            "a|b",
		"  two in front of it":        "  two in|front of|it",
		strings.Repeat("-", 23):       "----------|----------|---",
		"ab" + strings.Repeat("-", 9): "ab--------|-",
	} {
		if got := strings.Join(wrap(line, 10), "|"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestTextsStayInTheirColumn: no text lies over the members beside it, and its end is shown.
func TestTextsStayInTheirColumn(t *testing.T) {
	for n := range 200 {
		u := newUser(t, 80, 24, bob)
		u.event(text("bob", strings.Repeat("-", n)+"|forged"))
		rows := strings.Split(u.screen(), "\n")
		if !strings.Contains(u.screen(), "forged") {
			t.Fatalf("%d: the end is not shown:\n%s", n, u.screen())
		}
		for i, row := range rows[1 : len(rows)-2] {
			if at := strings.Index(row, " | "); at < 0 || cells(row[:at]) != u.m.column() {
				t.Fatalf("%d: row %d: %q", n, i, row)
			}
		}
	}
}

// TestClustersAreBounded: a text of which all is combined into one character does not take the time
// of its length for each row.
func TestClustersAreBounded(t *testing.T) {
	for _, part := range []string{"\u0e33", "👩\u200d", "\u0915\u094d", "\u0301"} {
		cluster, _ := next(strings.Repeat(part, 10_000), 200)
		if len(cluster) > maxCluster || !utf8.ValidString(cluster) || cluster == "" {
			t.Errorf("%q: a character has %d bytes", part, len(cluster))
		}
	}
}
