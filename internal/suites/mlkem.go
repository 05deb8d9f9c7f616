package suites

import (
	"crypto/sha3"
	"io"

	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/cloudflare/circl/pke/kyber/kyber1024"
	"github.com/cloudflare/circl/pke/kyber/kyber768"

	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/simd"
)

// kemExchange is ML-KEM (FIPS 203). Key generation and decapsulation are circl's.
// Encapsulation is ours, on top of circl's encryption K-PKE: a parsed key takes more than 6 KB,
// and circl allocates one for each. The vector code of circl leaves the registers in use, which
// would slow down the hashing of the handshake.
type kemExchange[T any, P encryptionKey[T]] struct {
	kem.Scheme
	rooms *reuse.Pool[kemRoom[T]]
}

// An encryptionKey is the public key of K-PKE. UnpackMLKEM checks that it is reduced, as
// FIPS 203, Section 7.2, and draft-ietf-tls-ecdhe-mlkem, Section 4.2, demand.
type encryptionKey[T any] interface {
	*T
	UnpackMLKEM(share []byte) error
	EncryptTo(ciphertext, message, seed []byte)
}

type (
	kemRooms768  = reuse.Pool[kemRoom[kyber768.PublicKey]]
	kemRooms1024 = reuse.Pool[kemRoom[kyber1024.PublicKey]]
)

var (
	mlkem768Exchange = kemExchange[kyber768.PublicKey, *kyber768.PublicKey]{
		mlkem768.Scheme(), new(kemRooms768),
	}
	mlkem1024Exchange = kemExchange[kyber1024.PublicKey, *kyber1024.PublicKey]{
		mlkem1024.Scheme(), new(kemRooms1024),
	}
)

// A kemRoom is the memory of one encapsulation. It holds secrets until it goes back to its
// pool, which clears it.
type kemRoom[T any] struct {
	key  T
	seed [32 + 32]byte // the message m and the hash of the key
	out  [32 + 32]byte // the secret and the randomness of the encryption
}

type kemPrivate struct {
	scheme kem.Scheme
	key    kem.PrivateKey
}

// A packer is a key that is encoded into memory of the caller.
type packer interface{ Pack([]byte) }

func (k kemExchange[T, P]) generate(rand io.Reader, dst []byte) (Private, []byte, error) {
	seed := make([]byte, k.SeedSize())
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, nil, err
	}
	defer simd.ClearUpper()
	public, key := k.DeriveKeyPair(seed)
	dst, share := extend(dst, k.PublicKeySize())
	public.(packer).Pack(share)
	return kemPrivate{k.Scheme, key}, dst, nil
}

// encapsulate is ML-KEM.Encaps. FIPS 203, Sections 6.2 and 7.2:
//
//	(K, r) = G(m || H(ek))
//	c = K-PKE.Encrypt(ek, m, r)
func (k kemExchange[T, P]) encapsulate(rand io.Reader, share []byte, dst answer) (answer, error) {
	defer simd.ClearUpper()
	room := k.rooms.Get()
	defer k.rooms.Put(room)
	key := P(&room.key)
	if key.UnpackMLKEM(share) != nil {
		return answer{}, errShare
	}
	message := room.seed[:32]
	if _, err := io.ReadFull(rand, message); err != nil {
		return answer{}, err
	}
	hash := sha3.Sum256(share)
	copy(room.seed[32:], hash[:])
	room.out = sha3.Sum512(room.seed[:])
	var ciphertext []byte
	dst.share, ciphertext = extend(dst.share, k.CiphertextSize())
	key.EncryptTo(ciphertext, message, room.out[32:])
	dst.secret = append(dst.secret, room.out[:32]...)
	return dst, nil
}

func (p kemPrivate) Decapsulate(share []byte) ([]byte, error) {
	defer simd.ClearUpper()
	return p.scheme.Decapsulate(p.key, share)
}
