package interop

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// env is a scenario of TLS 1.2 as the programs in testdata read it, beside what
// they read in any case.
func (v *tls12) env(s *scenario) []string {
	all := map[string]string{
		"HINT": v.hint, "RESUME": v.resume, "STAPLE": "", "EXPORTER": "", "UNIQUE": "", "SEPARATE": "", "RENEGOTIATE": "", "LATE": "", "VERSION": "1.2",
	}
	if v.ranged {
		all["VERSION"] = "any"
	}
	if s.suite != 0 {
		all["OPENSSL_SUITE"], all["SUITE_ID"] = opensslSuite(s.suite), strconv.Itoa(int(s.suite))
	}
	if s.withPSK() {
		all["PSK"], all["PSK_IDENTITY"] = pskKey, pskIdentity
	}
	if v.staple {
		all["STAPLE"] = file("staple.der")
	}
	if v.exporter {
		all["EXPORTER"] = exporterLabel
	}
	for name, on := range map[string]bool{"UNIQUE": v.unique, "SEPARATE": v.separate, "RENEGOTIATE": v.renegotiate, "LATE": v.late} {
		if on {
			all[name] = "yes"
		}
	}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			env = append(env, name+"="+all[name])
		}
	}
	return env
}

// A gap is why a program cannot take part in the scenarios of TLS 1.2 whose
// names have one of some words in them; "client " or "server " before the word
// means that role alone.
type gap struct {
	why   string
	words []string
}

func without12(gaps ...gap) map[string]string {
	without := map[string]string{}
	for _, g := range gaps {
		for _, word := range g.words {
			role := ""
			if r, rest, ok := strings.Cut(word, " "); ok && (r == "client" || r == "server") {
				role, word = r+" ", rest
			}
			for _, s := range scenarios12 {
				if strings.Contains(s.name, word) {
					without[role+s.name] = g.why
				}
			}
		}
	}
	return without
}

const (
	noSuite     = "it does not have this suite"
	noCall      = "no call for it"
	noKeys      = "no pre-shared keys in TLS 1.2"
	gnutlsLate  = "gnutls-serv has no command for it"
	gnutlsCrash = "gnutls-cli crashes behind the handshake, with its own server too"
)

var (
	openssl30Without12 = without12(
		gap{noSuite, []string{"ECDHE-PSK-AES"}},
		gap{"no option for it", []string{"tls-unique", "no extended master secret"}},
	)
	openssl35Without12 = without12(
		gap{noSuite, []string{"ECDHE-PSK-AES"}},
		gap{"no option for it", []string{"tls-unique"}},
	)
	gnutls37Without12 = without12(
		gap{noSuite, []string{"ECDHE-PSK-AES"}},
		gap{gnutlsLate, []string{"renegotiation for a certificate"}},
		gap{gnutlsCrash, []string{"client ECDHE-PSK-CHACHA20", "client pre-shared key by hint"}},
	)
	gnutls38Without12 = without12(
		gap{noSuite, []string{"ECDHE-PSK-AES"}},
		gap{gnutlsLate, []string{"renegotiation for a certificate"}},
	)
	nssWithout12 = without12(
		gap{noSuite, []string{"CCM"}},
		gap{noKeys, []string{"PSK", "pre-shared key"}},
		gap{"no Ed25519 in this version", []string{"Ed25519"}},
		gap{"tstclnt has no setting for it", []string{"client ALPN"}},
		gap{"its programs do not tell it", []string{"tls-unique"}},
		gap{"it always has it", []string{"no extended master secret"}},
	)
	pythonWithout12 = without12(
		gap{"pre-shared keys came with Python 3.13", []string{"PSK", "pre-shared key"}},
		gap{noCall, []string{"OCSP", "exporter", "renegotiation", "no extended master secret"}},
	)
	nodeWithout12 = without12(
		gap{noSuite, []string{"ECDHE-PSK-AES"}},
		gap{"no setting for it", []string{"no extended master secret"}},
	)
	javaWithout12 = without12(
		gap{noSuite, []string{"CCM"}},
		gap{noKeys, []string{"PSK", "pre-shared key"}},
		gap{"it fetches responses by itself, from an authority's server", []string{"server OCSP"}},
		gap{noCall, []string{"exporter", "tls-unique"}},
	)
	mbedtlsWithout12 = without12(
		gap{noSuite, []string{"ECDHE-PSK-AES"}},
		gap{"no Ed25519", []string{"Ed25519"}},
		gap{"no PSS in the signatures of TLS 1.2", []string{"PSS"}},
		gap{"its server gives none", []string{"server pre-shared key by hint"}},
		gap{noCall, []string{"OCSP", "exporter", "tls-unique"}},
	)
	standardWithout12 = without12(
		gap{noSuite, []string{"CCM"}},
		gap{noKeys, []string{"PSK", "pre-shared key"}},
		gap{"tickets alone", []string{"resumption by ID"}},
		gap{"no setting for it", []string{"no extended master secret"}},
		gap{"it never asks for it", []string{"renegotiation"}},
		gap{"it does not read such keys", []string{"key for PSS alone"}},
	)
)

// javaProperties are what Java has no call for.
func javaProperties(v *tls12) []string {
	var args []string
	if v.resume == "ID" {
		args = append(args, "-Djdk.tls.client.enableSessionTicketExtension=false", "-Djdk.tls.server.enableSessionTicketExtension=false")
	}
	if v.separate {
		args = append(args, "-Djdk.tls.useExtendedMasterSecret=false")
	}
	return args
}
