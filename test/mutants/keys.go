package main

// keysRows are about the key schedule.
var keysRows = []row{
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go",
		old:  "\"derived\", emptyHash(m.hash))\n\treturn HandshakeSecret",
		new:  "\"derived\", nil)\n\treturn HandshakeSecret",
		pkg:  "test/vectors", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go",
		old:  "\"derived\", emptyHash(m.hash))\n\treturn MasterSecret",
		new:  "\"derived\", nil)\n\treturn MasterSecret",
		pkg:  "test/vectors", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go",
		old:  "\"c hs traffic\"", new: "\"s hs traffic\"",
		pkg: "test/vectors", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go",
		old:  "\"s ap traffic\"", new: "\"c ap traffic\"",
		pkg: "test/vectors", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go",
		old:  "streamPrefix   = \"tls13 \"", new: "streamPrefix   = \"tls12 \"",
		pkg: "test/vectors", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go",
		old:  "\"finished\", nil)", new: "\"finish\", nil)",
		pkg: "test/vectors", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go",
		old:  "\"res master\"", new: "\"exp master\"",
		pkg: "test/vectors", test: "TestRFC8448",
	},
	{
		doc: own, section: "internal/keys", must: "HMAC with its two pads",
		file: "internal/keys/mac.go",
		old:  "[]byte{0x36 ^ 0x5c}", new: "[]byte{0x5c}",
		test: "TestMAC",
	},
	{
		doc: own, section: "internal/keys", must: "keys longer than a block are hashed",
		file: "internal/keys/mac.go",
		old:  "len(key) <= size && n", new: "len(key) <= maxShort-size && n",
		test: "TestMAC",
	},
	{
		doc: rfc9846, section: "7.2, 7.3", must: "keys, IVs and their updates",
		file: "internal/keys/schedule.go",
		old:  "m.expand(iv[:], \"iv\", nil)",
		new:  "m.expand(iv[:], \"key\", nil)",
		pkg:  "test/vectors", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.2, 7.3", must: "keys, IVs and their updates",
		file: "internal/keys/schedule.go",
		old:  "\"traffic upd\"", new: "\"traffic\"",
		pkg: "engine", test: "TestFlows",
	},
	{
		doc: rfc9846, section: "5.3", must: "the nonce is the record number, exclusive or the IV",
		file: "internal/record/tls13.go",
		old:  "binary.BigEndian.Uint64(low)^d.seq", new: "d.seq",
		pkg: "engine", test: "TestFlows",
	},
	{
		doc: rfc9846, section: "7.5", must: "exporters",
		file: "internal/keys/schedule.go",
		old:  "\"exporter\", h.Sum(nil))", new: "\"exporter\", emptyHash(m.hash))",
		pkg: "engine", test: "TestExporter13",
	},
	{
		doc: rfc9846, section: "7.5", must: "exporters",
		file: "internal/keys/schedule.go",
		old:  "inner := m.derived(label, emptyHash(m.hash))", new: "inner := m",
		pkg: "engine", test: "TestExporter13",
	},
	{
		doc: "RFC 9258", section: "5.2", must: "an imported key has a binder label of its own",
		file: "internal/keys/schedule.go",
		old:  "BinderImported   BinderLabel = \"imp binder\"",
		new:  "BinderImported   BinderLabel = \"ext binder\"",
		pkg:  "engine", test: "TestBinderLabels13",
	},
	{
		doc: "RFC 9258", section: "5.1",
		must: "an imported key is derived with the label \"derived psk\" and the hash of its " +
			"identity",
		file: "internal/keys/schedule.go",
		old:  "\"derived psk\"", new: "\"derived\"",
		pkg: "engine", test: "TestImportPSKVector",
	},
	{
		doc: "RFC 9258", section: "5.1",
		must: "an imported key is derived with the label \"derived psk\" and the hash of its " +
			"identity",
		file: "internal/keys/schedule.go",
		old:  "d.Write(importedIdentity)", new: "",
		pkg: "engine", test: "TestImportPSKVector",
	},
	{
		doc: own, section: "style", must: "secrets do not print",
		file: "engine/session.go",
		old:  "func (p PSK) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }",
		new:  "func (p PSK) Format(f fmt.State, _ rune) { f.Write(p.secret.bytes()) }",
		pkg:  ".", test: "TestNoTypePrintsSecrets",
	},
	{
		doc: own, section: "style", must: "secrets do not print",
		file: "engine/session.go",
		old:  "func (p PSK) MarshalText() ([]byte, error) { return []byte(p.String()), nil }",
		new:  "func (p PSK) MarshalText() ([]byte, error) { return p.secret.bytes(), nil }",
		pkg:  ".", test: "TestNoTypePrintsSecrets",
	},
	{
		doc: own, section: "style", must: "secrets do not print",
		file: "internal/record/tls13.go",
		old:  "func (direction13) Format(s fmt.State, _ rune) { io.WriteString(s, \"[redacted]\") }",
		new:  "func (d direction13) Format(s fmt.State, _ rune) { io.WriteString(s, fmt.Sprint(d.iv)) }",
		test: "TestKeysNeverPrint",
	},
	{
		doc: own, section: "style", must: "secrets do not print",
		file: "internal/keys/schedule.go",
		old:  "func (secret) Format(s fmt.State, _ rune) { io.WriteString(s, \"[redacted]\") }",
		new: "func (x secret) Format(s fmt.State, _ rune) { " +
			"io.WriteString(s, fmt.Sprintf(\"%x\", x.clone())) }",
		test: "TestSecrets12NeverPrint",
	},
	{
		doc: "RFC 7627", section: "4", must: "the extended master secret has its label",
		file: "internal/keys/tls12.go",
		old:  "\"extended master secret\", sessionHash)", new: "\"master secret\", sessionHash)",
		test: "TestMaster12",
	},
	{
		doc: "RFC 4279", section: "2",
		must: "the premaster secret of a key alone has as many zeros in front as the key has bytes",
		file: "internal/keys/tls12.go",
		old:  "shared = make([]byte, len(psk))", new: "shared = make([]byte, 0)",
		test: "TestPSKPremaster12",
	},
	{
		doc: "RFC 5705", section: "4", must: "no context and an empty one are told apart",
		file: "internal/keys/tls12.go",
		old:  "if context == nil {", new: "if len(context) == 0 {",
		pkg: "engine", test: "TestStandardServer12",
	},
}
