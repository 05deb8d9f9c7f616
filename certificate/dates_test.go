package certificate

import (
	"bytes"
	"encoding/json"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

// A date that JSON cannot have, by its zone or its size, leaves what it is in as it is.
func TestDates(t *testing.T) {
	for _, text := range []string{
		"\x18\x1399991231235959-0100", "\x18\x1300000101000000+0100", "\x17\x0f4901020304+2400",
	} {
		var c Certificate
		in := cryptobyte.String(text)
		date := c.time(&in, "last")
		if _, err := json.Marshal(date); err != nil || date.IsZero() || len(c.Problems) != 1 {
			t.Errorf("%q: %v, %v, %q", text, date, err, c.Problems)
		}
	}
	data := append(make([]byte, 33), bytes.Repeat([]byte{0xff}, 8)...) // version, log, milliseconds
	sct, err := ParseSCT(append(data, 0, 0, 4, 3, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(sct); err != nil {
		t.Error(err)
	}
}
