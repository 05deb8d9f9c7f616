package wire_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// innerHello is a ClientHelloInner, outerHello what goes around it.
func innerHello() *wire.ClientHello {
	return &wire.ClientHello{
		LegacyVersion: iana.TLS12, Random: random, SessionID: []byte("session of the outer"),
		CipherSuites: []iana.CipherSuite{0x1301, 0x1302}, CompressionMethods: []byte{0},
		ServerName: "secret.test", ALPN: []string{"h2"}, ECH: &wire.ECHClientHello{Inner: true},
		SupportedGroups: []iana.NamedGroup{iana.X25519}, KeyShares: []wire.KeyShare{{Group: iana.X25519, Data: x25519Share}},
		SupportedVersions: []iana.Version{iana.TLS13}, SignatureAlgorithms: []iana.SignatureScheme{iana.Ed25519},
		PSKModes: []iana.PSKMode{iana.PSKDHEKE}, Padding: -1,
		Unknown: []wire.Extension{{Type: 0x2a2a}},
	}
}

func outerHello() *wire.ClientHello {
	m := innerHello()
	m.Random = [32]byte{9}
	m.ServerName = "public.test"
	m.ECH = &wire.ECHClientHello{KDF: 1, AEAD: 1, Enc: x25519Share, Payload: []byte{1}}
	m.SupportedVersions = []iana.Version{iana.TLS13, iana.TLS12}
	return m
}

func TestEncodeInner(t *testing.T) {
	outer := appended(t, outerHello())[wire.HeaderLen:]
	want := appended(t, innerHello())
	for _, tt := range []struct {
		name       string
		compressed []iana.ExtensionType
		pad        int
		saved      int // bytes against no compression
	}{
		{"nothing", nil, 0, 0},
		{"padding", nil, 77, -77},
		{"one", []iana.ExtensionType{iana.ExtKeyShare}, 0, 42 - 7},
		{"two", []iana.ExtensionType{iana.ExtKeyShare, iana.ExtSupportedGroups}, 0, 42 + 8 - 9},
		{"one of them absent", []iana.ExtensionType{iana.ExtKeyShare, iana.ExtSessionTicket, iana.ExtSupportedGroups}, 3, 42 + 8 - 9 - 3},
		{"the last of the order", []iana.ExtensionType{iana.ExtSignatureAlgorithms, iana.ExtPSKModes}, 0, 8 + 6 - 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			encoded, err := wire.EncodeInner(innerHello(), tt.compressed, tt.pad)
			if err != nil {
				t.Fatal(err)
			}
			if saved := len(want) - wire.HeaderLen - len("session of the outer") - len(encoded); saved != tt.saved {
				t.Errorf("saved %d bytes, want %d", saved, tt.saved)
			}
			got, err := wire.DecodeInner(encoded, outer, false)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v\ndecoded %x\nwant    %x", err, got, want)
			}
		})
	}
}

func TestEncodeInnerRefuses(t *testing.T) {
	for _, tt := range []struct {
		compressed []iana.ExtensionType
		want       string
	}{
		{[]iana.ExtensionType{iana.ExtSupportedGroups, iana.ExtSignatureAlgorithms}, "client_hello: signature_algorithms cannot be compressed here"},
		{[]iana.ExtensionType{iana.ExtECH}, "client_hello: encrypted_client_hello cannot be compressed here"},
	} {
		if b, err := wire.EncodeInner(innerHello(), tt.compressed, 0); err == nil || err.Error() != tt.want {
			t.Errorf("%x, %v; want %s", b, err, tt.want)
		}
	}
}

// TestDecodeInner goes through RFC 9849, Section 5.1, rule by rule.
func TestDecodeInner(t *testing.T) {
	const (
		start = "0303" + "aa000000000000000000000000000000000000000000000000000000000000bb"
		rest  = "0002 1301 0100"
		outer = "0303" + "cc000000000000000000000000000000000000000000000000000000000000dd" + "02 0102" + rest +
			"0011 | 000a 0001 01 | 000b 0000 | 002b 0000 | fe0d 0000"
	)
	for _, tt := range []struct {
		name    string
		encoded string
		alert   iana.Alert
		want    string // hello if alert is 0, else the error
	}{
		{"no references", start + "00" + rest + "0004 fe0d 0000", 0, "01 000031" + start + "02 0102" + rest + "0004 fe0d 0000"},
		{"all there is", start + "00" + rest + "000f fe0d 0000 fd00 0007 06 000a 000b 002b", 0, "01 00003e" + start + "02 0102" + rest + "0011 fe0d 0000 | 000a 0001 01 | 000b 0000 | 002b 0000"},
		{"some", start + "00" + rest + "000d fd00 0005 04 000a 002b fe0d 0000", 0, "01 00003a" + start + "02 0102" + rest + "000d 000a 0001 01 | 002b 0000 | fe0d 0000"},
		{"padding", start + "00" + rest + "0004 fe0d 0000 00000000", 0, "01 000031" + start + "02 0102" + rest + "0004 fe0d 0000"},
		{"padding is not zero", start + "00" + rest + "0000 0001", illegalParameter, "client_hello: padding: not zero"},
		{"a session id", start + "01 07" + rest + "0000", illegalParameter, "client_hello: legacy_session_id: not empty in an encoded inner hello"},
		{"wrong order", start + "00" + rest + "0009 fd00 0005 04 002b 000a", illegalParameter, "client_hello: ech_outer_extensions: supported_groups is not in the outer ClientHello"},
		{"one twice", start + "00" + rest + "0009 fd00 0005 04 000a 000a", illegalParameter, "client_hello: ech_outer_extensions: supported_groups is not in the outer ClientHello"},
		{"one that is missing", start + "00" + rest + "0007 fd00 0003 02 0033", illegalParameter, "client_hello: ech_outer_extensions: key_share is not in the outer ClientHello"},
		{"encrypted_client_hello", start + "00" + rest + "0007 fd00 0003 02 fe0d", illegalParameter, "client_hello: ech_outer_extensions: encrypted_client_hello is not in the outer ClientHello"},
		{"two lists", start + "00" + rest + "000e fd00 0003 02 000a fd00 0003 02 000b", illegalParameter, "client_hello: ech_outer_extensions: appears twice"},
		{"an empty list", start + "00" + rest + "0005 fd00 0001 00", decodeError, "client_hello: ech_outer_extensions: empty"},
		{"half a reference", start + "00" + rest + "0008 fd00 0004 03 000a 00", decodeError, "client_hello: ech_outer_extensions: 3 bytes is not a list of two-byte values"},
		{"more than a list", start + "00" + rest + "0008 fd00 0004 02 000a 00", decodeError, "client_hello: ech_outer_extensions: 1 byte left over"},
		{"no extensions", start + "00" + rest, decodeError, "client_hello: extensions: truncated"},
		{"half an extension", start + "00" + rest + "0003 fe0d 00", decodeError, "client_hello: extensions: truncated"},
		{"nothing", "", decodeError, "client_hello: random: truncated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := wire.DecodeInner(unhex(t, tt.encoded), unhex(t, outer), false)
			if tt.alert != 0 {
				refused(t, err, tt.alert, tt.want)
				return
			}
			if err != nil || !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("%v\ndecoded %x\nwant    %x", err, got, unhex(t, tt.want))
			}
		})
	}
}

func TestDecodeInnerTooLong(t *testing.T) {
	outer, inner := outerHello(), innerHello()
	inner.Unknown = []wire.Extension{{Type: 0x3a3a, Data: make([]byte, 0x9000)}}
	outer.Cookie = make([]byte, 0x8000)
	inner.Cookie = []byte{1}
	encoded, err := wire.EncodeInner(inner, []iana.ExtensionType{iana.ExtCookie}, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = wire.DecodeInner(encoded, appended(t, outer)[wire.HeaderLen:], false)
	refused(t, err, decodeError, "client_hello: extensions: too long after the outer extensions were inserted")
}

func TestECHConfigList(t *testing.T) {
	config := &wire.ECHConfig{
		Version: wire.ECHVersion, ConfigID: 7, KEM: 0x20, PublicKey: x25519Share,
		Suites: []wire.ECHSuite{{KDF: 1, AEAD: 1}, {KDF: 1, AEAD: 3}}, MaxNameLen: 64, PublicName: "public.test",
		Extensions: []wire.Extension{{Type: 0x0001, Data: []byte{5}}},
	}
	one, err := wire.AppendECHConfig(nil, config)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "fe0d 0043 | 07 0020 0020"+strings.Repeat("25", 32)+"0008 0001 0001 0001 0003 | 40 | 0b 7075626c69632e74657374 | 0005 0001 0001 05")
	if !bytes.Equal(one, want) {
		t.Fatalf("appended %x\nwant     %x", one, want)
	}
	list := append([]byte{0, byte(6 + len(one)), 0xba, 0xba, 0, 2, 1, 1}, one...)
	configs, err := wire.ParseECHConfigList(list)
	config.Raw = one
	if err != nil || len(configs) != 1 || !reflect.DeepEqual(&configs[0], config) {
		t.Errorf("%v, %+v\nwant %+v", err, configs, config)
	}
}

func TestECHConfigUnusable(t *testing.T) {
	for _, tt := range []struct {
		name      string
		extension iana.ExtensionType
		want      string
	}{
		{"public.test", 1, ""},
		{"xn--bcher-kva.test", 1, ""},
		{"1.2.3.4a", 1, ""},
		{"a", 1, ""},
		{"0xg.0xfg", 1, ""},
		{strings.Repeat("a", 63) + ".test", 1, ""},
		{"public.test", 0x8001, "mandatory extension 0x8001 is unknown"},
		{strings.Repeat("a", 64) + ".test", 1, "public_name is not a host name"},
		{"1.2.3.4", 1, "public_name is not a host name"},
		{"a.0x7f", 1, "public_name is not a host name"},
		{"a.0X", 1, "public_name is not a host name"},
		{"public.test.", 1, "public_name is not a host name"},
		{".test", 1, "public_name is not a host name"},
		{"a..test", 1, "public_name is not a host name"},
		{"-a.test", 1, "public_name is not a host name"},
		{"a-.test", 1, "public_name is not a host name"},
		{"a.test-", 1, "public_name is not a host name"},
		{"a_b.test", 1, "public_name is not a host name"},
		{"b\u00fccher.test", 1, "public_name is not a host name"},
	} {
		one, err := wire.AppendECHConfig(nil, &wire.ECHConfig{
			PublicKey: []byte{1}, Suites: []wire.ECHSuite{{KDF: 1, AEAD: 1}}, PublicName: tt.name,
			Extensions: []wire.Extension{{Type: tt.extension}},
		})
		if err != nil {
			t.Fatal(err)
		}
		configs, err := wire.ParseECHConfigList(append([]byte{0, byte(len(one))}, one...))
		if err != nil || len(configs) != 1 || configs[0].Unusable != tt.want {
			t.Errorf("%q: %v, %+v; want %q", tt.name, err, configs, tt.want)
		}
	}
}

func TestECHConfigMalformed(t *testing.T) {
	const prefix = "encrypted_extensions: encrypted_client_hello: "
	for _, tt := range []struct {
		list  string
		alert iana.Alert
		want  string
	}{
		{"", decodeError, prefix + "ECHConfigList: truncated"},
		{"0003 000000", decodeError, prefix + "ECHConfigList: 3 bytes, at least 4 needed"},
		{"0004 baba 0000 00", decodeError, prefix + "1 byte left over"},
		{"0004 fe0d 0000", decodeError, prefix + "config_id: truncated"},
		{"0009 fe0d 0005 07 0020 0000", decodeError, prefix + "public_key: empty"},
		{"0012 fe0d 000e 07 0020 0001 01 0003 000100 00 01 61 00", decodeError, prefix + "cipher_suites: 3 bytes, at least 4 needed"},
		{"0014 fe0d 0010 07 0020 0001 01 0006 0001 0001 0001 00 01", decodeError, prefix + "aead_id: truncated"},
		{"0013 fe0d 000f 07 0020 0001 01 0004 0001 0001 00 00 0000", decodeError, prefix + "public_name: empty"},
		{"0015 fe0d 0011 07 0020 0001 01 0004 0001 0001 00 01 61 0000 00", decodeError, prefix + "1 byte left over"},
		{"001d fe0d 0019 07 0020 0001 01 0004 0001 0001 00 01 61 0008 0001 0000 0001 0000", decodeError, prefix + "extensions: a duplicate type"},
	} {
		configs, err := wire.ParseECHConfigList(unhex(t, tt.list))
		if err == nil {
			t.Errorf("%s parses as %+v", tt.list, configs)
			continue
		}
		refused(t, err, tt.alert, tt.want)
	}
	for _, c := range []*wire.ECHConfig{
		{Version: 0xfe0c, PublicKey: []byte{1}, Suites: []wire.ECHSuite{{}}, PublicName: "a"},
		{Suites: []wire.ECHSuite{{}}, PublicName: "a"},
		{PublicKey: []byte{1}, PublicName: "a"},
		{PublicKey: []byte{1}, Suites: []wire.ECHSuite{{}}},
		{PublicKey: []byte{1}, Suites: []wire.ECHSuite{{}}, PublicName: strings.Repeat("a", 256)},
	} {
		if got, err := wire.AppendECHConfig([]byte("x"), c); err == nil || string(got) != "x" {
			t.Errorf("%+v: %x, %v", c, got, err)
		}
	}
}

func TestDelegatedCredential(t *testing.T) {
	data := unhex(t, "00093a80 0403 000002 3000 | 0807 0003 010203")
	m, err := wire.ParseDelegatedCredential(data)
	want := &wire.DelegatedCredential{
		ValidTime: 604800, Scheme: iana.ECDSAWithP256AndSHA256, SPKI: []byte{0x30, 0}, Credential: data[:11],
		Algorithm: iana.Ed25519, Signature: []byte{1, 2, 3},
	}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Fatalf("%v, %+v", err, m)
	}
	if got := appended(t, m); !bytes.Equal(got, data) {
		t.Errorf("appended %x", got)
	}
	if got, err := m.AppendCredential(nil); err != nil || !bytes.Equal(got, m.Credential) {
		t.Errorf("%v, credential %x", err, got)
	}
	for n := range data {
		if _, err := wire.ParseDelegatedCredential(data[:n]); err == nil || alertOf(t, err) != decodeError {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	_, err = wire.ParseDelegatedCredential(append(data, 0))
	refused(t, err, decodeError, "certificate: delegated_credential: 1 byte left over")
	_, err = wire.ParseDelegatedCredential(unhex(t, "00000000 0403 000000"))
	refused(t, err, decodeError, "certificate: delegated_credential: ASN1_subjectPublicKeyInfo: empty")
}
