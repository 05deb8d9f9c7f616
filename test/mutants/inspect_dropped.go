package main

// inspectDroppedRows are about questions of seal inspect that have no answer.
var inspectDroppedRows = []row{
	{
		doc: own, section: "internal/probe",
		must: "a server that was silent once does not stall on a large ClientHello",
		file: "internal/probe/dropped.go",
		old:  "for try := 1; try < tries; try++", new: "for try := tries; try < tries; try++",
		test: "TestStall",
	},
	{
		doc: own, section: "internal/probe",
		must: "a question is dropped only if another one is answered beside it",
		file: "internal/probe/dropped.go",
		old:  "err == ErrSilent && p.prompt(ctx)", new: "err == ErrSilent",
		test: "TestInsist",
	},
	{
		doc: own, section: "internal/probe", must: "a server that is slow has dropped nothing",
		file: "internal/probe/dropped.go",
		old:  "p.timeout/2", new: "p.timeout",
		test: "TestInsist",
	},
	{
		doc: own, section: "internal/probe",
		must: "what is never answered, while other questions are, is refused",
		file: "internal/probe/dropped.go",
		old:  "return errDropped", new: "return err",
		test: "TestDropped",
	},
	{
		doc: own, section: "internal/probe",
		must: "a hello of SSL 2.0 that is dropped as a whole is sent in parts",
		file: "internal/probe/versions.go",
		old:  "split := try%2 == 1", new: "split := false",
		test: "TestSplitSSL2",
	},
	{
		doc: own, section: "internal/probe",
		must: "a server that ignores a second ClientHello does not renegotiate",
		file: "internal/probe/renegotiation.go",
		old:  "case err == errDropped && connected:", new: "case false:",
		test: "TestIgnoredRenegotiation",
	},
	{
		doc: own, section: "internal/probe",
		must: "a flaw whose question is dropped does no harm",
		file: "internal/probe/attacks.go",
		old:  "case errDropped:\n\t\tp.dropped(flaw)\n\t\tfallthrough", new: "case errNoRSA:",
		test: "TestDroppedReaction",
	},
	{
		doc: own, section: "internal/probe",
		must: "what is dropped takes the answers of no other questions",
		file: "internal/probe/dropped.go",
		old:  "ctx, done, err := p.alone(scan)", new: "ctx, done, err := scan, func() {}, error(nil)",
		test: "TestDroppedBesideOthers",
	},
	{
		doc: own, section: "internal/probe",
		must: "a bound on the connections in a while is not taken for a question that is dropped",
		file: "internal/probe/dropped.go",
		old:  "ask(ctx, try); err != ErrSilent", new: "ask(ctx, try); err != ErrSilent || !p.prompt(ctx)",
		test: "TestBoundIsNotDropped",
	},
	{
		doc: own, section: "internal/probe",
		must: "a handshake that stops in the middle leaves open what comes after it",
		file: "internal/probe/unanswered.go",
		old:  "refusal(err) && err != errDropped {", new: "refusal(err) {",
		test: "TestStoppedHandshake",
	},
	{
		doc: own, section: "internal/probe", must: "a question is alone when no connection is open",
		file: "internal/probe/dropped.go",
		old:  "range cap(p.slots)", new: "range cap(p.slots) - 1",
		test: "TestAloneEnds",
	},
	{
		doc: own, section: "internal/probe", must: "no question waits for a second connection",
		file: "internal/probe/attacks.go",
		old:  "refused = a.hello == nil; refused {\n\t\t\treturn nil",
		new:  "refused = a.hello == nil; refused {\n\t\t\treturn p.ifSteady(ctx, v)",
		test: "TestRefusedHeartbeat",
	},
}
