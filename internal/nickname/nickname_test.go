package nickname

import "testing"

// TestKeys: names that look alike have a key in common, also with capital letters of other
// scripts whose small letters look like nothing Latin, and other names have none.
func TestKeys(t *testing.T) {
	for _, pair := range []struct {
		a, b  string
		alike bool
	}{
		{"ib", "\u0406\u042c", true}, // Cyrillic capitals I and soft sign
		{"Ib", "\u0406\u042c", true},
		{"bill", "\u0412\u0406ll", true}, // Cyrillic capitals Ve and I
		{"nick", "\u039d\u0406CK", true}, // Greek capital Nu
		{"nim", "\u039d\u0399\u039c", true},
		{"\u042c", "\u044c", true}, // a capital letter and its small one
		{"alice", "\u0430lice", true},
		{"Ian", "lan", true},
		{"ALICE", "alice", true},
		{"m0", "rnO", true},
		{"ian", "lan", false},
		{"bob", "bod", false},
		{"\u0412\u0435\u0440\u0430", "\u041b\u0435\u0440\u0430", false},
	} {
		found := false
		for _, a := range Keys(pair.a) {
			for _, b := range Keys(pair.b) {
				found = found || a == b
			}
		}
		if found != pair.alike {
			t.Errorf("%s and %s look alike: %v, want %v; %q and %q", pair.a, pair.b, found,
				pair.alike, Keys(pair.a), Keys(pair.b))
		}
	}
}
