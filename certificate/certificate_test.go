package certificate

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/peers"
)

func TestRichCertificate(t *testing.T) {
	w := newWorkshop(t)
	w.rich()
	c, err := Parse(w.read("rich.der"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Problems) > 0 {
		t.Errorf("problems: %q", c.Problems)
	}
	if c.Version != 3 || c.Serial != "0ABC" || !c.SelfIssued || c.Key.Curve != "P-256" || c.SignatureAlgorithm.Name != "ecdsa-with-SHA256" {
		t.Errorf("%d %s %v %v %v", c.Version, c.Serial, c.SelfIssued, c.Key, c.SignatureAlgorithm)
	}
	if want := `C=DE,O=Bücher & Söhne\, GmbH,OU=first,OU=second,CN=example.org,emailAddress=admin@example.org,1.3.6.1.4.1.99999.1=private`; c.Subject.String() != want {
		t.Errorf("subject %s", c.Subject)
	}
	var names []string
	for _, g := range c.AlternativeNames {
		names = append(names, g.String())
	}
	wantNames := []string{"dns example.org", "dns *.example.org", "ip 192.0.2.1", "ip 2001:db8::1", "email someone@example.org", "uri https://example.org/a",
		"registered_id 1.2.3.4", "other userPrincipalName user@EXAMPLE.ORG", "other 1.2.3.5 3003020107", "directory C=FR,CN=un autre"}
	if !reflect.DeepEqual(names, wantNames) {
		t.Errorf("names %q", names)
	}
	three := 3
	want := Details{
		AlternativeNames:   c.AlternativeNames,
		IssuerAlternatives: []GeneralName{{Kind: EmailName, Value: "issuer@example.org"}},
		BasicConstraints:   &BasicConstraints{Authority: true, PathLen: &three},
		KeyUsage:           []string{"digitalSignature", "keyCertSign", "cRLSign"},
		ExtendedKeyUsage:   []Object{{"1.3.6.1.5.5.7.3.1", "serverAuth"}, {"1.3.6.1.5.5.7.3.2", "clientAuth"}, {"1.3.6.1.4.1.99999.2", ""}},
		SubjectKeyID:       c.SubjectKeyID,
		AuthorityKeyID:     c.AuthorityKeyID,
		OCSP:               []string{"http://ocsp.example.org/", "http://ocsp2.example.org/"},
		CAIssuers:          []string{"http://ca.example.org/ca.der"},
		CRLPoints: []CRLPoint{
			{Names: []GeneralName{{Kind: URI, Value: "http://crl.example.org/a.crl"}, {Kind: URI, Value: "ldap://crl.example.org/b"}}},
			{Names: []GeneralName{{Kind: URI, Value: "http://crl.example.org/c.crl"}}, Reasons: []string{"keyCompromise", "superseded"}, Issuer: c.CRLPoints[1].Issuer},
		},
		FreshestCRL: []CRLPoint{{Names: []GeneralName{{Kind: URI, Value: "http://crl.example.org/delta.crl"}}}},
		Policies: []Policy{{Object: Object{"2.23.140.1.2.1", "domain validated"}},
			{Object: Object{OID: "1.3.6.1.4.1.99999.3"}, CPS: []string{"http://example.org/cps"}, Notices: []string{"Read me"}}},
		NameConstraints: &NameConstraints{
			Permitted: []GeneralName{{Kind: DNSName, Value: "example.org"}, {Kind: IPAddress, Value: "10.0.0.0/8"}},
			Excluded:  []GeneralName{{Kind: EmailName, Value: ".example.net"}}},
		MustStaple: true,
	}
	if !reflect.DeepEqual(c.Details, want) {
		t.Errorf("details\n%+v, expected\n%+v", c.Details, want)
	}
	if len(c.SubjectKeyID) != 40 || c.AuthorityKeyID == nil || c.AuthorityKeyID.KeyID != c.SubjectKeyID || len(c.CRLPoints[1].Issuer) != 1 {
		t.Errorf("identifiers %q, %+v", c.SubjectKeyID, c.AuthorityKeyID)
	}
}

// TestAgainstPython has Python decode the same certificates.
func TestAgainstPython(t *testing.T) {
	w := newWorkshop(t)
	peers.Need(t, "python3")
	w.rich()
	w.openssl("req -x509 -newkey rsa:2048 -nodes -keyout k -subj /CN=plain -days 3 -out plain.pem")
	for _, name := range []string{"rich.pem", "plain.pem"} {
		text := w.run("python3", "-c", "import ssl, json, sys; print(json.dumps(ssl._ssl._test_decode_cert(sys.argv[1])))", w.path(name))
		var want map[string]any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		der, err := ToDER(w.read(name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := json.Marshal(c.PeerCert())
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(ours, &got); err != nil {
			t.Fatal(err)
		}
		for key := range want {
			if !reflect.DeepEqual(got[key], want[key]) {
				t.Errorf("%s, %s: %v, Python says %v", name, key, got[key], want[key])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: keys %v, Python has %v", name, got, want)
		}
	}
}

// limbo returns the certificates of x509-limbo, which break every rule.
func limbo(t testing.TB) [][]byte {
	t.Helper()
	data, err := os.ReadFile("../trust/testdata/limbo.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Cases []struct {
			Trusted   []string `json:"trusted_certs"`
			Untrusted []string `json:"untrusted_intermediates"`
			Peer      string   `json:"peer_certificate"`
		} `json:"testcases"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	var found [][]byte
	for _, c := range all.Cases {
		for _, text := range append(append(c.Trusted, c.Untrusted...), c.Peer) {
			block, _ := pem.Decode([]byte(text))
			if block == nil {
				t.Fatal("no PEM")
			}
			found = append(found, block.Bytes)
		}
	}
	return found
}

// TestAgainstX509 compares the fields that both parsers decode.
func TestAgainstX509(t *testing.T) {
	refused := 0
	for _, der := range limbo(t) {
		c, err := Parse(der)
		if err != nil {
			t.Errorf("%v\n%x", err, der)
			continue
		}
		x, err := x509.ParseCertificate(der)
		if err != nil {
			refused++
			if len(c.Problems) == 0 && c.Key.Curve == "P-256" {
				t.Errorf("crypto/x509 says %v, we see no problem", err)
			}
			continue
		}
		dns := 0
		for _, g := range c.AlternativeNames {
			if g.Kind == DNSName {
				if g.Value != x.DNSNames[dns] {
					t.Errorf("name %q, crypto/x509 reads %q", g.Value, x.DNSNames[dns])
				}
				dns++
			}
		}
		if c.Version != x.Version || !c.NotBefore.Equal(x.NotBefore) || !c.NotAfter.Equal(x.NotAfter) || dns != len(x.DNSNames) ||
			!bytes.Equal(c.Key.Raw, x.RawSubjectPublicKeyInfo) || !strings.EqualFold(strings.TrimLeft(c.Serial, "0"), strings.TrimLeft(x.SerialNumber.Text(16), "0")) {
			t.Errorf("%s differs from what crypto/x509 reads", c.Subject)
		}
		if c.Text(time.Now()) == "" {
			t.Error("no text")
		}
	}
	if refused == 0 {
		t.Error("crypto/x509 refuses none of them, so that this test proves less than it should")
	}
}

func TestHostileCertificates(t *testing.T) {
	w := newWorkshop(t)
	w.rich()
	rich := w.read("rich.der")
	for name, tc := range map[string]struct {
		der     []byte
		problem string
	}{
		"NUL in names":      {bytes.ReplaceAll(rich, []byte("example.org"), []byte("examp\x00e.org")), "NUL character in the subject"},
		"control character": {bytes.ReplaceAll(rich, []byte("un autre"), []byte("un\x1b[31mX")), "control character in the subject alternative names"},
		"bad UTF-8":         {bytes.ReplaceAll(rich, []byte("second"), []byte("\xff\xfe\xfdond")), "not valid in its encoding"},
		"broken extension":  {bytes.Replace(rich, []byte{0x55, 0x1d, 0x11}, []byte{0x55, 0x1d, 0x0f}, 1), "present twice"},
		"broken usage":      {bytes.Replace(rich, []byte{0x55, 0x1d, 0x25}, []byte{0x55, 0x1d, 0x13}, 1), "basicConstraints"},
		"trailing bytes":    {append(bytes.Clone(rich), 1, 2, 3), "3 bytes follow"},
	} {
		c, err := Parse(tc.der)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if all := strings.Join(c.Problems, "\n"); !strings.Contains(all, tc.problem) {
			t.Errorf("%s: problems %s", name, all)
		}
		for _, r := range c.Text(time.Now()) {
			if r < ' ' && r != '\n' {
				t.Errorf("%s: the text has the character %q", name, r)
			}
		}
		if !json.Valid(must(json.Marshal(c))) {
			t.Errorf("%s: invalid JSON", name)
		}
	}
	for name, der := range map[string][]byte{"empty": nil, "text": []byte("x"), "cut": rich[:100], "giant": make([]byte, MaxSize+1), "nested": nested(100_000)} {
		if _, err := Parse(der); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// nested returns sequences in sequences.
func nested(size int) []byte {
	var out []byte
	for len(out) < size {
		n := len(out)
		out = append([]byte{0x30, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, out...)
		if len(out) > 500 {
			out = append(out, out...)
		}
	}
	return out
}

// TestGiantName parses a valid certificate with a name of 100 KB.
func TestGiantName(t *testing.T) {
	w := newWorkshop(t)
	w.write("giant.cnf", "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nO=x\n[ext]\nsubjectAltName=DNS:"+strings.Repeat("a", 100_000)+"\n")
	w.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -config giant.cnf -extensions ext -outform DER -out giant.der")
	c, err := Parse(w.read("giant.der"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.AlternativeNames) != 1 || len(c.AlternativeNames[0].Value) != maxValue || !strings.Contains(strings.Join(c.Problems, ""), "100000 bytes") {
		t.Errorf("problems %q", c.Problems)
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]int64{"Jan  5 09:34:43 2018 GMT": 1515144883, "Feb 28 12:00:00 2050 GMT": 2529662400} {
		got, err := ParseTime(text)
		if err != nil || got.Unix() != want || FormatTime(got) != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "Jan 5 2018", "Jan  5 09:34:43 2018 UTC", "Jan  5 09:34:43 2018", "Jan 35 09:34:43 2018 GMT"} {
		if _, err := ParseTime(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestPEMAndDER(t *testing.T) {
	w := newWorkshop(t)
	w.rich()
	der, err := ToDER(append([]byte("intro\n"), w.read("rich.pem")...))
	if err != nil || !bytes.Equal(der, w.read("rich.der")) || !bytes.Equal(ToPEM(der), w.read("rich.pem")) {
		t.Errorf("%v", err)
	}
	if _, err := ToDER(w.read("key.pem")); err == nil {
		t.Error("a key was taken for a certificate")
	}
}

func FuzzParse(f *testing.F) {
	for _, der := range limbo(f)[:40] {
		f.Add(der)
	}
	w := newWorkshop(f)
	w.rich()
	f.Add(w.read("rich.der"))
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := Parse(der)
		if err != nil {
			return
		}
		text := c.Text(time.Unix(0, 0))
		if strings.ContainsAny(text, "\x00\x1b\r") {
			t.Errorf("the text has control characters: %q", text)
		}
		if _, err := json.Marshal(c.PeerCert()); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Error(err)
		}
	})
}
