package main

// starttlsRows are about what stands before TLS.
var starttlsRows = []row{
	{
		doc: own, section: "starttls",
		must: "the server of IMAP answers with the tag of the command as it was sent",
		file: "starttls/mail.go",
		old:  `tag, command, _ := strings.Cut(l, " ")`,
		new:  `tag, command, _ := strings.Cut(strings.ToLower(l), " ")`,
		test: "TestClients",
	},
	{
		doc: own, section: "starttls",
		must: "a client that ends the session before TLS is an error and not an upgrade",
		file: "starttls/dialog.go",
		old:  "if next == ends {", new: "if next == upgrades {",
		test: "TestClients",
	},
	{
		doc: own, section: "starttls",
		must: "the server of PostgreSQL refuses GSSAPI and awaits the request for TLS",
		file: "starttls/binary.go",
		old:  "if err == nil && bytes.Equal(b, gssRequest) {", new: "if err == nil && false {",
		test: "TestClients",
	},
	{
		doc: own, section: "starttls",
		must: "the server of PostgreSQL accepts GSSAPI at most once before TLS",
		file: "starttls/binary.go",
		old:  "\tif !bytes.Equal(b, sslRequest) {",
		new:  "\tif !bytes.Equal(b, sslRequest) && !bytes.Equal(b, gssRequest) {",
		test: "TestClients",
	},
	{
		doc: own, section: "starttls",
		must: "a peer that is silent until the deadline ends in an error that names it",
		file: "starttls/starttls.go",
		old:  "return d.late(interrupted)", new: "return interrupted",
		test: "TestSilent",
	},
	{
		doc: own, section: "starttls",
		must: "the server of LDAP answers a request with its own response",
		file: "starttls/binary.go",
		old:  "return request[0] + 1", new: "return ldapResponse",
		test: "TestClients",
	},
	{
		doc: own, section: "starttls",
		must: "the server of LDAP takes no unbind for a request to answer",
		file: "starttls/binary.go",
		old:  "return ldapUnbound", new: "return ldapSilence",
		test: "TestClients",
	},
}
