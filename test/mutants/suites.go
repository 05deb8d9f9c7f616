package main

// suitesRows are about cipher suites, groups and signature schemes.
var suitesRows = []row{
	{
		doc: rfc9846, section: "4.2.3", must: "ECDSA schemes go with their curve",
		file: "internal/suites/signatures.go",
		old:  "(version < iana.TLS13 || key.Curve == s.bits)", new: "true",
		test: "TestSignatures",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "RSASSA-PSS: salt as long as the digest; rsae and pss keys apart",
		file: "internal/suites/signatures.go",
		old: "opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: " +
			"s.hash}\n\treturn",
		new:  "opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: s.hash}\n\treturn",
		test: "TestSaltLength",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "RSASSA-PSS: salt as long as the digest; rsae and pss keys apart",
		file: "internal/suites/signatures.go",
		old:  "opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}",
		new:  "opts = &rsa.PSSOptions{SaltLength: 20, Hash: s.hash}",
		test: "TestSignatures",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "RSASSA-PSS: salt as long as the digest; rsae and pss keys apart",
		file: "internal/suites/signatures.go",
		old:  "(s.kind == kindPSS || s.kind == kindPKCS1) && !s.pssOnly()",
		new:  "(s.kind == kindPSS || s.kind == kindPKCS1)",
		test: "TestSignatures",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "RSASSA-PSS: salt as long as the digest; rsae and pss keys apart",
		file: "internal/suites/signatures.go",
		old:  "case PSSPublicKey:\n\t\treturn s.kind == kindPSS && s.pssOnly()",
		new:  "case PSSPublicKey:\n\t\treturn s.kind == kindPSS",
		test: "TestSignatures",
	},
	{
		doc: rfc9846, section: "4.2.8.2", must: "points are checked to be on the curve",
		file: "internal/suites/groups.go",
		old: "peer, err := c.NewPublicKey(share)\n\tif err != nil {\n\t\treturn nil, nil, " +
			"errShare\n\t}",
		new: "peer, err := c.NewPublicKey(share)\n\tif err != nil {\n\t\tk, _ := " +
			"c.GenerateKey(rand)\n\t\tpeer = k.PublicKey()\n\t}",
		test: "TestHostileShares",
	},
	{
		doc: rfc9846, section: "4.2.8.2", must: "points are checked to be on the curve",
		file: "internal/suites/groups.go",
		old:  "if len(share) != g.ClientLen {", new: "if false {",
		test: "TestShareLengths",
	},
	{
		doc: rfc9846, section: "4.2.8.2", must: "points are checked to be on the curve",
		file: "internal/suites/groups.go",
		old:  "if len(share) != g.ServerLen {", new: "if false {",
		test: "TestShareLengths",
	},
	{
		doc: rfc9846, section: "7.4.1, 7.4.2", must: "all-zero shared secrets are refused",
		file: "internal/suites/groups.go",
		old:  "if !x25519.Shared(&secret, &p.key, &peer) {",
		new:  "if x25519.Shared(&secret, &p.key, &peer); false {",
		test: "TestHostileShares",
	},
	{
		doc: "draft-ietf-tls-ecdhe-mlkem", section: "4",
		must: "the secret of a hybrid is both secrets in the order of the shares",
		file: "internal/suites/groups.go",
		old:  "return append(s1, s2...), nil", new: "return append(s2, s1...), nil",
		test: "TestX25519MLKEM768WithTheStandardLibrary",
	},
	{
		doc: rfc9846, section: "9.1",
		must: "TLS_AES_128_GCM_SHA256, secp256r1, the mandatory schemes",
		file: "internal/suites/suites.go",
		old:  "{iana.TLS_AES_128_GCM_SHA256, crypto.SHA256, 16, gcmLimit, gcm.New},", new: "",
		test: "TestMandatory",
	},
	{
		doc: rfc9846, section: "9.1",
		must: "TLS_AES_128_GCM_SHA256, secp256r1, the mandatory schemes",
		file: "internal/suites/groups.go",
		old:  "{iana.SecP256r1, 65, 65, curve{ecdh.P256()}},", new: "",
		test: "TestMandatory",
	},
	{
		doc: rfc9846, section: "9.1",
		must: "TLS_AES_128_GCM_SHA256, secp256r1, the mandatory schemes",
		file: "internal/suites/signatures.go",
		old: "{iana.ECDSAWithP256AndSHA256, kindECDSA, crypto.SHA256, elliptic.P256(), true, " +
			"true},",
		new:  "",
		test: "TestMandatory",
	},
	{
		doc: rfc9846, section: "5.5", must: "an AES-GCM key protects at most 2^24.5 full records",
		file: "internal/suites/suites.go",
		old:  "gcmLimit    = 1 << 24", new: "gcmLimit    = 1 << 25",
		test: "TestRecordLimits",
	},
}
