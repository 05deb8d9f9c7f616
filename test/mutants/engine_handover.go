package main

// handoverRows are about connections that another process takes over.
var handoverRows = []row{
	{
		doc: own, section: "engine",
		must: "a process that keeps no sessions of TLS 1.2 can continue with a connection that has one",
		file: "engine/receiver.go",
		old:  " && r.cfg.SessionIDs != nil {", new: " {",
		test: "TestHandOverWithoutSessionIDs",
	},
	{
		doc: own, section: "engine", must: "a process that handed a connection over sends nothing",
		file: "engine/handover.go",
		old:  "s.sealer, s.traffic, s.tickets, s.closed = nil, keys.TrafficSecret{}, nil, true", new: "",
		test: "TestHandOverEndsTheHalves",
	},
	{
		doc: own, section: "engine", must: "a process that handed a connection over reads nothing",
		file: "engine/handover.go",
		old:  "r.state, r.fragment, r.err = nil, nil, errHandedOver", new: "",
		test: "TestHandOverEndsTheHalves",
	},
	{
		doc: own, section: "engine", must: "a state is opened once",
		file: "engine/handover.go",
		old:  "k.used, k.token = true, nil", new: "",
		test: "TestHandOverOnce",
	},
	{
		doc: own, section: "engine", must: "a state is bound to the socket that travels with it",
		file: "engine/handover.go",
		old:  "{ return slices.Concat(head, binding) }", new: "{ return slices.Concat(head) }",
		test: "TestHandOverOnce",
	},
	{
		doc: own, section: "engine", must: "a state of an unknown format is refused by name",
		file: "engine/handover.go",
		old:  "case sealed[0] != handoverFormat:", new: "case false:",
		test: "TestHandOverOfAnotherFormat",
	},
	{
		doc: own, section: "engine", must: "the process that takes over changes its key first",
		file: "engine/handover.go",
		old:  "if !s.traffic.Valid() ||", new: "if true ||",
		test: "TestTakeOverUpdatesTheKey",
	},
	{
		doc: own, section: "engine",
		must: "the process that takes over updates as often as a peer accepts",
		file: "engine/handover.go",
		old:  " || s.updates.pace(updateRate, 1, cfg.Now) != nil {", new: " {",
		test: "TestTakeOverUpdatesTheKey",
	},
	{
		doc: own, section: "engine", must: "record numbers of TLS 1.2 continue in the next process",
		file: "engine/handover_state.go",
		old:  "sealer.SetSequence(head.Sealed)", new: "", nth: 1,
		test: "TestHandOver",
	},
	{
		doc: own, section: "engine", must: "record numbers of TLS 1.3 continue in the next process",
		file: "engine/handover_state.go",
		old:  "sealer.SetSequence(head.Sealed)", new: "", nth: 2,
		test: "TestHandOver",
	},
	{
		doc: own, section: "engine", must: "tickets that wait for data go out from the next process",
		file: "engine/handover_state.go",
		old:  "min(int(head.TicketsWaiting), max(most, maxRequested))", new: "0 * most",
		test: "TestHandOverSendsTickets",
	},
	{
		doc: own, section: "engine", must: "a state of a later program is refused for what it is",
		file: "engine/handover_state.go",
		old:  "case h.head.Flags > knownFlags:", new: "case false:",
		test: "TestStateOfAnotherProgram",
	},
	{
		doc: own, section: "engine", must: "a side that is closed stays closed in the next process",
		file: "engine/handover_state.go",
		old:  "r.state, r.err, r.fragment = nil, errEnded, nil", new: "",
		test: "TestHandOverOfClosedSides",
	},
	{
		doc: own, section: "engine", must: "no connection is handed over during a late authentication",
		file: "engine/handover.go",
		old:  "open = !s.late.expected()", new: "open = s != nil",
		test: "TestHandOverKeepsWhatMayCome",
	},
	{
		doc: own, section: "sealsock", must: "data that was decrypted and not read is handed over",
		file: "internal/stream/handover.go",
		old:  "slices.Concat(c.in.held, c.in.plain), Received", new: "c.in.held, Received",
		pkg: ".", test: "TestHandOverKeepsThePeer",
	},
	{
		doc: own, section: "sealsock", must: "records that were not written are handed over",
		file: "internal/stream/handover.go",
		old:  "c.in.done, c.in.held, c.out.unsent = true, h.Unread, h.Unsent",
		new:  "c.in.done, c.in.held = true, h.Unread",
		pkg:  ".", test: "TestHandOverSendsWhatWaits",
	},
	{
		doc: own, section: "sealsock", must: "a Conn that was handed over is closed in its process",
		file: "internal/stream/handover.go",
		old:  "c.closing.Store(true)", new: "",
		pkg: ".", test: "TestHandOverKeepsThePeer",
	},
	{
		doc: own, section: "tunnel", must: "the state of a connection is bounded before it is read",
		file: "tunnel/handover_unix.go",
		old:  "|| size > maxState {", new: "{",
		test: "TestReceiveIsBounded",
	},
	{
		doc: own, section: "tunnel", must: "one descriptor comes with a connection",
		file: "tunnel/handover_unix.go",
		old:  "|| len(files) != 1:", new: "|| len(files) == 0:",
		test: "TestReceiveIsBounded",
	},
	{
		doc: own, section: "engine",
		must: "what a client offered decides about late requests, and not its new process",
		file: "engine/open13.go",
		old:  "case s.client && s.late != nil:", new: "case s.client && s.cfg.PostHandshakeAuth:",
		test: "TestTakeOverUnderAnotherConfig",
	},
}
