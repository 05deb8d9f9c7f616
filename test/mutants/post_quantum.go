package main

const tlsMLDSA = "draft-ietf-tls-mldsa"

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
}
