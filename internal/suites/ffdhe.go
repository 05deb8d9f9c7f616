package suites

import (
	"encoding/hex"
	"io"

	"filippo.io/bigmod"

	"github.com/sealsock/sealsock/iana"
)

// ffdhe is Diffie-Hellman in the multiplicative group modulo a safe prime, with the
// generator 2. RFC 7919, Appendix A.
type ffdhe struct {
	size   int    // of the prime, a share and the shared secret, in bytes
	x      uint32 // the X of the prime's formula
	secret int    // the size of a secret exponent in bytes
}

// The smallest secret exponents that RFC 7919, Appendix A, names have 225, 275, 325, 375
// and 400 bits. These have the next multiple of 64 bits. The cost of an exchange grows
// with the exponent, and a longer one adds no security. RFC 7919, Section 5.2.
var (
	ffdhe2048 = ffdhe{2048 / 8, 560316, 32}
	ffdhe3072 = ffdhe{3072 / 8, 2625351, 40}
	ffdhe4096 = ffdhe{4096 / 8, 5736041, 48}
	ffdhe6144 = ffdhe{6144 / 8, 15705020, 48}
	ffdhe8192 = ffdhe{8192 / 8, 10965728, 56}
)

// prime returns p = 2^b - 2^(b-64) + ([2^(b-130) e] + X) 2^64 - 1, where b is the number of
// bits. That is 64 ones, b-128 bits of e plus X-1, and 64 ones. RFC 7919, Appendix A.
func (f ffdhe) prime() ([]byte, error) {
	p := make([]byte, f.size)
	middle := p[8 : f.size-8]
	if _, err := hex.Decode(middle, []byte(digitsOfE[:2*len(middle)])); err != nil {
		return nil, err
	}
	carry := f.x - 1
	for i := len(middle) - 1; carry > 0; i-- {
		carry += uint32(middle[i])
		middle[i], carry = byte(carry), carry>>8
	}
	for i := range 8 {
		p[i], p[f.size-1-i] = 0xff, 0xff
	}
	return p, nil
}

// modulus prepares the prime for calculations, which takes a few percent of the time of an
// exchange.
func (f ffdhe) modulus() (*bigmod.Modulus, error) {
	p, err := f.prime()
	if err != nil {
		return nil, err
	}
	return bigmod.NewModulus(p)
}

// ffdhePrivate is a secret exponent. Package bigmod calculates with it in a time that
// depends on its size alone.
type ffdhePrivate struct {
	m      *bigmod.Modulus
	secret []byte
}

// generate takes a secret exponent with the highest bit set, so that it has exactly the
// size that was chosen. RFC 7919, Section 5.2.
func (f ffdhe) generate(rand io.Reader, dst []byte) (Private, []byte, error) {
	m, err := f.modulus()
	if err != nil {
		return nil, nil, err
	}
	p, ours, err := f.generateFor(m, rand)
	if err != nil {
		return nil, nil, err
	}
	return p, append(dst, ours...), nil
}

func (f ffdhe) generateFor(m *bigmod.Modulus, rand io.Reader) (*ffdhePrivate, []byte, error) {
	secret := make([]byte, f.secret)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return nil, nil, err
	}
	secret[0] |= 0x80
	two, err := bigmod.NewNat().SetBytes([]byte{2}, m)
	if err != nil {
		return nil, nil, err
	}
	p := &ffdhePrivate{m, secret}
	return p, p.power(two), nil
}

// encapsulate checks the client's share before it calculates anything.
func (f ffdhe) encapsulate(rand io.Reader, share []byte, dst answer) (answer, error) {
	m, err := f.modulus()
	if err != nil {
		return answer{}, err
	}
	peer, err := ffdheShare(m, share)
	if err != nil {
		return answer{}, err
	}
	p, ours, err := f.generateFor(m, rand)
	if err != nil {
		return answer{}, err
	}
	return answer{append(dst.share, ours...), append(dst.secret, p.power(peer)...)}, nil
}

func (p *ffdhePrivate) Decapsulate(share []byte) ([]byte, error) {
	peer, err := ffdheShare(p.m, share)
	if err != nil {
		return nil, err
	}
	return p.power(peer), nil
}

// power raises base to the secret exponent. A share and the shared secret are as long as
// the prime, "padded with zeros up to the size of the prime" at the left. RFC 9846,
// Sections 4.2.8.1 and 7.4.1.
func (p *ffdhePrivate) power(base *bigmod.Nat) []byte {
	return bigmod.NewNat().Exp(base, p.secret, p.m).Bytes(p.m)
}

// ffdheShare parses the peer's share y. RFC 9846, Section 4.2.8.1: "Peers MUST validate each
// other's public key Y by ensuring that 1 < Y < p-1." The prime is a safe one, so each such
// y has an order of at least (p-1)/2.
func ffdheShare(m *bigmod.Modulus, share []byte) (*bigmod.Nat, error) {
	y, err := bigmod.NewNat().SetBytes(share, m)
	if err != nil || y.IsZero()|y.IsOne()|y.IsMinusOne(m) == 1 {
		return nil, errShare
	}
	return y, nil
}

// isFFDHE reports whether the group is one of RFC 7919.
func isFFDHE(id iana.NamedGroup) bool {
	return id >= iana.FFDHE2048 && id <= iana.FFDHE8192
}

// digitsOfE is e times 2^8062 without its fraction, in hexadecimal. The primes contain its
// first digits. TestPrimes computes it.
const digitsOfE = "" +
	"adf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695a9e13641146433fbcc939dce249b3ef97d2f" +
	"e363630c75d8f681b202aec4617ad3df1ed5d5fd65612433f51f5f066ed0856365553ded1af3b557135e" +
	"7f57c935984f0c70e0e68b77e2a689daf3efe8721df158a136ade73530acca4f483a797abc0ab182b324" +
	"fb61d108a94bb2c8e3fbb96adab760d7f4681d4f42a3de394df4ae56ede76372bb190b07a7c8ee0a6d70" +
	"9e02fce1cdf7e2ecc03404cd28342f619172fe9ce98583ff8e4f1232eef28183c3fe3b1b4c6fad733bb5" +
	"fcbc2ec22005c58ef1837d1683b2c6f34a26c1b2effa886b4238611fcfdcde355b3b6519035bbc34f4de" +
	"f99c023861b46fc9d6e6c9077ad91d2691f7f7ee598cb0fac186d91caefe130985139270b4130c93bc43" +
	"7944f4fd4452e2d74dd364f2e21e71f54bff5cae82ab9c9df69ee86d2bc522363a0dabc521979b0deada" +
	"1dbf9a42d5c4484e0abcd06bfa53ddef3c1b20ee3fd59d7c25e41d2b669e1ef16e6f52c3164df4fb7930" +
	"e9e4e58857b6ac7d5f42d69f6d187763cf1d5503400487f55ba57e31cc7a7135c886efb4318aed6a1e01" +
	"2d9e6832a907600a918130c46dc778f971ad0038092999a333cb8b7a1a1db93d7140003c2a4ecea9f98d" +
	"0acc0a8291cdcec97dcf8ec9b55a7f88a46b4db5a851f44182e1c68a007e5e0dd9020bfd64b645036c7a" +
	"4e677d2c38532a3a23ba4442caf53ea63bb454329b7624c8917bdd64b1c0fd4cb38e8c334c701c3acdad" +
	"0657fccfec719b1f5c3e4e46041f388147fb4cfdb477a52471f7a9a96910b855322edb6340d8a00ef092" +
	"350511e30abec1fff9e3a26e7fb29f8c183023c3587e38da0077d9b4763e4e4b94b2bbc194c6651e77ca" +
	"f992eeaac0232a281bf6b3a739c1226116820ae8db5847a67cbef9c9091b462d538cd72b03746ae77f5e" +
	"62292c311562a846505dc82db854338ae49f5235c95b91178ccf2dd5cacef403ec9d1810c6272b045b3b" +
	"71f9dc6b80d63fdd4a8e9adb1e6962a69526d43161c1a41d570d7938dad4a40e329ccff46aaa36ad004c" +
	"f600c8381e425a31d951ae64fdb23fcec9509d43687feb69edd1cc5e0b8cc3bdf64b10ef86b63142a3ab" +
	"8829555b2f747c932665cb2c0f1cc01bd70229388839d2af05e454504ac78b7582822846c0ba35c35f5c" +
	"59160cc046fd8251541fc68c9c86b022bb7099876a460e7451a8a93109703fee1c217e6c3826e52c51aa" +
	"691e0e423cfc99e9e31650c1217b624816cdad9a95f9d5b8019488d9c0a0a1fe3075a577e23183f81d4a" +
	"3f2fa4571efc8ce0ba8a4fe8b6855dfe72b0a66eded2fbabfbe58a30fafabe1c5d71a87e2f741ef8c1fe" +
	"86fea6bbfde530677f0d97d11d49f7a8443d0822e506a9f4614e011e2a94838ff88cd68c8bb7c51eef6d"
