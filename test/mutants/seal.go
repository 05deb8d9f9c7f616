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
		doc: own, section: "seal: limits",
		must: "a client without an IP address is in no network of --allow",
		file: "cmd/seal/limits.go",
		old:  "ip := addressOf(peer)\n",
		new:  "ip := addressOf(peer)\n\tif !network.IsValid() {\n\t\treturn nil\n\t}\n",
		test: "TestGate",
	},
	{
		doc: own, section: "seal: limits",
		must: "the address in the header of a proxy decides about a client",
		file: "cmd/seal/endpoint.go",
		old:  "err := g.admit(conn);", new: "err := error(nil);",
		test: "TestLimitsBehindProxy",
	},
	{
		doc: own, section: "seal: limits", must: "--rate bounds the connections of an address",
		file: "fleet/rates.go",
		old:  "ok := b.left >= 1", new: "ok := true",
		test: "TestRates",
	},
	{
		doc: own, section: "seal: limits", must: "the memory of --rate is bounded",
		file: "fleet/rates.go",
		old:  "delete(r.seen, last)", new: "_ = last",
		test: "TestRatesAreBounded",
	},
	{
		doc: own, section: "seal: limits", must: "a client beyond --clients is refused",
		file: "internal/admit/places.go",
		old:  "case p.taken >= p.Total:", new: "case false:",
		test: "TestPlaces",
	},
	{
		doc: own, section: "seal: limits", must: "a client beyond --max-per-address is refused",
		file: "internal/admit/places.go",
		old:  "p.byAddress[network] >= p.PerAddress:", new: "false:",
		test: "TestPlaces",
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
	{
		doc: own, section: "seal: files", must: "no received file is outside of the folder",
		file: "cmd/seal/frame.go",
		old:  "if err := checkFileName(f.Name); err != nil {", new: "if false {\n\t\tvar err error",
		test: "TestScripts/framed",
	},
	{
		doc: own, section: "seal: files", must: "a received file has the checksum of its frame",
		file: "cmd/seal/into.go",
		old:  "hex.EncodeToString(hash.Sum(nil)) != strings.ToLower(f.SHA256)",
		new:  "len(strings.ToLower(hex.EncodeToString(nil))) > 0",
		test: "TestScripts/framed",
	},
	{
		doc: own, section: "seal: files", must: "the size of a received file is bounded",
		file: "cmd/seal/frame.go",
		old:  "f.Size > most:", new: "false:",
		test: "TestScripts/framed",
	},
	{
		doc: own, section: "seal: files", must: "a file that was cut is not written",
		file: "cmd/seal/into.go",
		old:  "n < f.Size:", new: "n < 0:",
		test: "TestScripts/framed",
	},
	{
		doc: own, section: "seal: files", must: "a part of a file is removed",
		file: "cmd/seal/into.go",
		old:  "defer s.folder.Remove(part)\n", new: "",
		test: "TestScripts/framed",
	},
	{
		doc: own, section: "seal: certificates", must: "--sni-strict refuses other names",
		file: "cmd/seal/sni.go",
		old:  "return nil, unknownName(hello.ServerName)", new: "return nil, nil",
		test: "TestScripts/sni",
	},
	{
		doc: own, section: "authority: files", must: "a renewed key has the mode of the old one",
		file: "authority/disk.go",
		old:  "return f.Chmod(old.Mode().Perm())", new: "return f.Chmod(0o644)",
		test: "TestSaveFilesKeepsModeAndOwner",
	},
	{
		doc: own, section: "trust: revocation", must: "an answer older than MaxAge is not used",
		file: "trust/revocation.go",
		old:  "return r.MaxAge <= 0 || now.Sub(made) <= r.MaxAge", new: "return true",
		pkg: "cmd/seal", test: "TestScripts/blame",
	},
}
