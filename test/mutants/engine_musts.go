package main

// engineMustRows are about sentences of musts.tsv that no other table traces.
var engineMustRows = []row{
	{
		doc: rfc9846, section: "4.1.1",
		must: "a group without a share is asked for with HelloRetryRequest",
		file: "engine/server_choose.go",
		old:  "if choice.group != nil && choice.share == nil {", new: "if false {",
		test: "TestHandshake",
	},
	{
		doc: rfc9846, section: "4.2.1", must: "a ServerHello of TLS 1.3 has supported_versions",
		file: "engine/server13.go",
		old:  "SupportedVersion: iana.TLS13,\n", new: "\n",
		test: "TestHandshake",
	},
	{
		doc: rfc9846, section: "4.1.4", must: "a HelloRetryRequest has supported_versions",
		file: "engine/server13.go",
		old:  "SupportedVersion: iana.TLS13, KeyShare:", new: "KeyShare:",
		test: "TestHandshake",
	},
	{
		doc: rfc9846, section: "4.2.1", must: "a server of TLS 1.3 sends legacy_version 0x0303",
		file: "engine/server13.go",
		old:  "LegacyVersion: iana.TLS12, SessionID:", new: "LegacyVersion: iana.TLS13, SessionID:",
		test: "TestHandshake",
	},
	{
		doc: rfc9846, section: "4.1.3", must: "the server's random is its own",
		file: "engine/server13.go",
		old:  "if _, err := io.ReadFull(f.cfg.random(), sh.Random[:]); err != nil {",
		new:  "if err := error(nil); copy(sh.Random[:], f.random) < 0 {",
		test: "TestFlows",
	},
	{
		doc: rfc9846, section: "4.2.1",
		must: "without supported_versions TLS 1.2 at most, as legacy_version allows",
		file: "engine/server_choose.go",
		old:  "for v := min(h.LegacyVersion, iana.TLS12); v", new: "for v := h.LegacyVersion; v",
		test: "TestChosenVersion",
	},
	{
		doc: rfc9846, section: "4.2.10",
		must: "accepted early data that does not open: bad_record_mac",
		file: "engine/receiver.go",
		old:  "if r.skip > 0 && r.phase == phaseHandshake && errors.Is(", new: "if errors.Is(",
		test: "TestForgedEarlyData13",
	},
	{
		doc: rfc9846, section: "4.2.9", must: "with psk_ke a server sends no key share",
		file: "engine/server13_psk.go",
		old:  "c.group, c.share = nil, nil", new: "c.noGroup = nil",
		test: "TestServerKeepsToModes13",
	},
	{
		doc: rfc9846, section: "4.3.2", must: "each request has a context of its own",
		file: "engine/late13.go",
		old:  "if _, err := io.ReadFull(s.cfg.random(), context); err != nil {",
		new:  "if _, err := io.ReadFull(s.cfg.random(), context[:0]); err != nil {",
		test: "TestRequestContexts13",
	},
	{
		doc: rfc9846, section: "4.6.3", must: "a request for new keys is not repeated before the answer",
		file: "engine/sender.go",
		old:  "request = request && !s.asked", new: "request = request || false",
		test: "TestRequestIsNotRepeated13",
	},
	{
		doc: rfc9846, section: "4.6.3", must: "a request for new keys is not repeated before the answer",
		file: "engine/sender.go",
		old:  "s.asked = false\n", new: "\n",
		test: "TestRequestIsNotRepeated13",
	},
	{
		doc: rfc9846, section: "5.1",
		must: "records have the version 0x0303, but for the first ClientHello",
		file: "engine/sender.go",
		old:  "p.Version = iana.TLS12 //", new: "p.Version = iana.TLS11 //",
		test: "TestFlows",
	},
	{
		doc: rfc9846, section: "6.1", must: "close_notify and user_canceled are warnings",
		file: "engine/sender.go",
		old:  "if a == iana.AlertCloseNotify || !ends {", new: "if a == iana.AlertCloseNotify {",
		test: "TestWarnings",
	},
}
