package trust

import (
	"strings"
	"testing"
)

func TestParsePin(t *testing.T) {
	var want Pin
	for i := range want {
		want[i] = byte(i * 7)
	}
	hexed := "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9"
	var colons []string
	for i := 0; i < len(hexed); i += 2 {
		colons = append(colons, strings.ToUpper(hexed[i:i+2]))
	}
	text := want.String()
	for _, in := range []string{
		text, " " + text + "\n", strings.TrimSuffix(text, "="), strings.Replace(text, "/", "//", 1),
		strings.TrimPrefix(text, "sha256/"), hexed, "sha256:" + hexed, "sha256/" + hexed, strings.Join(colons, ":"),
	} {
		if got, err := ParsePin(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "sha256/", "sha1/" + hexed[:40], hexed[:62], text + "A", "sha256/!!!"} {
		if _, err := ParsePin(in); err == nil {
			t.Errorf("%q was taken for a pin", in)
		}
	}
}

// A slash is also a digit of Base64: the first one of one pin in 64.
func TestParsePinThatBeginsWithASlash(t *testing.T) {
	for _, first := range []byte{0xfc, 0xfd, 0xff} {
		want := Pin{first, 0xff, 0xff}
		text := want.String()
		for _, in := range []string{text, strings.TrimRight(text, "="), strings.Replace(text, "/", "//", 1), strings.TrimPrefix(text, "sha256/")} {
			if got, err := ParsePin(in); err != nil || got != want {
				t.Errorf("%q: %v, %v", in, got, err)
			}
		}
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add(Pin{}.String())
	f.Add(strings.Repeat("0a:", 31) + "0a")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePin(text)
		if err != nil {
			return
		}
		if again, err := ParsePin(p.String()); err != nil || again != p {
			t.Errorf("%q reads as %v, which reads as %v (%v)", text, p, again, err)
		}
	})
}
