package suites

import (
	"bytes"
	"crypto/mlkem"
	"crypto/rand"
	"testing"

	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"

	"github.com/sealsock/sealsock/iana"
)

// TestEncapsulation compares encapsulation with circl's for the same randomness, and the
// secret with that of the standard library.
func TestEncapsulation(t *testing.T) {
	type decapsulator interface{ Decapsulate([]byte) ([]byte, error) }
	for _, c := range []struct {
		id     iana.NamedGroup
		scheme kem.Scheme
		key    func(seed []byte) (decapsulator, []byte, error)
	}{
		{iana.MLKEM768, mlkem768.Scheme(), func(seed []byte) (decapsulator, []byte, error) {
			k, err := mlkem.NewDecapsulationKey768(seed)
			return k, k.EncapsulationKey().Bytes(), err
		}},
		{iana.MLKEM1024, mlkem1024.Scheme(), func(seed []byte) (decapsulator, []byte, error) {
			k, err := mlkem.NewDecapsulationKey1024(seed)
			return k, k.EncapsulationKey().Bytes(), err
		}},
	} {
		for range 10 {
			random := make([]byte, 64+32)
			rand.Read(random)
			seed, message := random[:64], random[64:]
			standard, share, err := c.key(seed)
			if err != nil {
				t.Fatal(err)
			}
			group := GroupByID(c.id)
			_, ours, err := group.Generate(bytes.NewReader(seed))
			if err != nil || !bytes.Equal(ours, share) {
				t.Fatalf("%v: the key is not that of the standard library: %v", c.id, err)
			}
			public, err := c.scheme.UnmarshalBinaryPublicKey(share)
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := c.scheme.EncapsulateDeterministically(public, message)
			if err != nil {
				t.Fatal(err)
			}
			got, secret, err := group.Encapsulate(bytes.NewReader(message), share)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%v: the ciphertext is not that of circl: %v", c.id, err)
			}
			same, err := standard.Decapsulate(got)
			if err != nil || !bytes.Equal(secret, same) {
				t.Errorf("%v: the standard library derives another secret: %v", c.id, err)
			}
			if _, _, err := group.Encapsulate(bytes.NewReader(nil), share); err == nil {
				t.Errorf("%v: no randomness, and no error", c.id)
			}
		}
	}
}

// TestEncapsulationLeavesNothing: no secret is in the memory that the next encapsulation uses,
// also after a failure.
func TestEncapsulationLeavesNothing(t *testing.T) {
	exchange := mlkem768Exchange
	exchange.rooms = new(kemRooms768)
	group := &Group{iana.MLKEM768, 1184, 1088, exchange}
	_, share, err := group.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{32, 31} { // 31 bytes of randomness are too few
		random := bytes.NewReader(bytes.Repeat([]byte{1}, size))
		if _, _, err := group.Encapsulate(random, share); (err == nil) != (size == 32) {
			t.Fatal(err)
		}
		room := exchange.rooms.Get()
		if room.seed != [64]byte{} || room.out != [64]byte{} {
			t.Errorf("after %d random bytes a secret is left: %x, %x", size, room.seed, room.out)
		}
		exchange.rooms.Put(room)
	}
}
