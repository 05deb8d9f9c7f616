package main

// identityRows are about certificates, keys and their files.
var identityRows = []row{
	{
		doc: own, section: "identity", must: "a chain has at most 64 certificates",
		file: "identity/load.go",
		old:  "len(l.certs) == maxCertificates", new: "false",
		test: "TestBrokenKinds",
	},
	{
		doc: own, section: "identity",
		must: "a PKCS #12 file asks for at most 2 million iterations, wherever it asks",
		file: "identity/pkcs12.go",
		old:  "err := outside.inside(\"\", file); err != nil",
		new:  "err := outside.inside(\"\", file); false",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity",
		must: "a PKCS #12 file asks for at most 2 million iterations, wherever it asks",
		file: "identity/pkcs12.go",
		old:  "outside.inside(string(password), file); err != nil",
		new:  "outside.inside(string(password), file); false",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity",
		must: "a PKCS #12 file asks for at most 2 million iterations, wherever it asks",
		file: "identity/pkcs12work.go",
		old:  "p.work += iterations; p.work > maxIterations", new: "p.work += iterations; false",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity",
		must: "a PKCS #12 file asks for at most 2 million iterations, wherever it asks",
		file: "identity/pkcs12work.go",
		old:  "if iterations < 1 ||", new: "if iterations == -1000 ||",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity",
		must: "the structure of a PKCS #12 file is that of RFC 7292, without more",
		file: "identity/pkcs12work.go",
		old:  "mac.bad || !mac.Empty() || algorithm.bad", new: "false",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity", must: "a key in a PKCS #12 file has at most 6 KiB",
		file: "identity/pkcs12work.go",
		old:  "len(value.String) > maxPrivate", new: "false",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity", must: "a PKCS #12 file derives keys of at most 64 bytes",
		file: "identity/pkcs12work.go",
		old:  "length < 0 || length > maxDerived", new: "length < 0",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity", must: "a PKCS #12 file has at most 128 bags",
		file: "identity/pkcs12work.go",
		old:  "p.bags > maxBags", new: "false",
		test: "TestPKCS12Work",
	},
	{
		doc: own, section: "identity", must: "scrypt fills at most 256 MiB in all its rounds",
		file: "identity/encrypted.go",
		old:  "maxScrypt/128/size/parallel", new: "maxScrypt/128/size",
		test: "TestScryptWork",
	},
	{
		doc: own, section: "identity", must: "a private key has at most 6 KiB",
		file: "identity/key.go",
		old:  "len(der) > maxPrivate", new: "false",
		test: "TestLargePrivateKeys",
	},
}
