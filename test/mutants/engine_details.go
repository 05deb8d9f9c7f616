package main

// detailRows are about details of the protocol that other implementations' tests found.
var detailRows = []row{
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello offers no new pre-shared key",
		file: "engine/server13_retry.go",
		old:  "if i < 0 {\n\t\t\treturn false", new: "if i < 0 {\n\t\t\treturn true",
		test: "TestPSKsAfterRetry",
	},
	{
		doc: rfc9846, section: "4.2.8", must: "shares are in the order of the groups",
		file: "engine/server13_choose.go",
		old:  "left = left[i+1:]", new: "_ = i",
		test: "TestShareOrder",
	},
	{
		doc: rfc9846, section: "4.2.9", must: "psk_ke only if the server allows it, in each ClientHello",
		file: "engine/server13_choose.go",
		old:  "case cfg.takesPSKAlone(h):\n\t\td.group", new: "case true:\n\t\td.group",
		test: "TestPSKModeIsDecidedFromTheConfiguration",
	},
	{
		doc: rfc9846, section: "5.4", must: "an empty encrypted alert: unexpected_message",
		file: "engine/receiver.go",
		old:  "broken(iana.AlertUnexpectedMessage, \"an empty alert record",
		new:  "broken(iana.AlertDecodeError, \"an empty alert record",
		test: "TestOtherRecordsInEveryState",
	},
	{
		doc: rfc9846, section: "6.2", must: "a Finished of a wrong length: decode_error",
		file: "engine/flow.go",
		old:  "case len(data) != len(want):", new: "case false:",
		test: "TestFinishedOfWrongLength",
	},
	{
		doc: rfc9846, section: "D.5", must: "a hello of SSL 3.0: protocol_version",
		file: "engine/server_start.go",
		old:  "if v > iana.SSL30 {", new: "if true {",
		test: "TestSSL30Hello",
	},
	{
		doc: rfc9846, section: "4.1.4", must: "the second ClientHello is the one that is answered",
		file: "engine/server13_retry.go",
		old:  "return (&deciding{\n\t\tcfg: s.cfg, info: s.info, hello: hello,",
		new:  "return (&deciding{\n\t\tcfg: s.cfg, info: s.info, hello: s.first,",
		test: "TestHandshake",
	},
	{
		doc: own, section: "engine", must: "no client chooses how much its key exchange costs",
		file: "engine/server13_choose.go",
		old:  "(suites.Cost(other) < suites.Costly || suites.Cost(other) <= suites.Cost(group))",
		new:  "(suites.Cost(other) < suites.Costly || true)",
		test: "TestCostOfShares",
	},
	{
		doc: rfc9846, section: "5", must: "a record in the clear behind the keys: unexpected_message",
		file: "engine/receiver.go",
		old:  "broken(iana.AlertUnexpectedMessage,\n\t\t\"an unencrypted record of type %v",
		new:  "broken(iana.AlertBadRecordMAC,\n\t\t\"an unencrypted record of type %v",
		test: "TestOtherRecordsInEveryState",
	},
	{
		doc: own, section: "engine", must: "an open connection keeps no part of what it does not await",
		file: "engine/receiver.go",
		old:  "if !is || !slices.Contains(s.awaits(), typ) {",
		new:  "if !is {",
		test: "TestOpenConnectionKeepsNoPart",
	},
	{
		doc: own, section: "engine", must: "an open connection keeps no part of a long key_update",
		file: "engine/receiver.go",
		old:  "typ == iana.HandshakeKeyUpdate && size != 1",
		new:  "false",
		test: "TestOpenConnectionKeepsNoPart",
	},
	{
		doc: rfc5246, section: "7.2.2", must: "a change_cipher_spec of a wrong length: decode_error",
		file: "engine/receiver12.go",
		old:  "broken(iana.AlertDecodeError,\n\t\t\t\"a change_cipher_spec of",
		new:  "broken(iana.AlertIllegalParameter,\n\t\t\t\"a change_cipher_spec of",
		test: "TestOtherRecordsInEveryState12",
	},
}
