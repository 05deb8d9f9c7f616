package cpace

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/gtank/ristretto255"
)

// The vectors of draft-irtf-cfrg-cpace, appendix "Test vector for CPace using group
// ristretto255 and hash SHA-512".
const (
	vectorSession   = "7e4b4791d6a8ef019b936c79fb7f2c57"
	vectorGenString = "11435061636552697374726574746f3235350850617373776f726464" +
		"00000000000000000000000000000000000000000000000000000000" +
		"00000000000000000000000000000000000000000000000000000000" +
		"00000000000000000000000000000000000000000000000000000000" +
		"00000000000000000000000000000000180b415f696e69746961746f" +
		"720b425f726573706f6e646572107e4b4791d6a8ef019b936c79fb7f2c57"
	vectorGenerator = "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56"
	vectorScalarA   = "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08"
	vectorScalarB   = "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d"
	vectorShareA    = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157"
	vectorShareB    = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258"
	vectorSecret    = "80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f"
	vectorKey       = "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd" +
		"2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447"
)

var (
	vectorPassword = []byte("Password")
	vectorChannel  = []byte("\x0bA_initiator\x0bB_responder")
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectorExchange(t *testing.T, scalar string) *Exchange {
	t.Helper()
	s, err := ristretto255.NewScalar().SetCanonicalBytes(unhex(t, scalar))
	if err != nil {
		t.Fatal(err)
	}
	return newExchange(vectorPassword, vectorChannel, unhex(t, vectorSession), s)
}

func checkHex(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s is %x, want %s", what, got, want)
	}
}

func TestVectors(t *testing.T) {
	session := unhex(t, vectorSession)
	checkHex(t, "generator_string", generatorString(vectorPassword, vectorChannel, session),
		vectorGenString)
	checkHex(t, "g", generator(vectorPassword, vectorChannel, session).Bytes(), vectorGenerator)
	a, b := vectorExchange(t, vectorScalarA), vectorExchange(t, vectorScalarB)
	checkHex(t, "Ya", a.Share(), vectorShareA)
	checkHex(t, "Yb", b.Share(), vectorShareB)
	secret, err := a.secret(b.Share())
	if err != nil {
		t.Fatal(err)
	}
	checkHex(t, "K", secret, vectorSecret)
	keysA, err := a.Initiator([]byte("ADa"), b.Share(), []byte("ADb"))
	if err != nil {
		t.Fatal(err)
	}
	keysB, err := b.Responder([]byte("ADb"), a.Share(), []byte("ADa"))
	if err != nil {
		t.Fatal(err)
	}
	checkHex(t, "ISK of A", keysA.Key(), vectorKey)
	checkHex(t, "ISK of B", keysB.Key(), vectorKey)
}

func TestParts(t *testing.T) {
	checkHex(t, "lv_cat", appendParts(nil, []byte("1234"), []byte("5"), nil, []byte("678")),
		"043132333401350003363738")
	long := appendParts(nil, make([]byte, 128))
	checkHex(t, "prepend_len of 128 bytes", long[:3], "800100")
}

// TestInvalidShares has the draft's two invalid points, the identity among them.
func TestInvalidShares(t *testing.T) {
	e := New([]byte("x"), nil, nil)
	for _, share := range []string{
		"2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"00",
		"",
	} {
		if _, err := e.Initiator(nil, unhex(t, share), nil); !errors.Is(err, ErrShare) {
			t.Errorf("share %q as initiator: %v, want ErrShare", share, err)
		}
		if _, err := e.Responder(nil, unhex(t, share), nil); !errors.Is(err, ErrShare) {
			t.Errorf("share %q as responder: %v, want ErrShare", share, err)
		}
	}
}

// TestAgreement: the keys are equal if password, channel, session and data are, and
// otherwise neither the key nor a tag is.
func TestAgreement(t *testing.T) {
	type side struct{ password, channel, session, data string }
	run := func(a, b side) (*Keys, *Keys) {
		ea := New([]byte(a.password), []byte(a.channel), []byte(a.session))
		eb := New([]byte(b.password), []byte(b.channel), []byte(b.session))
		ka, err := ea.Initiator([]byte(a.data), eb.Share(), []byte("B"))
		if err != nil {
			t.Fatal(err)
		}
		kb, err := eb.Responder([]byte("B"), ea.Share(), []byte(b.data))
		if err != nil {
			t.Fatal(err)
		}
		return ka, kb
	}
	same := side{"acorn-actor", "channel", "session", "A"}
	a, b := run(same, same)
	if !bytes.Equal(a.Key(), b.Key()) || !bytes.Equal(a.InitiatorTag(), b.InitiatorTag()) ||
		!bytes.Equal(a.ResponderTag(), b.ResponderTag()) {
		t.Error("equal parties do not agree")
	}
	if bytes.Equal(a.InitiatorTag(), a.ResponderTag()) {
		t.Error("both sides have the same tag: it could be returned to its sender")
	}
	for _, other := range []side{
		{"acorn-adult", "channel", "session", "A"}, {"acorn-actor", "chanel", "session", "A"},
		{"acorn-actor", "channel", "sessiom", "A"}, {"acorn-actor", "channel", "session", "B"},
	} {
		a, b := run(same, other)
		if bytes.Equal(a.Key(), b.Key()) || bytes.Equal(a.InitiatorTag(), b.InitiatorTag()) ||
			bytes.Equal(a.ResponderTag(), b.ResponderTag()) {
			t.Errorf("%v agrees with %v", same, other)
		}
	}
	again, _ := run(same, same)
	if bytes.Equal(again.Key(), func() []byte { a, _ := run(same, same); return a.Key() }()) {
		t.Error("two exchanges have the same key")
	}
}

func FuzzShare(f *testing.F) {
	f.Add(make([]byte, ShareSize))
	f.Add(New([]byte("x"), nil, nil).Share())
	f.Fuzz(func(t *testing.T, share []byte) {
		e := New([]byte("x"), nil, nil)
		keys, err := e.Responder(nil, share, nil)
		if (err == nil) == (keys == nil) {
			t.Errorf("keys %v, error %v", keys, err)
		}
	})
}

// TestReflection: a party does not agree on a key with itself.
func TestReflection(t *testing.T) {
	e := New([]byte("password"), nil, []byte("session"))
	for role, finish := range map[string]func(_, _, _ []byte) (*Keys, error){
		"initiator": e.Initiator, "responder": e.Responder,
	} {
		if k, err := finish(nil, e.Share(), nil); !errors.Is(err, ErrShare) {
			t.Errorf("%s: %v, %v", role, k, err)
		}
	}
}
