package main

// inspectRows are about what seal inspect reads and finds.
var inspectRows = []row{
	{
		doc: own, section: "internal/capture", must: "the length of a packet in a file is bounded",
		file: "internal/capture/file.go",
		old:  "if n > maxFrame {", new: "if n > 2*maxFrame {",
		test: "TestBrokenFiles",
	},
	{
		doc: own, section: "internal/capture",
		must: "the bytes that wait for a missing segment are bounded",
		file: "internal/capture/reassembly.go",
		old:  "s.size+len(data) > maxWaiting ||", new: "s.size+len(data) > 2*maxWaiting ||",
		test: "TestWaitingIsBounded",
	},
	{
		doc: own, section: "internal/capture",
		must: "the pieces that wait for a missing segment are bounded",
		file: "internal/capture/reassembly.go",
		old:  "len(s.waiting) >= maxPieces", new: "len(s.waiting) > maxPieces",
		test: "TestWaitingIsBounded",
	},
	{
		doc: own, section: "internal/capture", must: "a segment that comes twice is delivered once",
		file: "internal/capture/reassembly.go",
		old:  "old := int(int32(s.next - seq)); old > 0", new: "old := 0; old > 0",
		test: "TestOrder",
	},
	{
		doc: own, section: "internal/capture", must: "the numbers of TCP wrap around",
		file: "internal/capture/reassembly.go",
		old:  "return int32(a-b) < 0", new: "return a < b",
		test: "TestOrder",
	},
	{
		doc: own, section: "internal/capture", must: "no error shows a secret of a key log",
		file: "internal/capture/keylog.go",
		old:  `errors.New("the secret is not 64 to 128 hexadecimal digits")`,
		new:  `errors.New("the secret is not 64 to 128 hexadecimal digits: " + fields[2])`,
		test: "TestKeyLogErrors",
	},
	{
		doc: own, section: "internal/capture", must: "JA3 leaves out what RFC 8701 reserves",
		file: "internal/capture/fingerprint.go",
		old:  "if !iana.IsGREASE(uint16(v)) {\n\t\t\tparts", new: "if true {\n\t\t\tparts",
		test: "TestJA3",
	},
	{
		doc: own, section: "internal/capture", must: "JA4 does not depend on the order of extensions",
		file: "internal/capture/fingerprint.go",
		old:  "\tslices.Sort(extensions)\n", new: "",
		test: "TestJA4",
	},
	{
		doc: own, section: "internal/probe", must: "Heartbleed is found",
		file: "internal/probe/attacks.go",
		old:  "r.typ == contentHeartbeat", new: "r.closed",
		test: "TestFlaws",
	},
	{
		doc: own, section: "internal/probe",
		must: "a server that takes change_cipher_spec early is found",
		file: "internal/probe/attacks.go",
		old:  "r.alert == iana.AlertBadRecordMAC ||", new: "r.alert == iana.AlertDecryptError ||",
		test: "TestFlaws",
	},
	{
		doc: own, section: "internal/probe", must: "ROBOT is found",
		file: "internal/probe/attacks.go",
		old:  "return r != reactions[0]", new: "return r.closed != reactions[0].closed",
		test: "TestFlaws",
	},
	{
		doc: own, section: "internal/probe", must: "Ticketbleed is found",
		file: "internal/probe/attacks.go",
		old:  "len(got) > len(id) &&", new: "len(got) > 32 &&",
		test: "TestTicketbleed",
	},
	{
		doc: own, section: "internal/probe", must: "a TLSA record of usage 1 needs a trusted chain",
		file: "internal/probe/records.go",
		old:  "return c.Trusted && r.matches(c.Certificate[0])",
		new:  "return r.matches(c.Certificate[0])",
		test: "TestTLSA",
	},
	{
		doc: own, section: "internal/probe",
		must: "a TLSA record of usage 2 is that of an authority of the chain",
		file: "internal/probe/records.go",
		old:  "r.matches(authority) && issues(authority, c.Certificate, name)",
		new:  "r.matches(authority)",
		test: "TestTLSA",
	},
	{
		doc: own, section: "internal/dns", must: "an answer to another question is not taken",
		file: "internal/dns/dns.go",
		old:  "n >= 2 && binary.BigEndian.Uint16(b) == id", new: "n >= 2",
		test: "TestLookup",
	},
	{
		doc: own, section: "seal inspect", must: "a password is no part of --proxy",
		file: "cmd/seal/proxy.go",
		old:  "if p.fixed.user != nil {", new: "if false {",
		test: "TestScripts/inspect",
	},
}
