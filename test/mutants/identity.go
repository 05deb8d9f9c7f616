package main

// identityRows are about certificates, keys and their files.
var identityRows = []row{
	{
		doc: own, section: "identity", must: "a chain has at most 64 certificates",
		file: "identity/load.go",
		old:  "len(l.certs) == maxCertificates", new: "false",
		test: "TestBrokenKinds",
	},
}
