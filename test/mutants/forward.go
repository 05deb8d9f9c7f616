package main

// forwardRows are about what stands between two connections.
var forwardRows = []row{
	{
		doc: own, section: "forward",
		must: "a relay passes on the end of one direction",
		file: "cmd/seal/relay.go",
		old:  "if err := closeWrite(d.to.conn); err != nil {",
		new:  "if err := error(nil); err != nil {",
		test: "TestRelayHalfClose",
	},
	{
		doc: own, section: "forward",
		must: "a relay does not end a connection in order after the other one was cut",
		file: "cmd/seal/relay.go",
		old:  "c.SetLinger(0)", new: "c.SetLinger(1)",
		test: "TestRelayCutClient",
	},
	{
		doc: own, section: "forward",
		must: "a relay does not end a connection in order after the other one was cut",
		file: "cmd/seal/relay.go",
		old:  "\t\tabort(c)", new: "\t\tc.Close()",
		test: "TestRelayCutServer",
	},
	{
		doc: own, section: "forward",
		must: "a relay that is interrupted does not end its connections in order",
		file: "cmd/seal/relay.go",
		old:  "end = context.Cause(ctx), nil\n\t\t\tr.cut()",
		new:  "end = context.Cause(ctx), nil\n\t\t\tr.close()",
		test: "TestRelayInterrupted",
	},
	{
		doc: own, section: "forward",
		must: "a relay takes no reset for an orderly end after a write has received the error",
		file: "cmd/seal/relay.go",
		old:  "e.reset = err != nil &&", new: "e.reset = false &&",
		test: "TestRelayResetAtWrite",
	},
}
