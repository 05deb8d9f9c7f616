package trust

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/peers"
)

// directoryName makes a Name of attributes given as "O=Evil", one relative name
// each. A prefix such as "BMP:" before the value chooses the string type.
func directoryName(attributes ...string) []byte {
	types := map[string]int{"C": 6, "O": 10, "OU": 11, "CN": 3}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, a := range attributes {
			key, value, _ := strings.Cut(a, "=")
			tag := asn1.UTF8String
			if rest, ok := strings.CutPrefix(value, "printable:"); ok {
				tag, value = asn1.PrintableString, rest
			} else if rest, ok := strings.CutPrefix(value, "BMP:"); ok {
				tag, value = tagBMPString, ""
				for _, r := range rest {
					value += string([]byte{byte(r >> 8), byte(r)})
				}
			}
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					if key == "mail" {
						b.AddASN1ObjectIdentifier(oidMailAddress)
						tag = asn1.IA5String
					} else {
						b.AddASN1ObjectIdentifier([]int{2, 5, 4, types[key]})
					}
					b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
				})
			})
		}
	})
	return b.BytesOrPanic()
}

// generalName wraps contents in the tag of a form.
func generalName(form uint8, contents []byte) []byte {
	tag := asn1.Tag(form).ContextSpecific()
	if form == 4 || form == 0 {
		tag = tag.Constructed()
	}
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(contents) })
	return b.BytesOrPanic()
}

// limited writes the extension of name constraints.
func limited(critical bool, permitted, excluded [][]byte) change {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, list := range [][][]byte{permitted, excluded} {
			if list == nil {
				continue
			}
			b.AddASN1(explicit(uint8(i)), func(b *cryptobyte.Builder) {
				for _, base := range list {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(base) })
				}
			})
		}
	})
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions,
			pkix.Extension{Id: oidNameConstraints, Critical: critical, Value: b.BytesOrPanic()})
	}
}

func subject(attributes ...string) change {
	return func(c *x509.Certificate) { c.RawSubject = directoryName(attributes...) }
}

// alternatives replaces the alternative names by raw ones.
func alternatives(names ...[]byte) change {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range names {
			b.AddBytes(n)
		}
	})
	return func(c *x509.Certificate) {
		c.DNSNames = nil
		c.ExtraExtensions = append(c.ExtraExtensions,
			pkix.Extension{Id: oidSubjectAltName, Value: b.BytesOrPanic()})
	}
}

func directories(all ...[]byte) [][]byte {
	var bases [][]byte
	for _, d := range all {
		bases = append(bases, generalName(4, d))
	}
	return bases
}

func texts(form uint8, all ...string) [][]byte {
	var bases [][]byte
	for _, text := range all {
		bases = append(bases, generalName(form, []byte(text)))
	}
	return bases
}

// unicodeMail is an SmtpUTF8Mailbox (RFC 9598).
func unicodeMail(address string) []byte {
	oid := element(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x05\x05\x07\x08\x09"))
	return element(explicit(0), oid, element(explicit(0), element(asn1.UTF8String, []byte(address))))
}

func element(tag asn1.Tag, contents ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(slices.Concat(contents...)) })
	return b.BytesOrPanic()
}

// constrained is one set of constraints and one leaf.
type constrained struct {
	permitted, excluded [][]byte
	leaf                []change
	says                string // why it is refused, or "" if it is accepted
	differs             bool   // OpenSSL decides otherwise, or cannot read it
}

func constrainedCases(t *testing.T) map[string]constrained {
	evil := directories(directoryName("O=Evil"))
	other := []byte("\x06\x03\x2a\x03\x04\xa0\x02\x05\x00")
	another := []byte("\x06\x03\x2a\x03\x05\xa0\x02\x05\x00")
	dns := generalName(2, []byte("example.org"))
	uri := func(text string) change {
		return func(c *x509.Certificate) {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = []*url.URL{u}
		}
	}
	mail := func(all ...string) change { return func(c *x509.Certificate) { c.EmailAddresses = all } }
	return map[string]constrained{
		"excluded": {
			nil, evil, []change{subject("O=Evil", "CN=a")}, `"CN=a,O=Evil" is excluded`, false},
		"excluded, another": {
			nil, evil, []change{subject("O=Good", "CN=a")}, "", false},
		"excluded, deeper": {
			nil, evil, []change{subject("C=XX", "O=Evil")}, "", false},
		"excluded in other case": {
			nil, evil, []change{subject("O=printable: eVIL  ")}, "is excluded", false},
		"excluded in another type": {
			nil, evil, []change{subject("O=BMP:Evil")}, "is excluded", false},
		"excluded, full width": {
			nil, evil, []change{subject("O=Ｅｖｉｌ")}, "is excluded", true},
		"excluded, invisible mark": {
			nil, evil, []change{subject("O=Ev\u200bil")}, "is excluded", true},
		"excluded, control": {
			nil, evil, []change{subject("O=Ev\x01il")}, "is excluded", true},
		"excluded, twice in one relative name": {
			nil, evil, []change{func(c *certificate) {
				one := directoryName("O=Evil")[4:]
				c.RawSubject = element(asn1.SEQUENCE, element(asn1.SET, one, one))
			}}, "is excluded", true},
		"surrogates": {
			nil, directories(directoryName("O=\U0001f600")),
			[]change{alternatives(dns, generalName(4, bytes.Replace(directoryName("O=BMP:AB"),
				[]byte("\x00A\x00B"), []byte{0xd8, 0x3d, 0xde, 0}, 1)))}, "are malformed", true},
		"a character of no type": {
			nil, evil, []change{alternatives(dns,
				generalName(4, directoryName("O=printable:Ev\xffil")))}, "are malformed", true},
		"excluded, by name": {
			nil, evil, []change{alternatives(dns, generalName(4, directoryName("O=Evil")))}, "is excluded", false},
		"excluded, sharp s": {
			nil, directories(directoryName("O=STRASSE")), []change{subject("O=Straße")},
			"is excluded", true},
		"excluded, all": {
			nil, directories(directoryName()), []change{subject("CN=a")}, "is excluded", false},
		"excluded, and no name": {
			nil, evil, []change{subject()}, "", false},
		"permitted": {
			evil, nil, []change{subject("O=Evil", "CN=a")}, "", false},
		"permitted, another": {
			evil, nil, []change{subject("O=Good", "CN=a")}, `"CN=a,O=Good" is not permitted`, false},
		"permitted, longer": {
			evil, nil, []change{subject("O=Evil2")}, "is not permitted", false},
		"permitted, shorter": {
			directories(directoryName("O=Evil", "OU=b")), nil, []change{subject("O=Evil")},
			"is not permitted", false},
		"permitted and excluded": {evil, directories(directoryName("O=Evil", "OU=b")),
			[]change{subject("O=Evil", "OU=b", "CN=a")}, "is excluded", false},
		"permitted, one of two": {directories(directoryName("O=A"), directoryName("O=B")), nil,
			[]change{subject("O=B")}, "", false},
		"mail in the subject": {
			texts(1, "good.test"), nil, []change{subject("mail=a@evil.test")},
			`"a@evil.test" is not permitted`, false},
		"mail in the subject, permitted": {
			texts(1, "good.test"), nil, []change{subject("mail=a@GOOD.test")}, "", false},
		"mail in the subject, excluded": {
			nil, texts(1, "evil.test"), []change{subject("mail=a@evil.test")},
			"is excluded", false},
		"mail in the subject, excluded below": {
			nil, texts(1, ".evil.test"), []change{subject("mail=a@b.evil.test")},
			"is excluded", false},
		"mail in the subject beside another": {texts(1, "good.test"), nil,
			[]change{subject("mail=a@evil.test"), mail("a@good.test")},
			`"a@evil.test" is not permitted`, false},
		"mail in the subject, a period at the end": {
			nil, texts(1, "evil.test"), []change{subject("mail=a@evil.test.")}, "is excluded", true},
		"mail in the subject, a space at the end": {
			nil, texts(1, "evil.test"), []change{subject("mail=a@evil.test ")}, "is excluded", true},
		"mail in the subject, two hosts": {
			nil, texts(1, "evil.test"), []change{subject("mail=a@evil.test,b@x.test")},
			"is excluded", true},
		"mail in the subject, quoted": {
			nil, texts(1, "a@evil.test"), []change{subject(`mail="a"@evil.test`)}, "is excluded", true},
		"mail in the subject, a quoted constraint": {
			nil, texts(1, `"a"@evil.test`), []change{subject("mail=a@evil.test")},
			"of a restricted form", true},
		"Unicode mail": {nil, texts(1, "evil.test"),
			[]change{alternatives(dns, unicodeMail("é@evil.test"))}, "is excluded", false},
		"Unicode mail, not permitted": {texts(1, "good.test"), nil,
			[]change{alternatives(dns, unicodeMail("é@evil.test"))}, "is not permitted", false},
		"Unicode mail, permitted": {texts(1, "good.test"), nil,
			[]change{alternatives(dns, unicodeMail("é@good.test"))}, "", false},
		"Unicode mail with a host in Unicode": {nil, texts(1, "evil.test"),
			[]change{alternatives(dns, unicodeMail("a@évil.test"))}, "is excluded", true},
		"Unicode mail of another type": {nil, texts(1, "evil.test"),
			[]change{alternatives(dns, bytes.Replace(unicodeMail("a@good.test"),
				[]byte{12, 11}, []byte{22, 11}, 1))}, "are malformed", true},
		"mail host": {
			texts(1, "good.test"), nil, []change{mail("a@good.test")}, "", false},
		"mail below the host": {
			texts(1, "good.test"), nil, []change{mail("a@b.good.test")}, "is not permitted", false},
		"mail below a period": {
			texts(1, ".good.test"), nil, []change{mail("a@b.good.test")}, "", false},
		"mail at a period": {
			texts(1, ".good.test"), nil, []change{mail("a@good.test")}, "not permitted", false},
		"mailbox": {
			texts(1, "a@good.test"), nil, []change{mail("a@GOOD.test")}, "", false},
		"mailbox in other case": {
			texts(1, "a@good.test"), nil, []change{mail("A@good.test")}, "not permitted", false},
		"another mailbox": {
			texts(1, "a@good.test"), nil, []change{mail("b@good.test")}, "not permitted", false},
		"excluded mailbox": {
			nil, texts(1, "a@good.test"), []change{mail("a@good.test")}, "excluded", false},
		"URI host": {
			texts(6, "good.test"), nil, []change{uri("https://good.test/x")}, "", false},
		"URI below the host": {
			texts(6, "good.test"), nil, []change{uri("https://b.good.test/x")}, "not permitted", false},
		"URI below a period": {
			texts(6, ".good.test"), nil, []change{uri("https://b.good.test/x")}, "", false},
		"URI without a host": {
			texts(6, "good.test"), nil, []change{uri("urn:x")}, "cannot be matched", true},
		"excluded URI": {
			nil, texts(6, "evil.test"), []change{uri("https://EVIL.test:1/")}, "excluded", false},
		"DNS name":         {texts(2, "example.org"), nil, nil, "", false},
		"another DNS name": {texts(2, "example.net"), nil, nil, "not permitted", false},
		"unknown form": {
			nil, [][]byte{generalName(0, other)}, []change{alternatives(dns, generalName(0, other))}, "of a restricted form", false},
		"unknown form, absent": {nil, [][]byte{generalName(0, other)}, nil, "", false},
		"unknown form, other type": {
			nil, [][]byte{generalName(0, other)}, []change{alternatives(dns, generalName(0, another))}, "", false},
		"registered ID": {
			[][]byte{generalName(8, []byte{42})}, nil, []change{alternatives(dns, generalName(8, []byte{42}))}, "of a restricted form", false},
		"a minimum": {
			nil, [][]byte{append(evil[0], 0x80, 1, 1)}, []change{subject("O=Good")}, "of a restricted form", false},
		"a broken directory name": {
			nil, [][]byte{generalName(4, []byte{5, 0})}, nil, "are malformed", true},
		"an empty relative name": {
			nil, [][]byte{generalName(4, []byte{0x30, 2, 0x31, 0})}, nil, "are malformed", true},
	}
}

// TestNameConstraints tries each set of constraints in a root, critical and not, and
// compares the outcome with OpenSSL's.
func TestNameConstraints(t *testing.T) {
	peers.Need(t, "openssl")
	for name, tc := range constrainedCases(t) {
		for _, critical := range []bool{true, false} {
			root := issue(t, nil, nil, authority("Root"), limited(critical, tc.permitted, tc.excluded))
			leaf := issue(t, root, nil, append([]change{server("example.org"), subject()}, tc.leaf...)...)
			peer := &Peer{Server: true, Name: "example.org", Chain: chainOf(leaf), Now: noon}
			p := Policy{Roots: rootsOf(t, root), AnyName: true}
			result, err := p.Verify(context.Background(), peer)
			var e *Error
			switch {
			case tc.says == "" && err != nil:
				t.Errorf("%s, critical %v: %v", name, critical, err)
			case tc.says != "" && (!errors.As(err, &e) || e.Code != CodeNameConstraint ||
				!strings.Contains(err.Error(), tc.says)):
				t.Errorf("%s, critical %v: %v", name, critical, err)
			case err == nil && (result.Chains[0][1] != p.Roots.List()[0].Certificate ||
				result.Leaf != result.Chains[0][0]):
				t.Errorf("%s: the path does not hold the certificates themselves", name)
			}
			if tc.differs {
				continue
			}
			dir := t.TempDir()
			out, theirs := exec.Command("openssl", "verify", "-attime", fmt.Sprint(noon.Unix()),
				"-CAfile", write(t, filepath.Join(dir, "root.pem"), pemOf(root)),
				write(t, filepath.Join(dir, "leaf.pem"), pemOf(leaf))).CombinedOutput()
			if (theirs == nil) != (err == nil) {
				t.Errorf("%s, critical %v: we decide %v, OpenSSL %s", name, critical, err, out)
			}
		}
	}
}

// TestConstrainedPath has constraints and names in other places of a path than its
// ends.
func TestConstrainedPath(t *testing.T) {
	evil := directories(directoryName("O=Evil"))
	org := texts(2, "example.org")
	root := issue(t, nil, nil, authority("Root"), limited(true, org, evil))
	named := func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }
	same := issue(t, root, nil, authority("Root"), named)
	evilInter := issue(t, root, nil, authority("x"), subject("O=Evil"))
	otherInter := issue(t, root, nil, authority("Other"), named)
	// A new key of a root that its own constraints exclude.
	selfEvil := issue(t, nil, nil, authority("x"), subject("O=Evil"), limited(true, nil, evil))
	newKey := issue(t, selfEvil, nil, authority("x"), subject("O=Evil"))
	free := issue(t, nil, nil, authority("Free"))
	tight := issue(t, free, nil, authority("Tight"), limited(false, nil, evil))
	selfLeaf := func(c *x509.Certificate) { c.Subject.CommonName = "Root" }
	for name, tc := range map[string]struct {
		path  []*node // without the leaf, the root last
		leaf  []change
		blame string // "" if it is accepted
	}{
		"self-issued intermediate": {[]*node{same, root}, nil, ""},
		"leaf below it": {
			[]*node{same, root}, []change{subject("O=Evil")}, "O=Evil"},
		"leaf below it, DNS": {
			[]*node{same, root}, []change{named}, "example.org"},
		"self-issued leaf": {
			[]*node{root}, []change{selfLeaf, named}, "Root"},
		"self-issued leaf, directory":    {[]*node{selfEvil}, []change{subject("O=Evil")}, "O=Evil"},
		"excluded intermediate":          {[]*node{evilInter, root}, nil, "O=Evil"},
		"intermediate with a DNS name":   {[]*node{otherInter, root}, nil, "Other"},
		"key change of an excluded root": {[]*node{newKey, selfEvil}, nil, ""},
		"constraints of an intermediate": {
			[]*node{tight, free}, []change{subject("O=Evil")}, "O=Evil"},
		"and not of its equals": {
			[]*node{free}, []change{subject("O=Evil")}, ""},
	} {
		leaf := issue(t, tc.path[0], nil, append([]change{server("example.org")}, tc.leaf...)...)
		top := len(tc.path) - 1
		peer := &Peer{Server: true, Chain: chainOf(append([]*node{leaf}, tc.path[:top]...)...), Now: noon}
		for range 2 {
			p := Policy{Roots: rootsOf(t, tc.path[top]), AnyName: true}
			_, err := p.Verify(context.Background(), peer)
			var e *Error
			if tc.blame == "" && err == nil {
				continue
			}
			if !errors.As(err, &e) || e.Code != CodeNameConstraint ||
				!strings.Contains(e.Certificate.Subject.String(), tc.blame) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestCriticalRootIsBlamed has a root with an extension that is not understood.
func TestCriticalRootIsBlamed(t *testing.T) {
	root := issue(t, nil, nil, authority("Root"), critical)
	leaf := issue(t, root, nil, server("example.org"))
	_, err := (&Policy{Roots: rootsOf(t, root)}).Verify(context.Background(),
		&Peer{Server: true, Name: "example.org", Chain: chainOf(leaf), Now: noon})
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnhandledExtension ||
		!e.Certificate.Equal(root.Certificate) {
		t.Errorf("%v", err)
	}
}

// TestManyConstraints counts the work for a path with thousands of names and of
// constraints: each name is prepared once, and compared with none one by one.
func TestManyConstraints(t *testing.T) {
	const many = 3000
	var bases, names [][]byte
	for i := range many {
		bases = append(bases, generalName(4, directoryName("C=XX", fmt.Sprintf("O=%d", i))))
		names = append(names, generalName(4, directoryName("C=XX", fmt.Sprintf("O=free %d", i), "CN=a")))
	}
	limits, err := parseConstraints(constraintsValue(t, nil, bases))
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, nil, nil, server("example.org"), alternatives(names...))
	checked := new(nameChecker)
	list, err := checked.of(leaf.Certificate)
	if err != nil || len(list.directories) != many+1 {
		t.Fatalf("%d names, %v", len(list.directories), err)
	}
	if again, _ := checked.of(leaf.Certificate); again != list {
		t.Error("the names are read twice")
	}
	if wrong := limits.refuse(list); wrong != "" {
		t.Error(wrong)
	}
	work := testing.AllocsPerRun(1, func() { limits.refuse(list) })
	if work > many {
		t.Errorf("%v allocations to compare %d names", work, many)
	}
	host := strings.Repeat("a.", 200_000) + "test"
	set := new(subtrees)
	set.mailHosts.add(".test")
	if set.mailHosts.has(host, false) || set.hasMail("a@"+host) || !set.hasMailBelow("a@"+host) {
		t.Error("a host of 400,000 bytes is compared label by label")
	}
}

func constraintsValue(t *testing.T, permitted, excluded [][]byte) []byte {
	t.Helper()
	c := new(x509.Certificate)
	limited(true, permitted, excluded)(c)
	return c.ExtraExtensions[0].Value
}

func TestStrictConstraints(t *testing.T) {
	for _, excluded := range []bool{true, false} {
		permitted, not := texts(2, ".example.org"), [][]byte(nil)
		if excluded {
			permitted, not = nil, texts(2, ".example.net")
		}
		root := issue(t, nil, nil, authority("Root"), limited(true, permitted, not))
		leaf := issue(t, root, nil, server("www.example.org"))
		peer := &Peer{Server: true, Name: "www.example.org", Chain: chainOf(leaf), Now: noon}
		p := Policy{Roots: rootsOf(t, root)}
		if _, err := p.Verify(context.Background(), peer); err != nil {
			t.Errorf("lenient: %v", err)
		}
		p.Strict = true
		_, err := p.Verify(context.Background(), peer)
		if err == nil || !strings.Contains(err.Error(), "begins with a period") {
			t.Errorf("strict: %v", err)
		}
	}
}

func FuzzNameConstraints(f *testing.F) {
	limits := limited(true, directories(directoryName("O=a")), texts(1, "x.test"))
	root := issue(f, nil, nil, authority("Root"), limits)
	f.Add(root.Raw, extension(root.Certificate, oidNameConstraints).Value)
	f.Fuzz(func(t *testing.T, der, value []byte) {
		limits, err := parseConstraints(value)
		if err != nil {
			return
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if names, err := namesIn(c); err == nil {
			limits.refuse(names)
		}
	})
}
