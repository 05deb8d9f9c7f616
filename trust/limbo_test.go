package trust

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"
)

// limboCase is one case of x509-limbo, a collection of certificate paths with
// the clause that each tests (C2SP, Apache-2.0, generated 2026-11-22 without
// its network-bound and bulk parts).
type limboCase struct {
	ID             string     `json:"id"`
	Features       []string   `json:"features"`
	Description    string     `json:"description"`
	Kind           string     `json:"validation_kind"`
	Trusted        []string   `json:"trusted_certs"`
	Untrusted      []string   `json:"untrusted_intermediates"`
	Peer           string     `json:"peer_certificate"`
	Time           *time.Time `json:"validation_time"`
	Expected       string     `json:"expected_result"`
	MaxChainDepth  *int       `json:"max_chain_depth"`
	PeerName       *limboName `json:"expected_peer_name"`
	KeyUsage       []string   `json:"key_usage"`
	ExtKeyUsage    []string   `json:"extended_key_usage"`
	CRLs           []string   `json:"crls"`
	SignatureAlgos []string   `json:"signature_algorithms"`
}

type limboName struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

func loadLimbo(t *testing.T, name string, least int) []limboCase {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Cases []limboCase `json:"testcases"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) < least {
		t.Fatalf("only %d cases", len(all.Cases))
	}
	return all.Cases
}

func (c limboCase) run(t *testing.T, strict bool) error {
	t.Helper()
	if len(c.SignatureAlgos)+len(c.CRLs) > 0 {
		t.Fatalf("%s asks for what this test does not set", c.ID)
	}
	p := Policy{Roots: new(Roots), PartialChain: true, Strict: strict}
	for _, text := range c.Trusted {
		if _, err := p.Roots.AddPEM([]byte(text)); err != nil {
			return err
		}
	}
	if c.MaxChainDepth != nil {
		p.Depth = *c.MaxChainDepth
		if p.Depth == 0 {
			p.Depth = -1
		}
	}
	peer := Peer{Server: c.Kind == "SERVER"}
	if c.PeerName != nil {
		peer.Name = c.PeerName.Value
	} else {
		p.AnyName = true
	}
	if c.Time != nil {
		peer.Now = *c.Time
	}
	for _, text := range append([]string{c.Peer}, c.Untrusted...) {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return errors.New("no PEM")
		}
		peer.Chain = append(peer.Chain, block.Bytes)
	}
	_, err := p.Verify(context.Background(), &peer)
	return err
}

// Why a case is decided otherwise. No case in the list lets a peer impersonate another:
// each path that is accepted is signed, in date, and valid for the name. What a strict
// policy accepts besides breaks rules of the web's PKI only, which the test checks.
const (
	// RFC 5280, Section 4, defines what authorities put into certificates;
	// Section 6, which defines how to validate paths, does not require it.
	// Policy.Strict does.
	profile = "a rule of the profile for authorities, which validation does not ask for: Strict does"
	// The rules of the CA/Browser Forum bind authorities that browsers trust.
	// Private authorities, for which this package is made as well, do not
	// follow them, and crypto/x509 and OpenSSL do not enforce them.
	webPKI = "a rule of the CA/Browser Forum's for public authorities"
	// RFC 9846, Section 4.4.2.2, binds certificates used in TLS beyond RFC 5280.
	tlsKeyUsage = "refused: TLS wants digitalSignature in the leaf's key usage"
)

// always lists the cases that are decided otherwise under every policy.
var always = map[string]string{
	"pathlen::self-issued-certs-pathlen":                        "refused: crypto/x509 counts self-issued certificates too, which is stricter",
	"webpki::aki::root-with-aki-missing-keyidentifier":          webPKI,
	"webpki::aki::root-with-aki-authoritycertissuer":            webPKI,
	"webpki::aki::root-with-aki-authoritycertserialnumber":      webPKI,
	"webpki::aki::root-with-aki-all-fields":                     webPKI,
	"webpki::aki::root-with-aki-ski-mismatch":                   webPKI,
	"webpki::cn::ipv4-hex-mismatch":                             webPKI + ": the common name is not looked at",
	"webpki::cn::ipv4-leading-zeros-mismatch":                   webPKI + ": the common name is not looked at",
	"webpki::cn::ipv6-uppercase-mismatch":                       webPKI + ": the common name is not looked at",
	"webpki::cn::ipv6-uncompressed-mismatch":                    webPKI + ": the common name is not looked at",
	"webpki::cn::ipv6-non-rfc5952-mismatch":                     webPKI + ": the common name is not looked at",
	"webpki::cn::punycode-not-in-san":                           webPKI + ": the common name is not looked at",
	"webpki::cn::not-in-san":                                    webPKI + ": the common name is not looked at",
	"webpki::cn::case-mismatch":                                 webPKI + ": the common name is not looked at",
	"webpki::eku::ee-anyeku":                                    webPKI,
	"webpki::eku::ee-critical-eku":                              webPKI,
	"webpki::eku::ee-without-eku":                               webPKI,
	"webpki::eku::root-has-eku":                                 webPKI,
	"webpki::san::public-suffix-private-namespace-wildcard-san": webPKI + ": owners of such suffixes do use these wildcards",
	"webpki::san::san-critical-with-nonempty-subject":           webPKI,
	"webpki::forbidden-rsa-not-divisible-by-8-in-root":          webPKI,
	"webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf":      webPKI,
	"rfc5280::ca-as-leaf":                                       tlsKeyUsage + "; webpki::ca-as-leaf wants it refused",
	"pathlen::validation-ignores-pathlen-in-leaf":               tlsKeyUsage,
}

// lenient lists those of a policy that is not strict, besides.
var lenient = map[string]string{
	"rfc5280::aki::leaf-missing-aki":               profile,
	"rfc5280::aki::intermediate-missing-aki":       profile,
	"rfc5280::aki::cross-signed-root-missing-aki":  profile,
	"rfc5280::pc::ica-noncritical-pc":              profile,
	"rfc5280::san::noncritical-with-empty-subject": profile,
	"rfc5280::san::underscore-dns":                 profile,
	"rfc5280::serial::too-long":                    profile,
	"rfc5280::serial::zero":                        profile,
	"rfc5280::ski::root-missing-ski":               profile,
	"rfc5280::ski::intermediate-missing-ski":       profile,
	"rfc5280::ca-empty-subject":                    profile,
	"rfc5280::root-non-critical-basic-constraints": profile,
	"rfc5280::leaf-ku-keycertsign":                 profile,
	"webpki::ee-basicconstraints-ca":               webPKI + "; Strict refuses it for its key usage",
}

// otherNames lists the cases of name constraints that are decided otherwise.
var otherNames = map[string]string{
	"rfc5280::nc::permitted-dns-match-noncritical, strict false": profile,
	"rfc5280::nc::invalid-dnsname-leading-period, strict false":  profile,
	"rfc5280::nc::not-allowed-in-ee-noncritical, strict false":   profile,
	"rfc5280::nc::not-allowed-in-ee-critical, strict false":      profile,
	"webpki::nc::permitted-dns-match-noncritical, strict true":   webPKI + ", against RFC 5280",
}

// TestLimboNames has the cases about name constraints (generated 2026-11-28 from the
// project's own sources).
func TestLimboNames(t *testing.T) {
	for _, c := range loadLimbo(t, "limbo_names.json", 50) {
		for _, strict := range []bool{false, true} {
			err := c.run(t, strict)
			agrees := (err == nil) == (c.Expected == "SUCCESS")
			if name := fmt.Sprintf("%s, strict %v", c.ID, strict); agrees == (otherNames[name] != "") {
				t.Errorf("%s: expected %s, got %v", name, c.Expected, err)
			}
		}
	}
}

func TestLimbo(t *testing.T) {
	for name, mode := range map[string]struct {
		strict bool
		known  []map[string]string
	}{"lenient": {false, []map[string]string{always, lenient}}, "strict": {true, []map[string]string{always}}} {
		t.Run(name, func(t *testing.T) {
			reasons := map[string]string{}
			for _, list := range mode.known {
				maps.Copy(reasons, list)
			}
			seen := 0
			for _, c := range loadLimbo(t, "limbo.json", 100) {
				err := c.run(t, mode.strict)
				agrees := (err == nil) == (c.Expected == "SUCCESS")
				reason := reasons[c.ID]
				switch {
				case !agrees && reason == "":
					t.Errorf("%s: expected %s %v, got %v", c.ID, c.Expected, c.Features, err)
				case agrees && reason != "":
					t.Errorf("%s is listed as decided otherwise, but is not", c.ID)
				case reason != "":
					seen++
				}
				if mode.strict && !agrees && err == nil && !strings.HasPrefix(c.ID, "webpki::") {
					t.Errorf("%s is accepted, though more than rules of the web's PKI speak against it", c.ID)
				}
			}
			if seen != len(reasons) {
				t.Errorf("%d of the %d listed cases exist", seen, len(reasons))
			}
		})
	}
}
