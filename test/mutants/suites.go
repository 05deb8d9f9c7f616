package main

// suitesRows are about cipher suites, groups and signature schemes.
var suitesRows = []row{
	{
		doc: rfc9846, section: "4.2.3", must: "ECDSA schemes go with their curve",
		file: "internal/suites/signatures.go",
		old:  "(version < iana.TLS13 || key.Curve == s.fixed)", new: "true",
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
		old:  "key != nil && s.pssOnly() && rsaFits(", new: "key != nil && s.kind == kindPSS && rsaFits(",
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
		file: "internal/suites/montgomery.go",
		old:  "if !p.shared(secret, p.secret, share) {",
		new:  "if p.shared(secret, p.secret, share); false {",
		test: "TestHostileShares",
	},
	{
		doc: "RFC 7919", section: "Appendix A", must: "the primes are those of the formula",
		file: "internal/suites/ffdhe.go",
		old:  "carry := f.x - 1", new: "carry := f.x",
		test: "TestPrimes",
	},
	{
		doc: "RFC 7919", section: "5.2, Appendix A", must: "secret exponents have the size of the group",
		file: "internal/suites/ffdhe.go",
		old:  "ffdhe{2048 / 8, 560316, 32}", new: "ffdhe{2048 / 8, 560316, 28}",
		test: "TestExponents",
	},
	{
		doc: "RFC 7919", section: "5.2, Appendix A", must: "secret exponents have the size of the group",
		file: "internal/suites/ffdhe.go",
		old:  "secret[0] |= 0x80", new: "secret[0] |= 0",
		test: "TestExponents",
	},
	{
		doc: rfc9846, section: "4.2.8.1", must: "1 < Y < p-1 in finite fields",
		file: "internal/suites/ffdhe.go",
		old:  "y.IsZero()|y.IsOne()|y.IsMinusOne(m) == 1", new: "y.IsZero()|y.IsOne() == 1",
		test: "TestHostileFiniteField",
	},
	{
		doc: rfc9846, section: "4.2.8.1", must: "1 < Y < p-1 in finite fields",
		file: "internal/suites/ffdhe.go",
		old:  "y.IsZero()|y.IsOne()|y.IsMinusOne(m) == 1", new: "y.IsZero()|y.IsMinusOne(m) == 1",
		test: "TestHostileFiniteField",
	},
	{
		doc: rfc9846, section: "4.2.8.1", must: "1 < Y < p-1 in finite fields",
		file: "internal/suites/ffdhe.go",
		old:  "bigmod.NewNat().SetBytes(share, m)", new: "bigmod.NewNat().SetOverflowingBytes(share, m)",
		test: "TestHostileFiniteField",
	},
	{
		doc: rfc9846, section: "7.4.1", must: "secrets of finite fields are padded at the left",
		file: "internal/suites/ffdhe.go",
		old:  "return bigmod.NewNat().Exp(base, p.secret, p.m).Bytes(p.m)",
		new: "b := bigmod.NewNat().Exp(base, p.secret, p.m).Bytes(p.m)\n\tfor b[0] == 0 {\n" +
			"\t\tb = b[1:]\n\t}\n\treturn b",
		test: "TestPadding",
	},
	{
		doc: rfc9846, section: "7.4.1, 7.4.2", must: "all-zero shared secrets are refused",
		file: "internal/suites/montgomery.go",
		old:  "return x448.Shared((*x448.Key)(shared), (*x448.Key)(secret), (*x448.Key)(peer))",
		new: "x448.Shared((*x448.Key)(shared), (*x448.Key)(secret), (*x448.Key)(peer))\n" +
			"\t\treturn true",
		test: "TestHostileX448",
	},
	{
		doc: own, section: "engine", must: "X448 and finite fields have to be asked for",
		file: "internal/suites/groups.go",
		old:  "defaultGroups = 7", new: "defaultGroups = 10",
		test: "TestOptIn",
	},
	{
		doc: "RFC 8422", section: "5.1.1", must: "no finite field in an ECDHE suite",
		file: "engine/flow12.go",
		old:  "return !suites.ECDHE(g)", new: "return !suites.Classical(g)",
		test: "TestFiniteFieldInTLS12",
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
		old:  "{iana.TLS_AES_128_GCM_SHA256, crypto.SHA256, 16, gcmLimit, nil},", new: "",
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
		doc: own, section: "suites",
		must: "a key exchange leaves no vector registers in use, which would slow down SHA-256",
		file: "internal/suites/groups.go",
		old:  "defer simd.ClearUpper()\n\tpublic, key", new: "_ = simd.ClearUpper\n\tpublic, key",
		test: "TestVectorRegistersAreLeftClean",
	},
	{
		doc: own, section: "suites",
		must: "a key exchange leaves no vector registers in use, which would slow down SHA-256",
		file: "internal/suites/groups.go",
		old:  "defer simd.ClearUpper()\n\tpublic, err", new: "_ = simd.ClearUpper\n\tpublic, err",
		test: "TestVectorRegistersAreLeftClean",
	},
	{
		doc: own, section: "suites",
		must: "a key exchange leaves no vector registers in use, which would slow down SHA-256",
		file: "internal/suites/groups.go",
		old:  "defer simd.ClearUpper()\n\treturn p.scheme", new: "_ = simd.ClearUpper\n\treturn p.scheme",
		test: "TestVectorRegistersAreLeftClean",
	},
	{
		doc: rfc9846, section: "5.5", must: "an AES-GCM key protects at most 2^24.5 full records",
		file: "internal/suites/suites.go",
		old:  "gcmLimit    = 1 << 24", new: "gcmLimit    = 1 << 25",
		test: "TestRecordLimits",
	},
}
