package main

const (
	tlsMLDSA = "draft-ietf-tls-mldsa"
	rfc9881  = "RFC 9881"
)

// postQuantumRows are about ML-DSA.
var postQuantumRows = []row{
	{
		doc: tlsMLDSA, section: "3", must: "the schemes are not used in TLS 1.2",
		file: "internal/suites/signatures.go",
		old:  "s.kind == kindMLDSA && version >= iana.TLS13 &&", new: "s.kind == kindMLDSA &&",
		test: "TestMLDSA",
	},
	{
		doc: tlsMLDSA, section: "3", must: "the schemes are not used in TLS 1.2",
		file: "internal/suites/signatures.go",
		old:  "{iana.MLDSA44, kindMLDSA, 0, mldsa.MLDSA44(), true, false},",
		new:  "{iana.MLDSA44, kindMLDSA, 0, mldsa.MLDSA44(), true, true},",
		test: "TestMLDSA",
	},
	{
		doc: tlsMLDSA, section: "3", must: "the schemes are not used in TLS 1.2",
		file: "engine/client_hello.go",
		old:  "h.SignatureAlgorithms = schemes12(h.SignatureAlgorithms)", new: "",
		test: "TestMLDSAOffered",
	},
	{
		doc: tlsMLDSA, section: "3", must: "a scheme goes with the parameter set of its key",
		file: "internal/suites/signatures.go",
		old:  "key.Parameters() == s.fixed", new: "true",
		test: "TestMLDSA",
	},
	{
		doc: tlsMLDSA, section: "3", must: "a signature that does not verify is refused",
		file: "internal/suites/signatures.go",
		old:  "ok = mldsa.Verify(key, message, signature, nil) == nil", new: "ok = true",
		test: "TestMLDSA",
	},
	{
		doc: tlsMLDSA, section: "3", must: "the context string is empty",
		file: "internal/suites/signatures.go",
		old:  "ok = mldsa.Verify(key, message, signature, nil) == nil",
		new:  "ok = mldsa.Verify(key, message, signature, &mldsa.Options{Context: \"TLS\"}) == nil",
		test: "TestMLDSA",
	},
	{
		doc: own, section: "engine", must: "a list of schemes is good for a version that is enabled",
		file: "engine/config.go",
		old:  "len(c.SignatureSchemes) > 0 && !fits", new: "false",
		test: "TestMLDSAOffered",
	},
	{
		doc: own, section: "internal/pubkey", must: "an empty ML-DSA key is refused, and does not panic",
		file: "internal/pubkey/pubkey.go",
		old:  "key == nil || *key == (mldsa.PublicKey{})", new: "key == nil",
		test: "TestCheck",
	},
	{
		doc: rfc9881, section: "Private Key Consistency Testing",
		must: "a private key whose seed and expanded key differ is malformed",
		file: "internal/mldsakey/mldsakey.go",
		old:  "expanded != nil && !bytes.Equal(s.seeded(seed), expanded)", new: "false",
		test: "TestDamaged",
	},
	{
		doc: rfc9881, section: "6", must: "the three forms of a private key, with their sizes",
		file: "internal/mldsakey/mldsakey.go",
		old:  "(seed == nil || len(seed) == mldsa.PrivateKeySize)", new: "true",
		test: "TestDamaged",
	},
	{
		doc: own, section: "internal/mldsakey",
		must: "an expanded key whose parts do not go together is refused",
		file: "internal/mldsakey/mldsakey.go",
		old:  "err != nil || mldsa.Verify(key.public, probe, signature, nil) != nil",
		new:  "err != nil || len(signature) == 0",
		test: "TestDamaged",
	},
	{
		doc: own, section: "internal/mldsakey",
		must: "an expanded key whose coefficients are out of range is refused",
		file: "internal/mldsakey/mldsakey.go",
		old:  "if !s.inRange(expanded) {", new: "if !s.inRange(expanded) && s.eta == 0 {",
		test: "TestWycheproof",
	},
	{
		doc: own, section: "internal/mldsakey", must: "a key without its seed prints as [redacted]",
		file: "internal/mldsakey/mldsakey.go",
		old:  "String() string { return \"[redacted]\" }", new: "Text() string { return \"\" }",
		nth: 1, test: "TestForms",
	},
	{
		doc: own, section: "authority", must: "the root has a key of its own kind",
		file: "authority/authority.go",
		old:  "rootKey, err := rootAlgorithm.generate()",
		new:  "_ = rootAlgorithm\n\trootKey, err := algorithm.generate()",
		test: "TestMixedChains",
	},
	{
		doc: own, section: "authority", must: "OCSP responses name the parameter set of their signature",
		file: "authority/responder.go",
		old:  "mldsa.MLDSA44(): mldsa44DER", new: "mldsa.MLDSA44(): mldsa65DER",
		test: "TestRevokedByOwnServices",
	},
	{
		doc: own, section: "identity", must: "an identity signs with the parameter set of its key",
		file: "identity/choose.go",
		old:  "return mldsaSchemes[key.Parameters()] == scheme", new: "return false",
		test: "TestSigns",
	},
	{
		doc: own, section: "trust",
		must: "an error blames the signature algorithm, and not the issuer's key",
		file: "trust/diagnose.go",
		old:  "if parent.PublicKey != nil {", new: "if false {",
		test: "TestMLDSAChains",
	},
	{
		doc: own, section: "sealsock",
		must: "a connection is post-quantum only with ML-KEM or a shared key",
		file: "post_quantum.go",
		old:  "case shared, hasMLKEM(s.Group):", new: "case true:",
		test: "TestPostQuantum",
	},
	{
		doc: own, section: "sealsock",
		must: "authentication is post-quantum only if each signature of the chain is",
		file: "post_quantum.go",
		old:  "if signed = classical(chain); signed == nil {",
		new:  "if signed = classical(chain); true {",
		test: "TestPostQuantum",
	},
	{
		doc: own, section: "sealsock",
		must: "authentication is post-quantum only if the peer's key is",
		file: "post_quantum.go",
		old:  "case !isMLDSA(peer.PublicKey):", new: "case false:",
		test: "TestPostQuantum",
	},
	{
		doc: own, section: "sealsock",
		must: "authentication is post-quantum only if this side's proof is",
		file: "post_quantum.go",
		old:  "if s.OwnScheme != 0 && !hasMLDSA(s.OwnScheme) {", new: "if false {",
		test: "TestPostQuantum",
	},
	{
		doc: own, section: "sealsock", must: "a profile bounds the version",
		file: "profile.go",
		old:  "own.MinVersion = max(c.MinVersion, rules.MinVersion)", new: "",
		test: "TestProfiles",
	},
	{
		doc: own, section: "sealsock", must: "a profile bounds the suites and groups",
		file: "profile.go",
		old:  "own.CipherSuites, own.Groups = rules.CipherSuites, rules.Groups", new: "",
		test: "TestProfiles",
	},
	{
		doc: own, section: "sealsock", must: "a profile bounds the signatures",
		file: "profile.go",
		old:  "own.SignatureSchemes = rules.SignatureSchemes", new: "",
		test: "TestProfiles",
	},
	{
		doc: own, section: "sealsock", must: "a profile bounds each key of the chain",
		file: "profile.go",
		old:  "return !t.rules.allow(certtext.Key(c))", new: "return false",
		test: "TestProfiles",
	},
	{
		doc: own, section: "sealsock", must: "a profile is not weakened by lists beside it",
		file: "profile.go",
		old:  "c.CipherSuites != nil || c.Groups != nil || c.SignatureSchemes != nil", new: "false",
		test: "TestProfileMisused",
	},
	{
		doc: own, section: "seal", must: "only a large ClientHello is blamed for a silent server",
		file: "cmd/seal/hello_size.go",
		old:  "h.answered.Load() || n <= onePacket", new: "n < 0",
		test: "TestScripts/strangers",
	},
	{
		doc: own, section: "seal inspect",
		must: "a chain is post-quantum only if ML-DSA signed each certificate",
		file: "internal/probe/handshakes.go",
		old:  "case x509.MLDSA44, x509.MLDSA65, x509.MLDSA87:", new: "default:",
		test: "TestPostQuantumChain",
	},
}
