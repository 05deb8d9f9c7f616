package main

// streamRows are about the locks, buffers and ends of a connection.
var streamRows = []row{
	{
		doc: rfc9846, section: "6.1",
		must: "a connection that is cut without close_notify is an error for the reader",
		file: "internal/stream/conn.go",
		old:  "without close_notify\", Err: io.ErrUnexpectedEOF",
		new:  "without close_notify\", Err: io.EOF",
		pkg:  ".", test: "TestTruncationIsNoEnd",
	},
	{
		doc: own, section: "Conn", must: "behind Detach nothing is sent with the key that is another's",
		file: "internal/stream/rekey.go",
		old:  "	if c.closing.Load() {", new: "	if false {",
		pkg: ".", test: "TestClosedConn/Detach_Rekey",
	},
	{
		doc: own, section: "Conn", must: "behind Detach no close_notify is sent",
		file: "internal/stream/conn.go",
		old:  "	if c.closing.Load() {\n		return c.closedError(\"close\") // the",
		new:  "	if false {\n		return c.closedError(\"close\") // the",
		pkg:  ".", test: "TestClosedConn/Detach_CloseWrite",
	},
	{
		doc: own, section: "Conn", must: "Detach of a closed connection is net.ErrClosed",
		file: "internal/stream/detach.go",
		old:  "	case c.closing.Load():\n\t\treturn Detached{}, c.closedError(\"detach\")",
		new:  "	case c.closing.Load():\n\t\treturn Detached{}, errInUse",
		pkg:  ".", test: "TestClosedConn/Close_Detach",
	},
	{
		doc: own, section: "Conn", must: "a helper ends in a bubble, where time stands still",
		file: "internal/stream/board.go",
		old:  "now.Sub(from) >= credit", new: "now.Sub(from) > credit",
		test: "TestHelperEndsInBubble",
	},
	{
		doc: own, section: "Conn", must: "no helper is started for what the writer itself has to seal",
		file: "internal/stream/spread.go",
		old:  "apart && gains(", new: "(apart || n > 0) && gains(",
		test: "TestSpreadOnlyApart",
	},
	{
		doc: own, section: "Conn", must: "what the writer itself has to seal has a buffer for all of it",
		file: "internal/stream/spread.go",
		old:  "out.sealData(b.own(s), ", new: "out.sealData(nil, ",
		test: "TestSpreadOnlyApart",
	},
	{
		doc: own, section: "Conn", must: "a Write that panics leaves nothing that another one sends",
		file: "internal/stream/spread.go",
		old:  "	defer b.clear()\n", new: "",
		test: "TestSpreadPanic",
	},
	{
		doc: own, section: "Conn", must: "a Write that panics leaves nothing that another one sends",
		file: "internal/stream/spread.go",
		old:  "	defer b.free(s)\n	if s.err", new: "	if s.err",
		test: "TestSpreadPanic",
	},
	{
		doc: own, section: "Conn", must: "a panic in a helper ends one connection, and not the process",
		file: "internal/stream/board.go",
		old:  "		if v := recover(); v != nil {", new: "		if v := any(nil); v != nil {",
		test: "TestSealPanic",
	},
	{
		doc: own, section: "Conn", must: "a fault panics in a helper as it does in its caller",
		file: "internal/stream/board.go",
		old:  "debug.SetPanicOnFault(b.faults)", new: "debug.SetPanicOnFault(false)",
		test: "TestHelperPanic",
	},
	{
		doc: own, section: "Conn", must: "records that were not sealed end the connection",
		file: "internal/stream/spread.go",
		old:  "	c.out.seldom().failed = err\n	return c.sealing(c.out.lastAlert(nil), err)",
		new:  "	return err",
		test: "TestSealPanic",
	},
	{
		doc: own, section: "engine", must: "a copy of records that are reserved seals nothing",
		file: "engine/reserve.go",
		old:  "	if r.self != r {\n		return", new: "	if r == nil {\n		return",
		test: "TestReservedCopy",
	},
	{
		doc: own, section: "engine", must: "a copy reserves with room for nonces of its own",
		file: "engine/reserve.go",
		old:  "	if r.self != r { // new", new: "	if r.self == nil { // new",
		test: "TestReservedCopy",
	},
	{
		doc: own, section: "engine", must: "tickets that go with the first data do so if it is reserved",
		file: "engine/reserve.go",
		old:  " && !s.ticketsWait()", new: "",
		test: "TestReserveBehindTickets",
	},
	{
		doc: own, section: "Conn", must: "a Detach that a deadline ends leaves the connection in use",
		file: "internal/stream/detach.go",
		old:  "	if c.unanswered() {",
		new:  "	if c.unanswered() || !c.closing.CompareAndSwap(false, true) {",
		test: "TestDetachAfterDeadline",
	},
}
