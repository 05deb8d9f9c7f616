package main

// relayRows are about rooms on a relay: what clients may cost, and what a relay cannot do.
var relayRows = []row{
	{
		doc: own, section: "relay", must: "the members of a room are bounded",
		file: "relay/memory.go",
		old:  "len(room) >= b.maxMembers", new: "len(room) > b.maxMembers",
		test: "TestTakeover",
	},
	{
		doc: own, section: "relay", must: "the rooms of a relay are bounded",
		file: "relay/memory.go",
		old:  "len(b.rooms) >= b.maxRooms", new: "len(b.rooms) > b.maxRooms",
		test: "TestRoomsAreBounded",
	},
	{
		doc: own, section: "relay", must: "a room without members is removed",
		file: "relay/memory.go",
		old:  "if len(s.bus.rooms[s.room]) == 0 {", new: "if false {",
		test: "TestRoomsAreBounded",
	},
	{
		doc: own, section: "relay", must: "a connection whose place was taken leaves the new one",
		file: "relay/memory.go",
		old:  "return s.bus.rooms[s.room][s.member] == s }", new: "return true }",
		test: "TestTakeover",
	},
	{
		doc: own, section: "relay", must: "a member's identifier depends on its token",
		file: "relay/wire.go",
		old:  "h.Write(token[:])", new: "_ = token",
		test: "TestRoom",
	},
	{
		doc: own, section: "relay", must: "the connections of one address are bounded",
		file: "relay/server.go",
		old:  "s.addresses[from] >= s.limits.PerAddress",
		new:  "s.addresses[from] > s.limits.PerAddress",
		test: "TestAddressesAreBounded",
	},
	{
		doc: own, section: "relay", must: "what waits for a member is bounded",
		file: "relay/client.go",
		old:  "full := c.size+cost(b) > c.limits.Queue", new: "full := false",
		test: "TestSlowMember",
	},
	{
		doc: own, section: "relay", must: "a member that sends too much is read more slowly",
		file: "relay/client.go",
		old:  "if c.credit >= 0 {", new: "if true {",
		test: "TestRate",
	},
	{
		doc: own, section: "relay", must: "a client joins in time or is dropped",
		file: "relay/server.go",
		old:  "c.receive(s.limits.Joining)", new: "c.receive(time.Hour)",
		test: "TestTimes/joining",
	},
	{
		doc: own, section: "relay", must: "a client that reads nothing is dropped",
		file: "relay/client.go",
		old:  "c.conn.SetWriteDeadline(time.Now().Add(c.limits.Writing))", new: "",
		test: "TestTimes/writing",
	},
	{
		doc: own, section: "relay", must: "a client that is silent for too long is dropped",
		file: "relay/server.go",
		old:  "c.receive(s.limits.Idle)", new: "c.receive(10 * s.limits.Idle)",
		test: "TestTimes/idle",
	},
	{
		doc: own, section: "internal/link", must: "a packet that was altered is not taken",
		file: "internal/link/packet.go",
		old:  "if !hmac.Equal(tag, s.tag(b)) {", new: "if hmac.Equal(nil, tag) {",
		test: "TestHostileRelay/alters",
	},
	{
		doc: own, section: "internal/link", must: "a packet counts for its sender and receiver alone",
		file: "internal/link/packet.go",
		old:  "s.mac.Write(s.ends[1][:])", new: "",
		test: "TestReflection",
	},
	{
		doc: own, section: "internal/link", must: "bytes behind a gap are not taken",
		file: "internal/link/flow.go",
		old:  "\t\tc.missing = true\n\t\treturn", new: "\t\tc.received = p.number",
		test: "TestTake",
	},
	{
		doc: own, section: "internal/link", must: "bytes that were taken are not taken again",
		file: "internal/link/flow.go",
		old:  "data := p.data[old:]", new: "data := p.data",
		test: "TestTake",
	},
	{
		doc: own, section: "internal/link",
		must: "a new connection sends again what was not acknowledged",
		file: "internal/link/flow.go",
		old:  "\tc.next = c.acked\n", new: "",
		test: "TestRestartsOfTheRelay",
	},
	{
		doc: own, section: "internal/link", must: "what waits to be read is bounded by the window",
		file: "internal/link/flow.go",
		old:  "data = data[:min(len(data), Window-len(c.in))]", new: "",
		test: "TestWindow",
	},
	{
		doc: own, section: "internal/link", must: "a peer cannot acknowledge what was not sent",
		file: "internal/link/flow.go",
		old:  "case p.ack > c.highest:", new: "case false:",
		test: "TestAcknowledgementOfTheUnsent",
	},
	{
		doc: own, section: "internal/link", must: "packets of a link that has ended make no new one",
		file: "internal/link/hub.go",
		old:  "id == h.id || h.isPast(id) ||", new: "id == h.id ||",
		test: "TestEndedLinkStaysEnded",
	},
	{
		doc: own, section: "internal/link", must: "the members that a relay announces are bounded",
		file: "internal/link/hub.go",
		old:  "len(h.conns) >= h.opts.Members", new: "len(h.conns) > h.opts.Members",
		test: "TestCrowd",
	},
	{
		doc: own, section: "internal/link", must: "a failed link reports what was not delivered",
		file: "internal/link/conn.go",
		old:  "\tfor !c.drained() {\n", new: "\tfor false {\n",
		test: "TestFlushFails",
	},
}
