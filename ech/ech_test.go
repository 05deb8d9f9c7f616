package ech

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/engine"
)

func newKey(t testing.TB, id uint8) *engine.ECHKey {
	t.Helper()
	k, err := engine.NewECHKey(rand.Reader, id, "public.example", 16)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keyOf makes a key of any KEM with an ECHConfig written by hand.
func keyOf(t *testing.T, kem hpke.KEM) *engine.ECHKey {
	t.Helper()
	private, err := kem.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	public := private.PublicKey().Bytes()
	contents := []byte{1, byte(kem.ID() >> 8), byte(kem.ID()), byte(len(public) >> 8), byte(len(public))}
	contents = append(contents, public...)
	contents = append(contents, 0, 4, 0, 1, 0, 1, 0, 7)
	contents = append(contents, "example\x00\x00"...)
	config := append([]byte{0xfe, 0x0d, byte(len(contents) >> 8), byte(len(contents))}, contents...)
	k, err := engine.ParseECHKey(config, raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMarshal(t *testing.T) {
	a, b := newKey(t, 1), newKey(t, 2)
	b.Retired = true
	file, err := Marshal(a, b, keyOf(t, hpke.DHKEM(ecdh.P256())))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Parse(append([]byte("some words first\n"), file...))
	if err != nil || len(keys) != 3 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for i, k := range []*engine.ECHKey{a, b} {
		want, _ := k.PrivateKey()
		got, err := keys[i].PrivateKey()
		if err != nil || !bytes.Equal(got, want) || !bytes.Equal(keys[i].Config(), k.Config()) {
			t.Errorf("key %d changes on its way: %v", i, err)
		}
	}
	if _, err := Marshal(keyOf(t, hpke.MLKEM768())); err == nil {
		t.Error("an ML-KEM key as PKCS#8 of a curve")
	}
}

// example is the file of RFC 9934, Section 3, whose key is public.
const example = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEICjd4yGRdsoP9gU7YT7My8DHx1Tjme8GYDXrOMCi8v1V
-----END PRIVATE KEY-----
-----BEGIN ECHCONFIG-----
AD7+DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEA
AQALZXhhbXBsZS5jb20AAA==
-----END ECHCONFIG-----
`

func TestPublishedFile(t *testing.T) {
	keys, err := Parse([]byte(example))
	if err != nil || len(keys) != 1 || keys[0].PublicName() != "example.com" || keys[0].ID() != 0xe7 {
		t.Fatalf("%v, %v", keys, err)
	}
	again, err := Marshal(keys...)
	if err != nil || strings.ReplaceAll(string(again), "\n", "") != strings.ReplaceAll(example, "\n", "") {
		t.Errorf("written again: %s, %v", again, err)
	}
}

func TestParseConfigs(t *testing.T) {
	list, err := engine.ECHConfigList(newKey(t, 1), newKey(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	file, err := Marshal(newKey(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	_, tail, _ := strings.Cut(string(file), "-----END PRIVATE KEY-----\n")
	block, _ := pem.Decode([]byte(tail))
	for i, form := range []struct{ in, want []byte }{
		{list, list},
		{[]byte(base64.StdEncoding.EncodeToString(list)), list},
		{[]byte(base64.StdEncoding.EncodeToString(list) + "\n"), list},
		{MarshalConfigs(list), list},
		{file, block.Bytes},
	} {
		got, err := ParseConfigs(form.in)
		if err != nil || !bytes.Equal(got, form.want) {
			t.Errorf("form %d: %x, %v", i, got, err)
		}
	}
	for _, bad := range []string{"", "AAAA", "no list", "-----BEGIN X-----\n", string(list[:9]), strings.Split(string(file), "-----BEGIN ECHCONFIG")[0]} {
		if got, err := ParseConfigs([]byte(bad)); err == nil {
			t.Errorf("%q is %x", bad, got)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	one, err := Marshal(newKey(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Marshal(newKey(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.Split(string(one), "-----BEGIN ECHCONFIG")[0]
	config := string(other)[strings.Index(string(other), "-----BEGIN ECHCONFIG"):]
	for _, bad := range []struct{ name, file, says string }{
		{"nothing", "", "not PEM"},
		{"no key", config, "PRIVATE KEY"},
		{"no configuration", key, "matches the private key"},
		{"another's configuration", key + config, "matches the private key"},
		{"a damaged key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + config, "cannot be read"},
		{"a damaged configuration", key + "-----BEGIN ECHCONFIG-----\nAAAA\n-----END ECHCONFIG-----\n", "cannot be read"},
		{"a key that takes long to read", string(pem.EncodeToMemory(&pem.Block{
			Type: keyLabel, Bytes: make([]byte, maxPrivate+1)})) + config, "at most 1024"},
		{"a signing key", string(pem.EncodeToMemory(&pem.Block{Type: keyLabel, Bytes: der})) + config, "X25519"},
	} {
		if keys, err := Parse([]byte(bad.file)); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%s: %v, %v", bad.name, keys, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	if file, err := Marshal(newKey(f, 1), newKey(f, 2)); err == nil {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ParseConfigs(data)
		keys, err := Parse(data)
		if err != nil {
			return
		}
		file, err := Marshal(keys...)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(file); err != nil || len(again) < len(keys) {
			t.Errorf("%d keys become %d: %v", len(keys), len(again), err)
		}
	})
}

func Example() {
	key, err := engine.NewECHKey(rand.Reader, 7, "public.example", 32)
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := Marshal(key) // for the server, with mode 0600
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := Parse(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := engine.ECHConfigList(keys...) // for the DNS, and Config.ECHConfigs
	if err != nil {
		fmt.Println(err)
		return
	}
	configs, err := engine.ParseECHConfigs(list)
	fmt.Println(configs[0].ID, configs[0].PublicName, err)
	// Output: 7 public.example <nil>
}
