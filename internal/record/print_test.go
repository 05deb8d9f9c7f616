package record

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/printed"
	"github.com/sealsock/sealsock/internal/suites"
)

// TestKeysNeverPrint prints the types that hold the keys of records, which the suites expand,
// as the engine holds them.
func TestKeysNeverPrint(t *testing.T) {
	for _, id := range slices.Concat(suites.Default13(), ccm13) {
		suite := suites.TLS13(id)
		zeros := make([]byte, suite.Hash.Size())
		secret, _ := keys.NewEarlySecret(suite.Hash, nil).Handshake([]byte("x")).Traffic(zeros)
		key := make([]byte, suite.KeyLen)
		iv := secret.Keys(key)
		marks := append(printed.Marks(key), printed.Marks(append(iv[:], iv[:4]...))...)
		sealer, err := NewSealer13(suite, secret)
		if err != nil {
			t.Fatal(err)
		}
		opener, err := NewOpener13(suite, secret)
		if err != nil {
			t.Fatal(err)
		}
		checkPrints(t, marks, sealer, opener)
		checkPrintsHeld(t, marks, sealer, opener)
		checkDatagramPrints(t, suite, keys.NewDatagramEarlySecret(suite.Hash, nil))
	}
	for _, id := range suites12 {
		suite := suites.TLS12(id)
		random := make([]byte, 32)
		master := keys.NewMaster12(suite.Hash, []byte("x"), random, random)
		k, _ := master.Keys(random, random, suite.KeyLen, suite.IVLen)
		marks := printed.Marks(k.Key)
		sealer, err := NewSealer12(suite, k)
		if err != nil {
			t.Fatal(err)
		}
		opener, err := NewOpener12(suite, k)
		if err != nil {
			t.Fatal(err)
		}
		checkPrints(t, marks, sealer, opener)
		checkPrintsHeld(t, marks, sealer, opener)
	}
}

// checkPrints prints what the engine holds.
func checkPrints(t *testing.T, marks []string, s Sealer, o Opener) {
	t.Helper()
	for _, v := range []any{
		s, o, []Sealer{s}, map[string]Opener{"x": o}, struct{ S, o any }{s, o}, struct {
			s Sealer
			o Opener
		}{s, o},
	} {
		for _, text := range printed.Forms(v) {
			if printed.Shows(text, marks) {
				t.Errorf("%T shows its key: %.80q", v, text)
				break
			}
		}
	}
	for _, v := range []any{s, o} {
		if got := fmt.Sprintf("%+v", v); got != "[redacted]" {
			t.Errorf("%T prints %q", v, got)
		}
	}
}

// checkDatagramPrints is TestKeysNeverPrint for DTLS 1.3, whose numbers are encrypted with a key of
// their own.
func checkDatagramPrints(t *testing.T, suite *suites.Suite, early keys.EarlySecret) {
	t.Helper()
	secret, _ := early.Handshake([]byte("x")).Traffic(make([]byte, suite.Hash.Size()))
	key, number := make([]byte, suite.KeyLen), make([]byte, suite.KeyLen)
	iv := secret.Keys(key)
	secret.NumberKey(number)
	marks := append(printed.Marks(key), printed.Marks(append(iv[:], iv[:4]...))...)
	marks = append(marks, printed.Marks(number)...)
	sealer, err := NewSealer13(suite, secret)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := NewOpener13(suite, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := sealer.SealDatagram(nil, 23, make([]byte, 1000), 0); err != nil {
		t.Fatal(err)
	}
	checkPrints(t, marks, sealer, opener)
	checkPrintsHeld(t, marks, sealer, opener)
	mask := sealer.key().mask
	checkHides(t, marks, mask, &mask, []suites.NumberMask{mask}, struct{ m suites.NumberMask }{mask},
		struct{ m *suites.NumberMask }{&mask}, &struct{ M suites.NumberMask }{mask})
}

// checkPrintsHeld prints values that hold what the engine holds by value, in fields that package
// fmt calls no method of.
func checkPrintsHeld[S, O any](t *testing.T, marks []string, s *S, o *O) {
	t.Helper()
	type user struct {
		s S
		o O
	}
	checkHides(t, marks, user{*s, *o}, &user{*s, *o}, []*user{{*s, *o}}, map[int]user{1: {*s, *o}})
}

// checkHides prints values, none of which shows the marks.
func checkHides(t *testing.T, marks []string, values ...any) {
	t.Helper()
	for _, v := range values {
		for _, text := range printed.Forms(v) {
			if printed.Shows(text, marks) {
				t.Errorf("%T shows its key: %.80q", v, text)
				break
			}
		}
	}
}
