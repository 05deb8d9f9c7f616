package wire_test

import (
	"bytes"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// fuzz runs one message's parser. What parses must append, and what was
// appended must parse and append to the same bytes; what does not parse must
// return an error with an alert that fits.
func fuzz(f *testing.F, name string) {
	form := forms[name]
	for _, v := range vectors {
		if v.form == name {
			f.Add(unhex(f, v.hex)[wire.HeaderLen:])
		}
	}
	for _, r := range rejects {
		if r.form == name {
			f.Add(unhex(f, r.body))
		}
	}
	for _, tr := range traces(f) {
		if tr.msg[0] == byte(form.typ) {
			f.Add(tr.msg[wire.HeaderLen:])
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		m, err := form.parse(body)
		if !bytes.Equal(body, before) {
			t.Fatal("parsing changed its input")
		}
		if err != nil {
			if a := alertOf(t, err); a != iana.AlertDecodeError && a != iana.AlertIllegalParameter {
				t.Fatalf("%s: %v", a, err)
			}
			return
		}
		once := appended(t, m)
		if len(once) > wire.HeaderLen+len(body)+2 {
			t.Fatalf("%d bytes grew to %d", len(body), len(once))
		}
		again, err := form.parse(once[wire.HeaderLen:])
		if err != nil {
			t.Fatalf("appended %x: %v", once, err)
		}
		if twice := appended(t, again); !bytes.Equal(once, twice) {
			t.Fatalf("appended %x\nand then %x", once, twice)
		}
	})
}

func FuzzParseClientHello(f *testing.F)              { fuzz(f, "ClientHello") }
func FuzzParseServerHello(f *testing.F)              { fuzz(f, "ServerHello") }
func FuzzParseEncryptedExtensions(f *testing.F)      { fuzz(f, "EncryptedExtensions") }
func FuzzParseCertificateRequest(f *testing.F)       { fuzz(f, "CertificateRequest") }
func FuzzParseCertificate(f *testing.F)              { fuzz(f, "Certificate") }
func FuzzParseCompressedCertificate(f *testing.F)    { fuzz(f, "CompressedCertificate") }
func FuzzParseCertificateVerify(f *testing.F)        { fuzz(f, "CertificateVerify") }
func FuzzParseFinished(f *testing.F)                 { fuzz(f, "Finished") }
func FuzzParseNewSessionTicket(f *testing.F)         { fuzz(f, "NewSessionTicket") }
func FuzzParseKeyUpdate(f *testing.F)                { fuzz(f, "KeyUpdate") }
func FuzzParseNewConnectionID(f *testing.F)          { fuzz(f, "NewConnectionId") }
func FuzzParseRequestConnectionID(f *testing.F)      { fuzz(f, "RequestConnectionId") }
func FuzzParseCertificate12(f *testing.F)            { fuzz(f, "Certificate12") }
func FuzzParseRawKey12(f *testing.F)                 { fuzz(f, "RawKey12") }
func FuzzParseCertificateStatus12(f *testing.F)      { fuzz(f, "CertificateStatus12") }
func FuzzParseServerKeyExchange12(f *testing.F)      { fuzz(f, "ServerKeyExchange12") }
func FuzzParseServerKeyExchange12PSK(f *testing.F)   { fuzz(f, "ServerKeyExchange12 PSK") }
func FuzzParseServerKeyExchange12ECDHE(f *testing.F) { fuzz(f, "ServerKeyExchange12 ECDHE_PSK") }
func FuzzParseCertificateRequest12(f *testing.F)     { fuzz(f, "CertificateRequest12") }
func FuzzParseClientKeyExchange12(f *testing.F)      { fuzz(f, "ClientKeyExchange12") }
func FuzzParseClientKeyExchange12PSK(f *testing.F)   { fuzz(f, "ClientKeyExchange12 PSK") }
func FuzzParseClientKeyExchange12ECDHE(f *testing.F) { fuzz(f, "ClientKeyExchange12 ECDHE_PSK") }
func FuzzParseNewSessionTicket12(f *testing.F)       { fuzz(f, "NewSessionTicket12") }
func FuzzParseDatagramClientHello(f *testing.F)      { fuzz(f, "DatagramClientHello") }
func FuzzParseDatagramServerHello(f *testing.F)      { fuzz(f, "DatagramServerHello") }
func FuzzParseHelloVerifyRequest(f *testing.F)       { fuzz(f, "HelloVerifyRequest") }

func TestEveryFormIsFuzzed(t *testing.T) {
	const targets = 26 // above
	if len(forms) != targets {
		t.Errorf("%d messages, %d fuzz targets", len(forms), targets)
	}
}

func FuzzDecodeInner(f *testing.F) {
	outer := appended(f, outerHello())[wire.HeaderLen:]
	for _, compressed := range [][]iana.ExtensionType{nil, {iana.ExtKeyShare}, {iana.ExtSupportedGroups, iana.ExtKeyShare}} {
		encoded, err := wire.EncodeInner(innerHello(), compressed, len(compressed))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded, outer)
	}
	f.Fuzz(func(t *testing.T, encoded, outer []byte) {
		msg, err := wire.DecodeInner(encoded, outer, false)
		if err != nil {
			alertOf(t, err)
			return
		}
		if len(msg) > wire.HeaderLen+len(encoded)+len(outer) {
			t.Fatalf("%d and %d bytes became %d", len(encoded), len(outer), len(msg))
		}
		typ, n, _ := wire.ParseHeader(msg)
		if typ != iana.HandshakeClientHello || n != len(msg)-wire.HeaderLen {
			t.Fatalf("header %s, %d", typ, n)
		}
		inner, err := wire.ParseClientHello(msg[wire.HeaderLen:])
		if err != nil {
			return // well encoded, yet no ClientHello
		}
		again, err := wire.EncodeInner(inner, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.DecodeInner(again, outer, false); err != nil && inner.ECHOuterExtensions == nil {
			t.Fatalf("%x: %v", again, err)
		}
	})
}

func FuzzParseECHConfigList(f *testing.F) {
	f.Add(unhex(f, "0015 fe0d 0011 07 0020 0001 01 0004 0001 0001 00 01 61 0000"))
	f.Add(unhex(f, "0020 baba 0001 00 fe0d 0017 07 0020 0002 0102 0008 0001 0001 0001 0003 40 01 61 0004 8001 0000"))
	f.Fuzz(func(t *testing.T, list []byte) {
		configs, err := wire.ParseECHConfigList(list)
		if err != nil {
			alertOf(t, err)
			return
		}
		for i := range configs {
			c := &configs[i]
			if one, err := wire.AppendECHConfig(nil, c); err != nil || !bytes.Equal(one, c.Raw) {
				t.Fatalf("%v\nappended %x\nwant     %x", err, one, c.Raw)
			}
		}
	})
}

func FuzzParseDelegatedCredential(f *testing.F) {
	f.Add(unhex(f, "00093a80 0403 000002 3000 0807 0003 010203"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := wire.ParseDelegatedCredential(data)
		if err != nil {
			alertOf(t, err)
			return
		}
		if got := appended(t, m); !bytes.Equal(got, data) || !bytes.HasPrefix(data, m.Credential) {
			t.Fatalf("appended %x, want %x", got, data)
		}
	})
}

func FuzzPatchBinders(f *testing.F) {
	f.Add(make([]byte, 40), make([]byte, 32), []byte{})
	f.Add([]byte{0, 4, 1, 2, 1, 3}, []byte{8}, []byte{9})
	f.Fuzz(func(t *testing.T, msg, one, two []byte) {
		before := bytes.Clone(msg)
		err := wire.PatchBinders(msg, [][]byte{one, two})
		n := 2 + 1 + len(one) + 1 + len(two)
		switch {
		case err != nil && !bytes.Equal(msg, before):
			t.Fatal("changed despite the error")
		case err == nil && (len(msg) < n || !bytes.Equal(msg[:len(msg)-n], before[:len(msg)-n])):
			t.Fatal("changed what is in front of the binders")
		case err == nil && wire.PatchBinders(msg, [][]byte{one, two}) != nil:
			t.Fatal("cannot be repeated")
		}
	})
}
