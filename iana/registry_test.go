package iana

import (
	"crypto/tls"
	"strings"
	"testing"
)

// check verifies one registry: numbers and names are unique, and every name and
// alias parses to its number, in upper case too.
func check[T number](t *testing.T, r *registry[T]) {
	t.Helper()
	values, names := make(map[T]bool), make(map[string]bool)
	for _, row := range r.rows {
		if values[row.value] {
			t.Errorf("%s %#x stands twice", r.kind, row.value)
		}
		values[row.value] = true
		if got := r.text(row.value); got != row.name {
			t.Errorf("%s %#x is called %q, want %q", r.kind, row.value, got, row.name)
		}
		for _, text := range append(strings.Fields(row.aliases), row.name) {
			if names[strings.ToLower(text)] {
				t.Errorf("%s name %q stands twice", r.kind, text)
			}
			names[strings.ToLower(text)] = true
			if len(text) > longestText {
				t.Errorf("%s name %q is longer than what parse looks at", r.kind, text)
			}
			for _, written := range []string{text, strings.ToUpper(text), strings.ToLower(text), " " + text + "\n"} {
				if v, err := r.parse(written); err != nil || v != row.value {
					t.Errorf("parse %q = %#x, %v; want %#x", written, v, err, row.value)
				}
			}
		}
	}
}

func TestRegistries(t *testing.T) {
	check(t, &versions)
	check(t, &suites)
	check(t, &groups)
	check(t, &schemes)
	check(t, &alerts)
	check(t, &contentTypes)
	check(t, &handshakeTypes)
	check(t, &extensions)
	check(t, &pskModes)
	check(t, &certificateTypes)
	check(t, &compressions)
}

// TestStandardLibraryAgrees compares with the names crypto/tls has.
func TestStandardLibraryAgrees(t *testing.T) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got := CipherSuite(s.ID).String(); got != s.Name {
			t.Errorf("suite %#x: %s, want %s", s.ID, got, s.Name)
		}
	}
	for v := uint16(tls.VersionTLS10); v <= tls.VersionTLS13; v++ {
		if got := Version(v).String(); got != tls.VersionName(v) {
			t.Errorf("version %#x: %s, want %s", v, got, tls.VersionName(v))
		}
	}
	for _, c := range []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024} {
		if g, err := ParseNamedGroup(c.String()); err != nil || uint16(g) != uint16(c) {
			t.Errorf("group %s: %#x, %v; want %#x", c, uint16(g), err, uint16(c))
		}
	}
	for _, s := range []tls.SignatureScheme{
		tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512, tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512,
		tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512, tls.Ed25519, tls.PKCS1WithSHA1, tls.ECDSAWithSHA1,
	} {
		if got, err := ParseSignatureScheme(s.String()); err != nil || uint16(got) != uint16(s) {
			t.Errorf("scheme %s: %#x, %v; want %#x", s, uint16(got), err, uint16(s))
		}
	}
}

func TestUnknownNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Version(0x0305).String(), "version 0x0305"},
		{CipherSuite(0x1234).String(), "cipher suite 0x1234"},
		{NamedGroup(0x1234).String(), "group 0x1234"},
		{SignatureScheme(0xffff).String(), "signature scheme 0xffff"},
		{ExtensionType(0x1234).String(), "extension 0x1234"},
		{Alert(200).String(), "alert 200"},
		{ContentType(99).String(), "content type 99"},
		{HandshakeType(99).String(), "handshake message 99"},
		{PSKMode(9).String(), "PSK mode 9"},
		{CertificateType(9).String(), "certificate type 9"},
		{CertificateCompression(9).String(), "certificate compression 0x0009"},
		{CipherSuite(0x1a1a).String(), "GREASE 0x1a1a"},
		{NamedGroup(0xfafa).String(), "GREASE 0xfafa"},
		{Alert(0x0a).String(), "unexpected_message"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

func TestIsGREASE(t *testing.T) {
	n := 0
	for v := range 1 << 16 {
		if IsGREASE(uint16(v)) {
			n++
			if v&0xff != v>>8 || v&0xf != 0xa {
				t.Errorf("%#x", v)
			}
		}
	}
	if n != 16 {
		t.Errorf("%d values, want 16", n)
	}
}

func TestParseErrors(t *testing.T) {
	errorOf := func(_ any, err error) error { return err }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errorOf(ParsePSKMode("dhe")), `unknown PSK mode "dhe": use one of psk_dhe_ke, psk_ke`},
		{errorOf(ParseCertificateCompression("gzip")), `unknown certificate compression "gzip": use one of zlib, brotli, zstd`},
		{errorOf(ParseCertificateType("pgp")), `unknown certificate type "pgp": use one of X509, RawPublicKey, OpenPGP, 1609Dot2`},
		{errorOf(ParseCipherSuite("TLS_AES_128_GCM_SHA265")), `unknown cipher suite "TLS_AES_128_GCM_SHA265": did you mean TLS_AES_128_GCM_SHA256?`},
		{errorOf(ParseCipherSuite("ECDHE-RSA-AES129-GCM-SHA256")), `unknown cipher suite "ECDHE-RSA-AES129-GCM-SHA256": did you mean TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256?`},
		{errorOf(ParseCipherSuite("")), `unknown cipher suite "": for example TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256`},
		{errorOf(ParseNamedGroup("P-257")), `unknown group "P-257": did you mean secp256r1?`},
		{errorOf(ParseSignatureScheme("ed25591")), `unknown signature scheme "ed25591": did you mean ed25519?`},
		{errorOf(ParseAlert("close")), `unknown alert "close": for example close_notify, unexpected_message, bad_record_mac`},
		{errorOf(ParseExtensionType("server-names")), `unknown extension "server-names": did you mean server_name?`},
		{errorOf(ParseHandshakeType("clienthelo")), `unknown handshake message "clienthelo": did you mean client_hello?`},
		{
			errorOf(ParseContentType(strings.Repeat("x", 1000))),
			`unknown content type "` + strings.Repeat("x", longestText) + `"…: names have at most 64 bytes`,
		},
	} {
		if tt.err == nil || tt.err.Error() != tt.want {
			t.Errorf("%v\nwant %s", tt.err, tt.want)
		}
	}
}

// FuzzParse gives every parser the same text: what it accepts must be called
// by a name that it accepts too, and its error must stay short.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"TLS 1.3", "ecdhe-rsa-aes128-gcm-sha256", "P-256", "ED25519", "close_notify", "alpn", "", "\x00\xff", "zlib"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		again(t, text, ParseVersion, Version.String)
		again(t, text, ParseCipherSuite, CipherSuite.String)
		again(t, text, ParseNamedGroup, NamedGroup.String)
		again(t, text, ParseSignatureScheme, SignatureScheme.String)
		again(t, text, ParseAlert, Alert.String)
		again(t, text, ParseContentType, ContentType.String)
		again(t, text, ParseHandshakeType, HandshakeType.String)
		again(t, text, ParseExtensionType, ExtensionType.String)
		again(t, text, ParsePSKMode, PSKMode.String)
		again(t, text, ParseCertificateType, CertificateType.String)
		again(t, text, ParseCertificateCompression, CertificateCompression.String)
	})
}

func again[T number](t *testing.T, text string, parse func(string) (T, error), name func(T) string) {
	v, err := parse(text)
	if err != nil {
		if len(err.Error()) > 800 {
			t.Errorf("error of %d bytes: %v", len(err.Error()), err)
		}
		return
	}
	if back, err := parse(name(v)); err != nil || back != v {
		t.Errorf("%q is %s, which parses as %v, %v", text, name(v), back, err)
	}
}
