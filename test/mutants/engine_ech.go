package main

// engineECHRows are about Encrypted ClientHello.
var engineECHRows = []row{
	{
		doc: "RFC 9849", section: "7.1",
		must: "an inner ClientHello is marked as one: illegal_parameter",
		file: "engine/server13_ech.go",
		old:  "case h.ECH == nil || !h.ECH.Inner:", new: "case false:",
		test: "TestECHServerRefuses",
	},
	{
		doc: "RFC 9849", section: "7.1",
		must: "an inner ClientHello offers TLS 1.3 and nothing less: illegal_parameter",
		file: "engine/server13_ech.go",
		old: "slices.ContainsFunc(h.SupportedVersions, func(v iana.Version) bool { return v < " +
			"iana.TLS13 }):",
		new:  "false:",
		test: "TestECHServerRefuses",
	},
	{
		doc: "RFC 9849", section: "7.1.1",
		must: "the second ClientHello is encrypted in the same way as the first: illegal_parameter",
		file: "engine/server13_ech.go",
		old:  "second.Inner || second.KDF != e.first.KDF || second.AEAD != e.first.AEAD ||",
		new:  "second.Inner || second.AEAD != e.first.AEAD ||",
		test: "TestECHSecondHelloRefused",
	},
	{
		doc: "RFC 9849", section: "7.1.1",
		must: "the second ClientHello is encrypted in the same way as the first: illegal_parameter",
		file: "engine/server13_ech.go",
		old:  "|| second.ConfigID != e.first.ConfigID ||", new: "||",
		test: "TestECHSecondHelloRefused",
	},
	{
		doc: "RFC 9849", section: "7.1.1",
		must: "a second ClientHello without the extension, after acceptance: missing_extension",
		file: "engine/server13_ech.go",
		old:  "if hello.ECH == nil {\n", new: "if false {\n",
		test: "TestECHSecondHelloRefused",
	},
	{
		doc: "RFC 9849", section: "6.1.5",
		must: "no retry configurations after acceptance: unsupported_extension",
		file: "engine/client13_ech.go",
		old:  "if f.info.ECHAccepted {", new: "if false {",
		test: "TestECHEncryptedExtensions",
	},
	{
		doc: "RFC 9849", section: "6.1.5",
		must: "a server that has confirmed the retry confirms the ServerHello: illegal_parameter",
		file: "engine/client13_retry.go",
		old:  "if s.info.ECHAccepted && !s.helloConfirmed(sh, m) {", new: "if false {",
		test: "TestECHClientRefuses",
	},
}
