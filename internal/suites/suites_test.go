package suites

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"testing"

	"github.com/cloudflare/circl/kem"

	"github.com/sealsock/sealsock/iana"
)

func Example() {
	group := GroupByID(iana.X25519MLKEM768)
	private, share, _ := group.Generate(rand.Reader)
	answer, secret, _ := group.Encapsulate(rand.Reader, share)
	same, _ := group.Decapsulate(private, answer)
	fmt.Println(len(share), len(answer), bytes.Equal(secret, same))
	// Output: 1216 1120 true
}

func TestGroups(t *testing.T) {
	for i := range groups {
		g, id := &groups[i], groups[i].ID
		private, share, err := g.Generate(rand.Reader)
		if err != nil || len(share) != g.ClientLen {
			t.Fatalf("%v: a share of %d bytes, %v", id, len(share), err)
		}
		answer, secret, err := g.Encapsulate(rand.Reader, share)
		if err != nil || len(answer) != g.ServerLen {
			t.Fatalf("%v: an answer of %d bytes, %v", id, len(answer), err)
		}
		if same, err := g.Decapsulate(private, answer); err != nil || !bytes.Equal(same, secret) {
			t.Errorf("%v: the two sides differ: %v", id, err)
		}
		bad := [][]byte{nil, share[1:], append(share[:len(share):len(share)], 0)}
		if _, alone := g.exchange.(kem.Scheme); !alone { // a key of zeros is one of ML-KEM
			bad = append(bad, make([]byte, len(share)))
		}
		for _, bad := range bad {
			if _, _, err := g.Encapsulate(rand.Reader, bad); err == nil {
				t.Errorf("%v: a share of %d bytes is accepted", id, len(bad))
			}
		}
		for _, bad := range [][]byte{nil, answer[1:], append(answer[:len(answer):len(answer)], 0)} {
			if _, err := g.Decapsulate(private, bad); err == nil {
				t.Errorf("%v: an answer of %d bytes is accepted", id, len(bad))
			}
		}
	}
	if GroupByID(iana.MLKEM512) != nil {
		t.Error("a group without an implementation has a row")
	}
}

// The standard library is the other side.
func TestX25519MLKEM768WithTheStandardLibrary(t *testing.T) {
	g := GroupByID(iana.X25519MLKEM768)
	private, share, err := g.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ek, err := mlkem.NewEncapsulationKey768(share[:1184])
	if err != nil {
		t.Fatal(err)
	}
	secret, answer := ek.Encapsulate()
	theirs, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ecdh.X25519().NewPublicKey(share[1184:])
	if err != nil {
		t.Fatal(err)
	}
	dh, err := theirs.ECDH(ours)
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Decapsulate(private, append(answer, theirs.PublicKey().Bytes()...))
	if err != nil || !bytes.Equal(got, append(secret, dh...)) {
		t.Errorf("the standard library derives another secret: %v", err)
	}
}

func TestHybridsShareTheirHalves(t *testing.T) {
	for hybrid, half := range map[iana.NamedGroup]iana.NamedGroup{
		iana.X25519MLKEM768: iana.X25519, iana.SecP256r1MLKEM768: iana.SecP256r1, iana.SecP384r1MLKEM1024: iana.SecP384r1,
	} {
		g := GroupByID(hybrid)
		private, share, err := g.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p, s, ok := g.Reuse(private, share, half)
		if !ok {
			t.Fatalf("%v has no %v in it", hybrid, half)
		}
		answer, secret, err := GroupByID(half).Encapsulate(rand.Reader, s)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := GroupByID(half).Decapsulate(p, answer); err != nil || !bytes.Equal(same, secret) {
			t.Errorf("%v in %v: %v", half, hybrid, err)
		}
		if _, _, ok := g.Reuse(private, share, iana.SecP521r1); ok {
			t.Errorf("%v has secp521r1 in it", hybrid)
		}
	}
}

func TestHostileShares(t *testing.T) {
	for id, size := range map[iana.NamedGroup]int{iana.X25519: 32, iana.X448: 56} {
		x := GroupByID(id)
		low := make([]byte, size) // a point of low order
		low[0] = 1
		if _, _, err := x.Encapsulate(rand.Reader, low); err == nil {
			t.Errorf("%v: a low-order point of a client is accepted", id)
		}
		private, _, err := x.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := private.Decapsulate(low); err == nil {
			t.Errorf("%v: a low-order point of a server is accepted", id)
		}
	}
	// A key of ML-KEM whose first coefficient is not reduced.
	k := GroupByID(iana.X25519MLKEM768)
	_, share, err := k.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	share[0], share[1] = 0xff, share[1]|0x0f
	if _, _, err := k.Encapsulate(rand.Reader, share); err == nil {
		t.Error("an ML-KEM key that is not reduced is accepted")
	}
	p := GroupByID(iana.SecP256r1)
	_, share, err = p.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	share[40] ^= 1
	if _, _, err := p.Encapsulate(rand.Reader, share); err == nil {
		t.Error("a point off the curve is accepted")
	}
}

func TestSignatures(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []crypto.Signer{rsaKey, ed}
	for _, key := range mldsaKeys(t) {
		keys = append(keys, key)
	}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	message := []byte("what is signed")
	fits := map[iana.Version]int{}
	for _, id := range DefaultSchemes() {
		s := SchemeByID(id)
		for _, key := range keys {
			for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
				if !s.Fits(key.Public(), version) {
					if err := s.Verify(key.Public(), version, message, nil); err == nil {
						t.Errorf("%v verifies with %T", id, key)
					}
					continue
				}
				fits[version]++
				sig, err := s.Sign(rand.Reader, key, message)
				if err != nil {
					t.Fatalf("%v with %T: %v", id, key, err)
				}
				if err := s.Verify(key.Public(), version, message, sig); err != nil {
					t.Errorf("%v with %T: %v", id, key, err)
				}
				sig[len(sig)/2] ^= 1
				if err := s.Verify(key.Public(), version, message, sig); err == nil {
					t.Errorf("%v with %T: a forgery verifies", id, key)
				}
			}
		}
	}
	// Ed25519, three PSS, three PKCS #1; ECDSA one a curve, or in TLS 1.2 each; three ML-DSA
	// in TLS 1.3.
	if fits[iana.TLS13] != 1+3+3+3+3 || fits[iana.TLS12] != 1+3+3+9 {
		t.Errorf("keys fit %v times", fits)
	}
	pss := PSSPublicKey{PublicKey: &rsaKey.PublicKey}
	if SchemeByID(iana.RSAPSSRSAEWithSHA256).Fits(pss, iana.TLS13) || !SchemeByID(iana.RSAPSSPSSWithSHA256).Fits(pss, iana.TLS13) {
		t.Error("a key for PSS alone fits the wrong schemes")
	}
	n := new(big.Int).Lsh(big.NewInt(1), 9000)
	large := &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
	for id, key := range map[iana.SignatureScheme]crypto.PublicKey{
		iana.RSAPSSRSAEWithSHA256: large, iana.RSAPKCS1WithSHA256: large,
		iana.RSAPSSPSSWithSHA256: PSSPublicKey{PublicKey: large},
	} {
		if SchemeByID(id).Fits(key, iana.TLS12) {
			t.Errorf("a key of 9,001 bits fits %v", id)
		}
	}
}

func TestSuites(t *testing.T) {
	optIn := []iana.CipherSuite{iana.TLS_AES_128_CCM_SHA256, iana.TLS_AES_128_CCM_8_SHA256}
	for _, id := range append(Default13(), optIn...) {
		s := TLS13(id)
		tag := 16
		if id == iana.TLS_AES_128_CCM_8_SHA256 {
			tag = 8
		}
		aead, err := s.Cipher(make([]byte, s.KeyLen))
		if err != nil || aead.Overhead() != tag || aead.NonceSize() != IVLen {
			t.Errorf("%v: %v", id, err)
		}
		if _, err := s.Cipher(make([]byte, s.KeyLen+1)); err == nil {
			t.Errorf("%v takes a key that is too long", id)
		}
	}
	if TLS13(0x1306) != nil {
		t.Error("a suite without an implementation has a row")
	}
}
