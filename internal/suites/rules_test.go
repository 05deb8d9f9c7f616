package suites

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// A PSS signature has a salt as long as the digest, and no other. RFC 9846, Section
// 4.2.3.
func TestSaltLength(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	sum := sha256.Sum256(message)
	const longest = 2048/8 - sha256.Size - 2
	for salt, good := range map[int]bool{20: false, 31: false, 32: true, 64: false, longest: false} {
		options := &rsa.PSSOptions{SaltLength: salt}
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], options)
		if err != nil {
			t.Fatal(err)
		}
		err = SchemeByID(iana.RSAPSSRSAEWithSHA256).Verify(&key.PublicKey, iana.TLS13, message, signature)
		if (err == nil) != good {
			t.Errorf("a salt of %d bytes: %v", salt, err)
		}
	}
}

// A share of another length than its group's is refused. RFC 9846, Section 4.2.8.2.
func TestShareLengths(t *testing.T) {
	for i := range groups {
		g := &groups[i]
		private, client, err := g.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		server, _, err := g.Encapsulate(rand.Reader, client)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, -1, 1} {
			refuses := func(what string, f func(share []byte) error, share []byte) {
				defer func() {
					if p := recover(); p != nil {
						t.Errorf("%v: a %s share of %+d bytes: panic: %v", g.ID, what, n, p)
					}
				}()
				share = append(bytes.Clone(share), 0)[:len(share)+n]
				if err := f(share); (err == nil) != (n == 0) {
					t.Errorf("%v: a %s share of %+d bytes: %v", g.ID, what, n, err)
				}
			}
			refuses("client's", func(share []byte) error {
				_, _, err := g.Encapsulate(rand.Reader, share)
				return err
			}, client)
			refuses("server's", func(share []byte) error {
				_, err := g.Decapsulate(private, share)
				return err
			}, server)
		}
	}
}

// What each implementation must have is there and on by default. RFC 9846, Section 9.1.
func TestMandatory(t *testing.T) {
	id := iana.TLS_AES_128_GCM_SHA256
	if !slices.Contains(Default13(), id) || TLS13(id) == nil {
		t.Error("no TLS_AES_128_GCM_SHA256")
	}
	if !slices.Contains(DefaultGroups(), iana.SecP256r1) {
		t.Error("no secp256r1")
	}
	for _, id := range []iana.SignatureScheme{
		iana.RSAPKCS1WithSHA256, iana.RSAPSSRSAEWithSHA256, iana.ECDSAWithP256AndSHA256,
	} {
		if !slices.Contains(DefaultSchemes(), id) {
			t.Errorf("no %v", id)
		}
	}
}

// No key of AES-GCM protects more than 2^24.5 records. RFC 9846, Section 5.5.
func TestRecordLimits(t *testing.T) {
	const most = 23_726_566 // 2^24.5
	for _, id := range []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384} {
		if got := TLS13(id).RecordLimit; got > most || got == 0 {
			t.Errorf("%v: %d records", id, got)
		}
	}
}

// TestForgeries: each suite of CCM has the smaller limit, and no other has.
func TestForgeries(t *testing.T) {
	ids := []iana.CipherSuite{}
	for i := range tls13 {
		ids = append(ids, tls13[i].ID)
	}
	for i := range tls12 {
		ids = append(ids, tls12[i].ID)
	}
	for _, id := range ids {
		want := uint64(1 << 36)
		if strings.Contains(id.String(), "CCM") {
			want = 1 << 23
		}
		if got := Forgeries(id); got != want {
			t.Errorf("%v: %d, want %d", id, got, want)
		}
	}
}
