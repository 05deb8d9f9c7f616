package main

// engineServerRows are about what a server of TLS 1.3 sends and refuses.
var engineServerRows = []row{
	{
		doc: rfc9846, section: "4.1.2",
		must: "compression methods exactly the null method, else illegal_parameter",
		file: "engine/server13_choose.go",
		old:  "case len(h.CompressionMethods) != 1 || h.CompressionMethods[0] != 0:",
		new:  "case h.CompressionMethods[0] != 0:",
		test: "TestServerRefusesHello13/compression too",
	},
	{
		doc: rfc9846, section: "4.1.2",
		must: "compression methods exactly the null method, else illegal_parameter",
		file: "engine/server13_choose.go",
		old:  "case len(h.CompressionMethods) != 1 || h.CompressionMethods[0] != 0:",
		new:  "case len(h.CompressionMethods) != 1:",
		test: "TestServerRefusesHello13/compression alone",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "signature_algorithms is sent, and demanded of certificate authentication: " +
			"missing_extension",
		file: "engine/server13_choose.go",
		old:  "case len(h.SignatureAlgorithms) == 0:", new: "case false:",
		test: "TestPSKWithoutSchemes13",
	},
	{
		doc: rfc9846, section: "9.2", must: "missing_extension for each mandatory extension",
		file: "engine/server13_choose.go",
		old:  "case !has(iana.ExtSupportedGroups) && (h.PSK == nil || has(iana.ExtKeyShare)):",
		new:  "case false:",
		test: "TestServerRefusesHello13/no supported_groups",
	},
	{
		doc: rfc9846, section: "9.2", must: "missing_extension for each mandatory extension",
		file: "engine/server13_choose.go",
		old:  "case !has(iana.ExtKeyShare) && (h.PSK == nil || has(iana.ExtSupportedGroups)):",
		new:  "case false:",
		test: "TestMissingShareWithPSK13",
	},
	{
		doc: rfc9846, section: "4.2.9",
		must: "psk_key_exchange_modes goes with pre_shared_key, else abort",
		file: "engine/server13_choose.go",
		old:  "case h.PSK != nil && len(h.PSKModes) == 0:", new: "case false:",
		test: "TestPSKWithoutModes",
	},
	{
		doc: rfc9846, section: "4.2.8",
		must: "one share a group, in the order of supported_groups, each for a group that is " +
			"offered: illegal_parameter",
		file: "engine/server13_choose.go",
		old:  "left = left[i+1:]", new: "",
		test: "TestShareOrder",
	},
	{
		doc: rfc9846, section: "4.1.1",
		must: "no common parameters: handshake_failure (or insufficient_security)",
		file: "engine/server13_choose.go",
		old:  "if d.group == nil {\n\t\treturn &Error{", new: "if false {\n\t\treturn &Error{",
		test: "TestServerRefusesHello13/no group in common",
	},
	{
		doc: rfc9846, section: "4.1.1",
		must: "no common parameters: handshake_failure (or insufficient_security)",
		file: "engine/server13_choose.go",
		old: "Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure, Reason: \"no " +
			"cipher suite",
		new: "Fault: FaultIncompatible, Alert: iana.AlertProtocolVersion, Reason: \"no cipher " +
			"suite",
		test: "TestServerRefusesHello13/no suite in common",
	},
	{
		doc: rfc9846, section: "4.2.1", must: "no version in common: protocol_version",
		file: "engine/server_choose.go",
		old:  "Alert: iana.AlertProtocolVersion, Reason: \"the client offers no version",
		new:  "Alert: iana.AlertHandshakeFailure, Reason: \"the client offers no version",
		test: "TestServerRefusesHello13/no version in common",
	},
	{
		doc: rfc9846, section: "4.2.1",
		must: "versions are taken from supported_versions alone, if it is there",
		file: "engine/server_choose.go",
		old:  "if slices.Contains(h.Present, iana.ExtSupportedVersions) {", new: "if false {",
		test: "TestServerRefusesHello13/no version in common",
	},
	{
		doc: rfc9846, section: "4.2.8.2",
		must: "a share that is none of its group: illegal_parameter",
		file: "engine/server13_flight.go",
		old:  "Fault: FaultPeer, Alert: iana.AlertIllegalParameter,\n\t\t\t\tReason: \"the client",
		new:  "Fault: FaultPeer, Alert: iana.AlertDecodeError,\n\t\t\t\tReason: \"the client",
		test: "TestServerRefusesHello13/a wrong share",
	},
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello changes only what it may",
		file: "engine/server13_retry.go",
		old:  "case changed != \"\":", new: "case false:",
		test: "TestSecondClientHello",
	},
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello changes only what it may",
		file: "engine/server13_retry.go",
		old:  "case len(h.KeyShares) != 1 ||", new: "case",
		test: "TestSecondClientHello",
	},
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello changes only what it may",
		file: "engine/server13_retry.go",
		old:  "case !bytes.Equal(h.Cookie, s.cookie):", new: "case false:",
		test: "TestSecondClientHello",
	},
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello changes only what it may",
		file: "engine/server13_retry.go",
		old:  "case h.EarlyData:", new: "case false:",
		test: "TestSecondClientHello",
	},
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello changes only what it may",
		file: "engine/server13_retry.go",
		old:  "case !keepsPSKs(s.first.PSK, h.PSK):", new: "case false:",
		test: "TestPSKsAfterRetry",
	},
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello changes only what it may",
		file: "internal/wire/retry.go",
		old:  "case !bytes.Equal(a.suites, b.suites):", new: "case false:",
		pkg: "engine", test: "TestSecondClientHello",
	},
	{
		doc: rfc9846, section: "4.4.1",
		must: "the transcript after a retry begins with message_hash",
		file: "engine/transcript.go",
		old:  "t.hash.Write(wire.MessageHash(first))", new: "t.hash.Write(first)",
		test: "TestFlows",
	},
	{
		doc: rfc9846, section: "4.4.1",
		must: "the transcript after a retry begins with message_hash",
		file: "internal/wire/header.go",
		old:  "iana.HandshakeMessageHash, len(hash)", new: "iana.HandshakeMessageHash, 0",
		test: "TestMessageHash",
	},
	{
		doc: rfc9846, section: "4.3.1", must: "EncryptedExtensions comes first under encryption",
		file: "engine/server13_flight.go",
		old: "raw, err := ee.AppendTo(nil)\n\tif err != nil {\n\t\treturn " +
			"local(\"EncryptedExtensions cannot be written\", " +
			"err)\n\t}\n\tf.transcript.add(raw)\n\tdo.send(raw)",
		new: "raw, err := ee.AppendTo(nil)\n\tif err != nil {\n\t\treturn " +
			"local(\"EncryptedExtensions cannot be written\", " +
			"err)\n\t}\n\tf.transcript.add(raw)",
		test: "TestHandshake",
	},
	{
		doc: rfc9846, section: "4.5", must: "EndOfEarlyData only after accepted early data",
		file: "engine/server13_flight.go",
		old:  "case f.d.early:", new: "case false:",
		test: "TestEveryMessageInEveryState",
	},
	{
		doc: rfc9846, section: "4",
		must: "messages come in the order of the protocol, else unexpected_message",
		file: "engine/receiver.go",
		old:  "if !ok || !slices.Contains(s.awaits(), m.typ) {", new: "if !ok {",
		test: "TestEveryMessageInEveryState",
	},
	{
		doc: rfc9846, section: "4",
		must: "messages come in the order of the protocol, else unexpected_message",
		file: "engine/client13.go",
		old:  "func (s *awaitServerFinished) awaits() awaited { return awaited{",
		new: "func (s *awaitServerFinished) awaits() awaited { return awaited{" +
			"iana.HandshakeCertificate, ",
		test: "TestEveryMessageInEveryState",
	},
	{
		doc: rfc9846, section: "4",
		must: "messages come in the order of the protocol, else unexpected_message",
		file: "engine/open13.go",
		old:  "case s.client:\n", new: "case true:\n",
		test: "TestEveryMessageInEveryState",
	},
	{
		doc: "RFC 7301", section: "3.2", must: "no protocol in common: no_application_protocol",
		file: "engine/server_choose.go",
		old:  "Alert: iana.AlertNoApplicationProtocol", new: "Alert: iana.AlertHandshakeFailure",
		test: "TestServerRefusesHello13/no protocol in common",
	},
}
