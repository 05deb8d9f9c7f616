package main

// engineRows are about the state machine.
var engineRows = []row{
	{
		doc: rfc9846, section: "5.1", must: "no empty handshake records",
		file: "engine/receiver.go",
		old:  "len(payload) == 0 {\n\t\t// RFC 9846, Section 5.1",
		new:  "false {\n\t\t// RFC 9846, Section 5.1",
		test: "TestOtherRecordsInEveryState",
	},
}
