package main

// sourcesRows are about sources of identities and what programs link.
var sourcesRows = []row{
	{
		doc: own, section: "sealsock",
		must: "only a client that offers protocols of proofs alone gets one",
		file: "source.go",
		old:  "len(hello.ALPN) > 0 && !slices.ContainsFunc(hello.ALPN, foreign) {",
		new:  "len(hello.ALPN) > 0 && slices.ContainsFunc(hello.ALPN, foreign) {",
		test: "TestSource",
	},
	{
		doc: own, section: "identity/staple",
		must: "an OCSP response is sent until it expires, and no longer",
		file: "identity/staple/staple.go",
		old:  "case e.stapled == nil || !now.Before(e.until):",
		new:  "case e.stapled == nil:",
		test: "TestRefresh",
	},
	{
		doc: own, section: "identity/staple",
		must: "a response is dropped when the certificate is revoked",
		file: "identity/staple/staple.go",
		old:  "		e.stapled = nil\n",
		new:  "",
		test: "TestRefresh",
	},
	{
		doc: own, section: "identity/staple",
		must: "only a response that calls the certificate good is sent",
		file: "identity/staple/staple.go",
		old:  "case r.Status != ocsp.Good:",
		new:  "case false:",
		test: "TestRefusals",
	},
	{
		doc: own, section: "trust",
		must: "a policy that asks for revocation refuses where the program cannot ask",
		file: "trust/fetch.go",
		old:  "if asks && !r.NoFetch && r.Fetcher == nil && linked.Fetch == nil {",
		new:  "if asks && false {",
		test: "TestPolicyThatCannotAsk",
	},
	{
		doc: own, section: "trust",
		must: "a directory name that cannot be compared is refused where one is restricted",
		file: "trust/constraints.go",
		old:  "	case unfolded:\n",
		new:  "	case unfolded && false:\n",
		test: "TestDirectoryNamesWithoutTables",
	},
	{
		doc: own, section: "trust",
		must: "a wildcard does not stand for names below a public suffix",
		file: "internal/suffix/suffix.go", pkg: "internal/suffix",
		old:  "if names.has(name) {",
		new:  "if false {",
		test: "TestPublic",
	},
}
