package suites

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/cloudflare/circl/kem"

	"github.com/sealsock/sealsock/iana"
)

var ffdheGroups = map[iana.NamedGroup]ffdhe{
	iana.FFDHE2048: ffdhe2048, iana.FFDHE3072: ffdhe3072, iana.FFDHE4096: ffdhe4096,
	iana.FFDHE6144: ffdhe6144, iana.FFDHE8192: ffdhe8192,
}

// TestPrimes computes e from its series, the primes from RFC 7919's formula, and that X is
// what makes p a safe prime, so that no digit in the code is trusted. 2 must generate the
// subgroup of (p-1)/2 elements: it is then a quadratic residue, and p ends in 7 modulo 8.
func TestPrimes(t *testing.T) {
	const guard = 64
	e, term := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 8062+guard)
	for k := int64(1); term.Sign() > 0; k++ { // 1/0! + 1/1! + 1/2! ...
		e.Add(e, term)
		term.Quo(term, big.NewInt(k))
	}
	e.Rsh(e, guard)
	if got := e.Text(16); got != digitsOfE {
		t.Fatalf("e is %s", got)
	}
	one := big.NewInt(1)
	for id, f := range ffdheGroups {
		b := uint(8 * f.size)
		want := new(big.Int).Rsh(e, 8192-b)
		want.Add(want, big.NewInt(int64(f.x))).Lsh(want, 64).Sub(want, one)
		want.Add(want, new(big.Int).Lsh(one, b)).Sub(want, new(big.Int).Lsh(one, b-64))
		p, err := f.prime()
		if err != nil || !bytes.Equal(p, want.Bytes()) {
			t.Fatalf("%v: %x, %v", id, p, err)
		}
		if testing.Short() && f.size > 2048/8 {
			continue // primality of the larger ones takes seconds
		}
		half := new(big.Int).Rsh(want, 1)
		if !want.ProbablyPrime(0) || !half.ProbablyPrime(0) || want.Bit(0)&want.Bit(1)&want.Bit(2) == 0 {
			t.Errorf("%v: not a safe prime", id)
		}
	}
}

// TestExponents has secret exponents of at least the size that RFC 7919, Appendix A, names,
// and shares and secrets as math/big calculates them.
func TestExponents(t *testing.T) {
	least := map[iana.NamedGroup]int{
		iana.FFDHE2048: 225, iana.FFDHE3072: 275, iana.FFDHE4096: 325, iana.FFDHE6144: 375,
		iana.FFDHE8192: 400,
	}
	for id, f := range ffdheGroups {
		zeros := bytes.NewReader(make([]byte, 2*f.size))
		private, share, err := f.generate(zeros, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := new(big.Int).SetBytes(private.(*ffdhePrivate).secret)
		if x.BitLen() < least[id] {
			t.Errorf("%v: an exponent of %d bits", id, x.BitLen())
		}
		prime, err := f.prime()
		if err != nil {
			t.Fatal(err)
		}
		p := new(big.Int).SetBytes(prime)
		want := new(big.Int).Exp(big.NewInt(2), x, p)
		if !bytes.Equal(share, want.FillBytes(make([]byte, f.size))) {
			t.Errorf("%v: the share is wrong", id)
		}
		y := new(big.Int).Sub(p, big.NewInt(2))
		secret, err := private.Decapsulate(y.Bytes())
		want.Exp(y, x, p)
		if err != nil || !bytes.Equal(secret, want.FillBytes(make([]byte, f.size))) {
			t.Errorf("%v: the shared secret is wrong: %v", id, err)
		}
	}
}

// TestPadding: a secret that is a small number is as long as the prime, with zeros at the
// left. RFC 9846, Section 7.4.1. With x = 1 the secret is the peer's share.
func TestPadding(t *testing.T) {
	for id, f := range ffdheGroups {
		m, err := f.modulus()
		if err != nil {
			t.Fatal(err)
		}
		share := make([]byte, f.size)
		share[f.size-1] = 5
		secret, err := (&ffdhePrivate{m, []byte{1}}).Decapsulate(share)
		if err != nil || !bytes.Equal(secret, share) {
			t.Errorf("%v: %x, %v", id, secret, err)
		}
	}
}

// TestHostileFiniteField has the shares that RFC 9846, Section 4.2.8.1, forbids in both
// roles. One is refused before anything is calculated, so no random bytes are taken.
func TestHostileFiniteField(t *testing.T) {
	for id, f := range ffdheGroups {
		prime, err := f.prime()
		if err != nil {
			t.Fatal(err)
		}
		p := new(big.Int).SetBytes(prime)
		private, _, err := f.generate(rand.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*f.size)), big.NewInt(1))
		for name, y := range map[string]*big.Int{
			"0": new(big.Int), "1": big.NewInt(1), "p-1": new(big.Int).Sub(p, big.NewInt(1)),
			"p": p, "p+1": new(big.Int).Add(p, big.NewInt(1)),
			"p+2": new(big.Int).Add(p, big.NewInt(2)), "ones": all,
		} {
			share := y.FillBytes(make([]byte, f.size))
			random := bytes.NewReader(make([]byte, f.size))
			if _, _, err := GroupByID(id).Encapsulate(random, share); !errors.Is(err, errShare) ||
				random.Len() < f.size {
				t.Errorf("%v: a client's share of %s: %v", id, name, err)
			}
			if _, err := GroupByID(id).Decapsulate(private, share); !errors.Is(err, errShare) {
				t.Errorf("%v: a server's share of %s: %v", id, name, err)
			}
		}
	}
}

// TestRefusesNoRandomness: a source that ends is an error, and no key of zeros.
func TestRefusesNoRandomness(t *testing.T) {
	for i := range groups {
		g := &groups[i]
		switch g.exchange.(type) {
		case ffdhe, montgomery:
		default:
			continue
		}
		if _, _, err := g.Generate(bytes.NewReader(make([]byte, 31))); err == nil {
			t.Errorf("%v: a key without randomness", g.ID)
		}
		_, share, err := g.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.Encapsulate(bytes.NewReader(nil), share); err == nil {
			t.Errorf("%v: an answer without randomness", g.ID)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestX448 has the keys of RFC 7748, Section 6.2.
func TestX448(t *testing.T) {
	a := unhex(t, "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d"+
		"d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b")
	b := unhex(t, "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d"+
		"6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d")
	publicA := unhex(t, "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c"+
		"22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0")
	publicB := unhex(t, "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430"+
		"27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609")
	want := unhex(t, "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b"+
		"b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d")
	g := GroupByID(iana.X448)
	private, share, err := g.Generate(bytes.NewReader(a))
	if err != nil || !bytes.Equal(share, publicA) {
		t.Fatalf("A's share is %x, %v", share, err)
	}
	ours, secret, err := g.Encapsulate(bytes.NewReader(b), share)
	if err != nil || !bytes.Equal(ours, publicB) || !bytes.Equal(secret, want) {
		t.Errorf("B's share is %x, the secret %x, %v", ours, secret, err)
	}
	if secret, err = g.Decapsulate(private, publicB); err != nil || !bytes.Equal(secret, want) {
		t.Errorf("A's secret is %x, %v", secret, err)
	}
}

// TestHostileX448 has the points of low order, also as numbers that are not reduced: 0, 1,
// p-1, p and p+1, where p = 2^448 - 2^224 - 1. Their product with any key is zero. RFC
// 9846, Section 7.4.2.
func TestHostileX448(t *testing.T) {
	g, one := GroupByID(iana.X448), big.NewInt(1)
	p := new(big.Int).Lsh(one, 448)
	p.Sub(p, new(big.Int).Lsh(one, 224)).Sub(p, one)
	private, _, err := g.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]*big.Int{
		"0": new(big.Int), "1": one, "p-1": new(big.Int).Sub(p, one), "p": p,
		"p+1": new(big.Int).Add(p, one),
	} {
		share := u.FillBytes(make([]byte, 56))
		for i := range 28 {
			share[i], share[55-i] = share[55-i], share[i]
		}
		if _, _, err := g.Encapsulate(rand.Reader, share); !errors.Is(err, errShare) {
			t.Errorf("a client's share of %s: %v", name, err)
		}
		if _, err := g.Decapsulate(private, share); !errors.Is(err, errShare) {
			t.Errorf("a server's share of %s: %v", name, err)
		}
	}
}

// TestOptIn: the groups that cost more than they give are no defaults.
func TestOptIn(t *testing.T) {
	optIn := []iana.NamedGroup{
		iana.MLKEM768, iana.MLKEM1024, iana.X448, iana.FFDHE2048, iana.FFDHE3072,
		iana.FFDHE4096, iana.FFDHE6144, iana.FFDHE8192,
	}
	if got := len(DefaultGroups()) + len(optIn); got != len(groups) {
		t.Errorf("%d groups of %d", got, len(groups))
	}
	for _, id := range optIn {
		for _, d := range DefaultGroups() {
			if d == id {
				t.Errorf("%v is a default", id)
			}
		}
	}
}

// TestKinds: TLS 1.2 has no suites for finite fields and ML-KEM.
func TestKinds(t *testing.T) {
	for i := range groups {
		id := groups[i].ID
		_, alone := groups[i].exchange.(kem.Scheme)
		_, pair := groups[i].exchange.(hybrid)
		_, finite := groups[i].exchange.(ffdhe)
		if Classical(id) == (alone || pair) || ECDHE(id) == (alone || pair || finite) {
			t.Errorf("%v: classical %v, ECDHE %v", id, Classical(id), ECDHE(id))
		}
	}
}

// BenchmarkExchange measures what Cost reports: the work of a server.
func BenchmarkExchange(b *testing.B) {
	for i := range groups {
		g := &groups[i]
		_, share, err := g.Generate(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(g.ID.String(), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := g.Encapsulate(rand.Reader, share); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
