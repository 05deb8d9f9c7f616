package main

// socketsRows are about addresses, rooms and the command's connections.
var socketsRows = []row{
	{
		doc: own, section: "address", must: "one listener on a path at a time",
		file: "internal/endpoint/claim.go", pkg: "address",
		old:  "case !errors.Is(err, filelock.ErrHeld):",
		new:  "case true: return &Claim{path: path}, nil\ncase !errors.Is(err, filelock.ErrHeld):",
		test: "TestCloseLeavesSuccessor",
	},
	{
		doc: own, section: "address", must: "Close removes no socket file of a successor",
		file: "internal/endpoint/claim.go", pkg: "address",
		old: "return os.SameFile(a, b) &&", new: "return true || os.SameFile(a, b) &&",
		test: "TestCloseLeavesSuccessor",
	},
	{
		doc: own, section: "address", must: "a lock file is no symbolic link",
		file: "internal/endpoint/claim.go", pkg: "address",
		old: "os.O_RDWR|os.O_CREATE|noFollow", new: "os.O_RDWR|os.O_CREATE",
		test: "TestListenLockFile",
	},
	{
		doc: own, section: "address", must: "the auditor can refuse a connection",
		file: "internal/endpoint/audit.go", pkg: "address",
		old:  "return auditing.Report(auditing.Event{Op: op,",
		new:  "return nil; return auditing.Report(auditing.Event{Op: op,",
		test: "TestAudit",
	},
	{
		doc: own, section: "chat", must: "a name has no character that cannot be seen",
		file: "internal/nickname/nickname.go",
		old:  "strings.ContainsFunc(line, unseen)", new: "false",
		pkg: "chat", test: "TestUnseenNames",
	},
	{
		doc: own, section: "socket", must: "no error between the messages of a batch is lost",
		file: "socket/message.go",
		old:  "s.missed.Store(&errno)", new: "_ = errno",
		test: "TestErrorBetweenMessages",
	},
	{
		doc: own, section: "chat", must: "no name looks like that of another member",
		file: "internal/nickname/nickname.go",
		old:  "skeleton(name), skeleton(", new: "name, skeleton(",
		test: "TestKeys",
	},
	{
		doc: own, section: "seal", must: "--exec gets no SEAL_ variable of the environment",
		file: "cmd/seal/exec.go",
		old:  `strings.HasPrefix(name, "SEAL_")`, new: "false",
		test: "TestScripts/exec",
	},
	{
		doc: own, section: "seal", must: "no connection is accepted while seal ends",
		file: "cmd/seal/serve.go", nth: 2,
		old: "s.listener.Close()", new: "_ = s.listener",
		test: "TestDrain",
	},
	{
		doc: own, section: "seal", must: "stdio: ends with its one client",
		file: "cmd/seal/serve.go",
		old:  "served && errors.Is(err, io.EOF)", new: "served && false",
		test: "TestStdioKeepServed",
	},
	{
		doc: own, section: "seal", must: "no close_notify when interrupted",
		file: "cmd/seal/exchange.go",
		old:  "x.conn.NetConn().Close()\n\treturn context.Cause(ctx)",
		new:  "x.conn.CloseWrite()\n\treturn context.Cause(ctx)",
		test: "TestInterruptedSender",
	},
}
