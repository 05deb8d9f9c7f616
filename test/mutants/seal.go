package main

// sealRows are about the command.
var sealRows = []row{
	{
		doc: own, section: "seal: limits", must: "--deny wins over --allow",
		file: "cmd/seal/limits.go",
		old:  "case containsIP(g.deny, ip):", new: "case len(g.allow) == 0 && containsIP(g.deny, ip):",
		test: "TestGate",
	},
	{
		doc: own, section: "seal: limits", must: "--allow refuses what it does not have",
		file: "cmd/seal/limits.go",
		old:  "len(g.allow) > 0 && !containsIP(g.allow, ip)", new: "false",
		test: "TestGate",
	},
	{
		doc: own, section: "seal: limits", must: "--rate bounds the connections of an address",
		file: "cmd/seal/limits.go",
		old:  "ok := b.left >= 1", new: "ok := true",
		test: "TestRates",
	},
	{
		doc: own, section: "seal: limits", must: "the memory of --rate is bounded",
		file: "cmd/seal/limits.go",
		old:  "delete(r.seen, last)", new: "_ = last",
		test: "TestRatesAreBounded",
	},
	{
		doc: own, section: "seal: limits", must: "a client beyond --clients is refused",
		file: "cmd/seal/limits.go",
		old:  "case p.taken >= p.total:", new: "case false:",
		test: "TestScripts/limits",
	},
	{
		doc: own, section: "seal: limits", must: "a client beyond --max-per-address is refused",
		file: "cmd/seal/limits.go",
		old:  "p.byAddress[network] >= p.perAddress:", new: "false:",
		test: "TestScripts/limits",
	},
	{
		doc: own, section: "seal: limits", must: "--idle ends a connection with an alert",
		file: "cmd/seal/serve.go",
		old:  "watchIdle(s.idle, func() {\n\t\tabort(conn.tlsConn)", new: "watchIdle(s.idle, func() {",
		test: "TestScripts/limits",
	},
	{
		doc: own, section: "seal: log", must: "other users cannot read the log",
		file: "cmd/seal/journal.go",
		old:  "const private = 0o600", new: "const private = 0o644",
		test: "TestScripts/limits",
	},
}
