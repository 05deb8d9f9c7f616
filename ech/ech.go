// Package ech reads and writes the files of Encrypted ClientHello (RFC 9849):
// a server's keys and the configurations that tell clients about them.
//
// A server makes a key with [engine.NewECHKey], keeps what [Marshal] writes, and
// publishes what [engine.ECHConfigList] returns, in base64 as the "ech" parameter
// of its HTTPS record in the DNS:
//
//	example.com. HTTPS 1 . ech="AEX+DQBB…"
//
// A client takes that parameter, or a file, through [ParseConfigs]. To change
// keys, put the new one first, keep the old one and mark it Retired, publish the
// new configuration, and drop the old key once nobody can have it in a cache.
package ech

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/sealsock/sealsock/engine"
)

// The labels of the two parts of a key file. RFC 9934, Section 3.
const (
	keyLabel    = "PRIVATE KEY"
	configLabel = "ECHCONFIG"
)

// Marshal writes keys as PEM, each private key (PKCS#8) with its configuration
// behind it. RFC 9934. The result is secret. A key whose KEM is not one of
// elliptic curves has no such form.
func Marshal(keys ...*engine.ECHKey) ([]byte, error) {
	var out []byte
	for _, k := range keys {
		private, err := curveKey(k)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			return nil, fmt.Errorf("ech: the private key cannot be written: %w", err)
		}
		only := *k
		only.Retired = false // the file keeps its configuration all the same
		list, err := engine.ECHConfigList(&only)
		if err != nil {
			return nil, err
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: keyLabel, Bytes: der})...)
		out = append(out, MarshalConfigs(list)...)
	}
	return out, nil
}

// Parse reads what Marshal wrote, and the files of other programs that keep to
// RFC 9934: any number of private keys and ECHConfigLists. Each private key must
// be that of a configuration; configurations without one are passed over. It
// does not keep data.
func Parse(data []byte) ([]*engine.ECHKey, error) {
	var private []*ecdh.PrivateKey
	var configs []engine.ECHConfig
	err := eachBlock(data, func(b *pem.Block) error {
		switch b.Type {
		case keyLabel:
			key, err := parsePrivate(b.Bytes)
			private = append(private, key)
			return err
		case configLabel:
			list, err := engine.ParseECHConfigs(b.Bytes)
			configs = append(configs, list...)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(private) == 0 {
		return nil, fmt.Errorf("ech: there is no %q in this file: it cannot serve as a server's key", keyLabel)
	}
	var keys []*engine.ECHKey
	for i, p := range private {
		if slices.ContainsFunc(private[:i], func(q *ecdh.PrivateKey) bool { return p.Equal(q) }) {
			continue
		}
		found := len(keys)
		for _, c := range configs {
			if !bytes.Equal(c.PublicKey, p.PublicKey().Bytes()) {
				continue
			}
			k, err := engine.ParseECHKey(c.Raw, p.Bytes())
			if err != nil {
				return nil, err
			}
			keys = append(keys, k)
		}
		if len(keys) == found {
			return nil, fmt.Errorf("ech: no %s in this file belongs to its private key", configLabel)
		}
	}
	return keys, nil
}

// MarshalConfigs writes an ECHConfigList as PEM, for clients. It is public.
func MarshalConfigs(list []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: configLabel, Bytes: list})
}

// ParseConfigs reads an ECHConfigList in any of its forms: PEM, of which a
// private key beside it is ignored; base64, as in the DNS; or the bytes
// themselves. The result is fit for Config.ECHConfigs. It does not keep data.
func ParseConfigs(data []byte) ([]byte, error) {
	list := bytes.Clone(data)
	if text := bytes.TrimSpace(data); bytes.Contains(text, []byte("-----BEGIN")) {
		list = nil
		err := eachBlock(text, func(b *pem.Block) error {
			if b.Type == configLabel && list == nil {
				list = b.Bytes
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if list == nil {
			return nil, fmt.Errorf("ech: there is no %q in this file", configLabel)
		}
	} else if decoded, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
		list = decoded
	}
	if _, err := engine.ParseECHConfigs(list); err != nil {
		return nil, err
	}
	return list, nil
}

// eachBlock calls do for each PEM block, and says if there is none.
func eachBlock(data []byte, do func(*pem.Block) error) error {
	block, rest := pem.Decode(data)
	if block == nil {
		return errors.New("ech: this is not PEM")
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		if err := do(block); err != nil {
			return err
		}
	}
	return nil
}

// curves maps the KEMs that are elliptic curves. RFC 9180, Section 7.1.
var curves = map[int]ecdh.Curve{32: ecdh.X25519(), 65: ecdh.P256(), 97: ecdh.P384(), 133: ecdh.P521()}

// curveKey returns the private key as one of an elliptic curve, which it tells
// by the length of the public key.
func curveKey(k *engine.ECHKey) (*ecdh.PrivateKey, error) {
	raw, err := k.PrivateKey()
	if err != nil {
		return nil, err
	}
	curve := curves[len(k.PublicKey())]
	if curve == nil {
		return nil, errors.New("ech: a key that is not of an elliptic curve has no form as a file")
	}
	private, err := curve.NewPrivateKey(raw)
	if err != nil || !bytes.Equal(private.PublicKey().Bytes(), k.PublicKey()) {
		return nil, errors.New("ech: a key that is not of an elliptic curve has no form as a file")
	}
	return private, nil
}

// parsePrivate reads a private key in PKCS#8.
func parsePrivate(der []byte) (*ecdh.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("ech: the private key cannot be read: %w", err)
	}
	switch key := key.(type) {
	case *ecdh.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key.ECDH()
	}
	return nil, fmt.Errorf("ech: a %T is no key for Encrypted ClientHello: use an X25519 key", key)
}
