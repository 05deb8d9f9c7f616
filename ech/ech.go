// Package ech reads and writes the files of Encrypted ClientHello (RFC 9849):
// the keys of a server and the configurations that it publishes to clients.
//
// A server makes a key with [engine.NewECHKey], stores the output of [Marshal],
// and publishes the result of [engine.ECHConfigList], in base64 as the "ech"
// parameter of its HTTPS record in the DNS:
//
//	example.com. HTTPS 1 . ech="AEX+DQBB…"
//
// A client passes that parameter, or the contents of a file, to [ParseConfigs].
// To rotate keys, put the new key first, mark the old one Retired, publish the
// new configuration, and remove the old key after the DNS record has expired
// from all caches.
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

// Marshal encodes keys as PEM: each private key (PKCS#8) followed by its
// configuration (RFC 9934). The result is secret. Marshal returns an error for
// a key whose KEM does not use an elliptic curve.
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

// Parse decodes the output of Marshal and other files that follow RFC 9934: any
// number of private keys and ECHConfigLists. Each private key must belong to a
// configuration. Configurations without a private key are ignored. Parse does
// not retain data.
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
		return nil, fmt.Errorf("ech: the file has no PEM block %q, which a server needs", keyLabel)
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
			return nil, fmt.Errorf("ech: no %s in the file matches the private key", configLabel)
		}
	}
	return keys, nil
}

// MarshalConfigs writes an ECHConfigList as PEM, for clients. It is public.
func MarshalConfigs(list []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: configLabel, Bytes: list})
}

// ParseConfigs decodes an ECHConfigList in PEM, where private keys are ignored,
// in base64, as in the DNS, or in binary. The result is a value for
// Config.ECHConfigs. ParseConfigs does not retain data.
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
			return nil, fmt.Errorf("ech: the file has no PEM block %q", configLabel)
		}
	} else if decoded, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
		list = decoded
	}
	if _, err := engine.ParseECHConfigs(list); err != nil {
		return nil, err
	}
	return list, nil
}

// eachBlock calls do for each PEM block. It returns an error if there is none.
func eachBlock(data []byte, do func(*pem.Block) error) error {
	block, rest := pem.Decode(data)
	if block == nil {
		return errors.New("ech: the file is not PEM")
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

// curveKey returns the private key as an elliptic-curve key. The length of the
// public key determines the curve.
func curveKey(k *engine.ECHKey) (*ecdh.PrivateKey, error) {
	raw, err := k.PrivateKey()
	if err != nil {
		return nil, err
	}
	curve := curves[len(k.PublicKey())]
	if curve == nil {
		return nil, errors.New("ech: only keys on elliptic curves can be written to a file")
	}
	private, err := curve.NewPrivateKey(raw)
	if err != nil || !bytes.Equal(private.PublicKey().Bytes(), k.PublicKey()) {
		return nil, errors.New("ech: only keys on elliptic curves can be written to a file")
	}
	return private, nil
}

// maxPrivate bounds a private key, in bytes: one of an elliptic curve has at most some
// hundred, and crypto/x509 takes seconds for an RSA key of many kilobytes.
const maxPrivate = 1 << 10

// parsePrivate reads a private key in PKCS#8.
func parsePrivate(der []byte) (*ecdh.PrivateKey, error) {
	if len(der) > maxPrivate {
		return nil, fmt.Errorf("ech: the private key has %d bytes, at most %d are read", len(der), maxPrivate)
	}
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
	return nil, fmt.Errorf("ech: a %T does not work for ECH: use an X25519 key", key)
}
