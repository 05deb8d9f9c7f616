package certificate

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/identity"
	_ "github.com/sealsock/sealsock/identity/pkcs12"
)

func password(text string) identity.Option {
	return identity.Password(func(string) ([]byte, error) { return []byte(text), nil })
}

// listConfig is a configuration with which `openssl ca` makes a revocation
// list.
const listConfig = `
[ca]
default_ca = d
[d]
database = index.txt
crlnumber = number
default_md = sha256
default_crl_days = 7
crl_extensions = crlext
[crlext]
authorityKeyIdentifier = keyid
`

func makeFiles(w *workshop) {
	w.rich()
	w.write("request.cnf", strings.Replace(richConfig, "authorityKeyIdentifier", "#", 1)) // a request has no issuer yet
	w.openssl("req -new -key key.pem -config request.cnf -reqexts ext -out rich.csr")
	w.openssl("req -in rich.csr -outform DER -out rich.csr.der")
	w.write("crl.cnf", listConfig)
	w.write("number", "0A\n")
	w.write("index.txt", "R\t301231235959Z\t250102030405Z,keyCompromise\t0BAD\tunknown\t/CN=bad\nR\t301231235959Z\t250102030405Z\t0BEE\tunknown\t/CN=worse\n")
	w.openssl("ca -config crl.cnf -gencrl -cert rich.pem -keyfile key.pem -out list.pem")
	w.openssl("crl -in list.pem -outform DER -out list.der")
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -out enc.pem")
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -outform DER -out enc.der")
	w.openssl("pkey -in key.pem -outform DER -out key.der")
	w.openssl("pkey -in key.pem -pubout -out pub.pem")
	w.openssl("pkey -in key.pem -pubout -outform DER -out pub.der")
	w.openssl("pkcs12 -export -inkey key.pem -in rich.pem -passout pass:secret -out a.p12")
	w.openssl("crl2pkcs7 -in list.pem -certfile rich.pem -certfile rich.pem -out a.p7b")
	w.openssl("pkcs7 -in a.p7b -outform DER -out a.p7c")
	w.openssl("cms -sign -in list.pem -signer rich.pem -inkey key.pem -outform PEM -out signed.pem")
	w.openssl("ecparam -name prime256v1 -out params.pem")
	w.write("all.pem", "notes\n"+string(w.read("key.pem"))+string(w.read("rich.pem"))+string(w.read("list.pem"))+string(w.read("params.pem")))
}

func TestRead(t *testing.T) {
	w := newWorkshop(t)
	makeFiles(w)
	for _, tc := range []struct {
		file    string
		options []identity.Option
		kinds   []Kind
		says    string
	}{
		{"rich.pem", nil, []Kind{KindCertificate}, "dns *.example.org"},
		{"rich.der", nil, []Kind{KindCertificate}, "99 days left"},
		{"rich.csr", nil, []Kind{KindRequest}, "dns *.example.org"},
		{"rich.csr.der", nil, []Kind{KindRequest}, "user@EXAMPLE.ORG"},
		{"list.pem", nil, []Kind{KindList}, "0BAD on 2025-01-02 03:04:05 UTC keyCompromise"},
		{"list.der", nil, []Kind{KindList}, "2 certificates"},
		{"key.pem", nil, []Kind{KindPrivateKey}, "ECDSA on P-256"},
		{"key.der", nil, []Kind{KindPrivateKey}, "sha256/"},
		{"enc.pem", nil, []Kind{KindPrivateKey}, "encrypted"},
		{"enc.pem", []identity.Option{password("secret")}, []Kind{KindPrivateKey}, "ECDSA on P-256"},
		{"enc.der", nil, []Kind{KindPrivateKey}, "encrypted"},
		{"pub.pem", nil, []Kind{KindPublicKey}, "ECDSA on P-256"},
		{"pub.der", nil, []Kind{KindPublicKey}, "ECDSA on P-256"},
		{"a.p12", []identity.Option{password("secret")}, []Kind{KindPrivateKey, KindCertificate}, "example.org"},
		{"a.p7b", nil, []Kind{KindCertificate, KindCertificate, KindList}, "2 certificates"},
		{"a.p7c", nil, []Kind{KindCertificate, KindCertificate, KindList}, "dns *.example.org"},
		{"signed.pem", nil, []Kind{KindCertificate}, "dns *.example.org"},
		{"all.pem", nil, []Kind{KindPrivateKey, KindCertificate, KindList, KindOther}, "EC PARAMETERS"},
	} {
		items, err := Read(w.read(tc.file), tc.options...)
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
			continue
		}
		var kinds []Kind
		text := ""
		for _, i := range items {
			kinds = append(kinds, i.Kind)
			text += i.Text()
		}
		if strings.Join(strs(kinds), ",") != strings.Join(strs(tc.kinds), ",") || !strings.Contains(text, tc.says) {
			t.Errorf("%s: %v\n%s", tc.file, kinds, text)
		}
		if _, err := json.Marshal(items); err != nil {
			t.Errorf("%s: %v", tc.file, err)
		}
	}
	var e *identity.Error
	if _, err := Read(w.read("a.p12")); !errors.As(err, &e) || e.Code != identity.CodeEncrypted {
		t.Errorf("PKCS#12 without a password: %v", err)
	}
	p7 := w.read("a.p7c")
	for n := range len(p7) {
		if items, err := Read(p7[:n]); err == nil {
			t.Errorf("%d bytes of PKCS#7: %+v", n, items)
		}
	}
	for name, data := range map[string]string{"empty": " \n", "text": "hello", "cut": string(w.read("rich.pem"))[:200]} {
		if _, err := Read([]byte(data)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func strs(kinds []Kind) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return out
}

func TestRevocationList(t *testing.T) {
	w := newWorkshop(t)
	makeFiles(w)
	l, err := ParseRevocationList(w.read("list.der"))
	if err != nil {
		t.Fatal(err)
	}
	if l.Version != 2 || l.Number != "0A" || l.Count != 2 || len(l.Entries) != 2 || l.Entries[0].Reason != "keyCompromise" || l.NextUpdate == nil || len(l.Problems) > 0 {
		t.Errorf("%+v", l)
	}
}

func FuzzRead(f *testing.F) {
	w := newWorkshop(f)
	makeFiles(w)
	for _, name := range []string{"rich.csr.der", "list.der", "all.pem", "pub.der", "key.der",
		"a.p7b", "a.p7c"} {
		f.Add(w.read(name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 20 && data[0] == 0x30 && strings.Contains(string(data[:20]), "\x02\x01\x03") {
			return // PKCS#12 may take its time
		}
		items, err := Read(data)
		if err != nil {
			return
		}
		for _, i := range items {
			if i.Text() == "" {
				t.Error("no text")
			}
		}
	})
}

func FuzzParseSCT(f *testing.F) {
	f.Add(make([]byte, 47))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSCT(data)
		if err == nil && (s.Version == 0 || len(s.LogID) != 44) {
			t.Errorf("%+v", s)
		}
	})
}
