package main

// authorityRows are about the private authority.
var authorityRows = []row{
	{
		doc: own, section: "authority",
		must: "a certificate that this authority did not issue is not revoked",
		file: "authority/revoke.go",
		old: "if found == \"\" {\n\t\treturn nil, fmt.Errorf(\"%q: %w\", serial, " +
			"ErrUnknownCertificate)\n\t}",
		new:  "",
		test: "TestRevoke",
	},
}
