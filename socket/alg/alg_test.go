package alg_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/alg"
)

func TestAddr(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Addresses)
	a := alg.Addr{Type: "hash", Name: "sha256", Features: 1, Mask: 2}
	raw, err := a.AppendSockaddr(nil)
	if err != nil || len(raw) != 88 {
		t.Fatalf("% x, %v", raw, err)
	}
	if b, err := alg.Family.Decode(raw); b != a || err != nil {
		t.Errorf("%v came back as %v, %v", a, b, err)
	}
	if b, err := alg.Family.Decode(raw[:87]); err == nil {
		t.Errorf("87 bytes are %v", b)
	}
	for _, a := range []alg.Addr{{Type: "a type of many letters"}, {Name: strings.Repeat("x", 64)}} {
		if _, err := a.AppendSockaddr(nil); err == nil {
			t.Errorf("%v has a struct sockaddr", a)
		}
	}
}

func TestHash(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Trip)
	h, err := alg.NewHash("sha256", nil)
	sockettest.Need(t, err)
	defer h.Close()
	data := bytes.Repeat([]byte("abc"), 100_000)
	for i, part := range [][]byte{data[:1], data[1:5000], data[5000:]} {
		if _, err := h.Write(part); err != nil {
			t.Fatal(err)
		}
		want := sha256.Sum256(data[:[]int{1, 5000, len(data)}[i]])
		if got, err := h.Sum([]byte("x")); err != nil || !bytes.Equal(got, append([]byte("x"), want[:]...)) {
			t.Errorf("part %d: %x, %v, want %x", i, got, err, want)
		}
	}
	key := []byte("the key")
	k, err := alg.NewHash("hmac(sha256)", key)
	sockettest.Need(t, err)
	defer k.Close()
	if _, err := k.Write(data); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	if got, err := k.Sum(nil); err != nil || !bytes.Equal(got, mac.Sum(nil)) {
		t.Errorf("HMAC: %x, %v", got, err)
	}
}

func TestHashFile(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Trip)
	h, err := alg.NewHash("sha256", nil)
	sockettest.Need(t, err)
	defer h.Close()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<15)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := h.ReadFile(sockettest.Context(t), f); n != int64(len(data)) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if _, err := h.Write([]byte("and more")); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(append(data, "and more"...))
	if got, err := h.Sum(nil); err != nil || !bytes.Equal(got, want[:]) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
}

func TestCipher(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Trip)
	key, iv := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 16, 4096, 100_000 &^ 15} {
		plain := bytes.Repeat([]byte{7}, size)
		for name, encrypt := range map[string]func(dst, src []byte){
			"cbc(aes)": func(dst, src []byte) { cipher.NewCBCEncrypter(block, iv).CryptBlocks(dst, src) },
			"ctr(aes)": func(dst, src []byte) { cipher.NewCTR(block, iv).XORKeyStream(dst, src) },
		} {
			c, err := alg.NewCipher(name, key)
			sockettest.Need(t, err)
			want, got := make([]byte, size), make([]byte, size)
			encrypt(want, plain)
			for range 2 { // the state of the first must not be in the second
				if err := c.Encrypt(got, plain, iv); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s of %d bytes: %v", name, size, err)
				}
			}
			if err := c.Decrypt(got, got, iv); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s back of %d bytes: %v", name, size, err)
			}
			if err := c.Encrypt(got, make([]byte, size+1), iv); err == nil {
				t.Error("two lengths")
			}
			_ = c.Close()
		}
	}
}

func TestAEAD(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Trip)
	key := bytes.Repeat([]byte{1}, 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	poly, err := chacha20poly1305.New(key)
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{2}, 12)
	for name, ours := range map[string]cipher.AEAD{"gcm(aes)": gcm, "rfc7539(chacha20,poly1305)": poly} {
		a, err := alg.NewAEAD(name, key, 16)
		sockettest.Need(t, err)
		defer a.Close()
		for _, size := range []int{0, 1, 100, 50_000} {
			for _, additional := range [][]byte{nil, []byte("additional")} {
				plain := bytes.Repeat([]byte{9}, size)
				sealed, err := a.Seal([]byte("front"), nonce, plain, additional)
				if want := ours.Seal([]byte("front"), nonce, plain, additional); err != nil || !bytes.Equal(sealed, want) {
					t.Fatalf("%s of %d and %d bytes: %v", name, size, len(additional), err)
				}
				if got, err := a.Open(nil, nonce, sealed[5:], additional); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("%s open of %d and %d bytes: %v", name, size, len(additional), err)
				}
				sealed[len(sealed)-1] ^= 1
				if _, err := a.Open(nil, nonce, sealed[5:], additional); !errors.Is(err, alg.ErrAuthentication) {
					t.Errorf("%s of %d bytes, forged: %v", name, size, err)
				}
			}
		}
		if _, err := a.Open(nil, nonce, make([]byte, a.Overhead()-1), nil); !errors.Is(err, alg.ErrAuthentication) {
			t.Errorf("a message shorter than its tag: %v", err)
		}
		if _, err := a.Seal(nil, nonce, make([]byte, 1<<20), nil); err == nil {
			t.Error("a message of a megabyte")
		}
	}
}

func TestRNG(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Trip)
	r, err := alg.NewRNG("stdrng", nil)
	sockettest.Need(t, err)
	defer r.Close()
	a, b := make([]byte, 1000), make([]byte, 1000)
	for _, p := range [][]byte{a, b} {
		if _, err := io.ReadFull(r, p); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(a, b) || bytes.Equal(a, make([]byte, len(a))) {
		t.Errorf("%x is not random", a[:32])
	}
}

func TestErrors(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.BadInput)
	h, err := alg.NewHash("sha256", nil)
	sockettest.Need(t, err)
	_ = h.Close()
	if _, err := h.Write([]byte("x")); err == nil {
		t.Error("a closed hash was written to")
	}
	if _, err := alg.NewHash("no-such-hash", nil); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "no-such-hash") {
		t.Errorf("an unknown hash: %v", err)
	}
	if _, err := alg.NewCipher("cbc(aes)", []byte("short")); err == nil || strings.Contains(err.Error(), hex.EncodeToString([]byte("short"))) {
		t.Errorf("a short key: %v", err)
	}
	if _, err := alg.NewAEAD("gcm(aes)", make([]byte, 16), 99); err == nil {
		t.Error("tags of 99 bytes")
	}
	if _, err := alg.NewAEAD("no-such-aead", nil, 16); err == nil {
		t.Error("an unknown AEAD")
	}
	if _, err := alg.NewRNG("no-such-rng", nil); err == nil {
		t.Error("an unknown generator")
	}
}

// TestPython has Python's socket encrypt, with the same kernel behind both.
func TestPython(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Opinion)
	a, err := alg.NewAEAD("gcm(aes)", make([]byte, 16), 16)
	sockettest.Need(t, err)
	defer a.Close()
	p := sockettest.Python(t, `
socket.setdefaulttimeout(None)  # the kernel cannot tell when an accept is ready
with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as s:
    s.bind(('aead', 'gcm(aes)'))
    s.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, bytes(16))
    s.setsockopt(socket.SOL_ALG, socket.ALG_SET_AEAD_AUTHSIZE, None, 16)
    op, _ = s.accept()
    with op:
        op.sendmsg_afalg([b'aad', b'from Python'], op=socket.ALG_OP_ENCRYPT, iv=bytes(12), assoclen=3)
        say(op.recv(3 + 11 + 16)[3:].hex())
`)
	sealed, err := hex.DecodeString(p.Line())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Open(nil, make([]byte, 12), sealed, []byte("aad")); err != nil || string(got) != "from Python" {
		t.Errorf("%q, %v", got, err)
	}
	p.Wait()
}

func TestOperationByHand(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.Ancillary, sockettest.Options)
	s, err := alg.Open(alg.Addr{Type: "skcipher", Name: "ecb(aes)"}, make([]byte, 16))
	sockettest.Need(t, err)
	defer s.Close()
	ctx := sockettest.Context(t)
	op, err := s.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	control, err := socket.AppendAncillary(nil, alg.Operation{Op: alg.EncryptOp}.Ancillary()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.SendMsg(ctx, &socket.Message{Buffers: [][]byte{make([]byte, 16)}, Control: control}, 0); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	if _, err := op.Recv(ctx, got, 0); err != nil || hex.EncodeToString(got) != "66e94bd4ef8a2c3b884cfa59ca342b2e" {
		t.Errorf("AES of zeros under zeros is %x, %v", got, err)
	}
}

func Example() {
	h, err := alg.NewHash("sha256", nil)
	if err != nil {
		return // not in this kernel
	}
	defer h.Close()
	if _, err := io.WriteString(h, "abc"); err != nil {
		fmt.Println(err)
	}
	sum, err := h.Sum(nil)
	fmt.Printf("%x %v\n", sum, err)
}
