package admit

import (
	"net/netip"
	"testing"
)

func TestUnmapped(t *testing.T) {
	for text, want := range map[string]string{
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:192.0.2.1/128": "192.0.2.1/32",
		"::ffff:0.0.0.0/96": "0.0.0.0/0", "::/0": "::/0", "10.0.0.0/8": "10.0.0.0/8",
		"2001:db8::/32": "2001:db8::/32",
	} {
		if got := Unmapped(netip.MustParsePrefix(text)); got != netip.MustParsePrefix(want) {
			t.Errorf("%s is %v, not %s", text, got, want)
		}
	}
}
