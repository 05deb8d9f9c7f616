package main

// roomRows are about rooms and files: what a relay, a member or a sender cannot do, beyond
// relayRows and transferRows.
var roomRows = []row{
	{
		doc: own, section: "transfer", must: "what a user does not accept is not received, also " +
			"when a direct connection could have failed",
		file: "transfer/receive.go",
		old:  "return r.refused == nil && failing(err)", new: "return failing(err)",
		test: "TestRefusal",
	},
	{
		doc: own, section: "transfer", must: "a receiver is asked before anything is stored",
		file: "transfer/receive.go",
		old:  "overwrite, err = r.opts.Accept(ctx, s.offer())",
		new:  "overwrite, _ = r.opts.Accept(ctx, s.offer())",
		test: "TestRefusal",
	},
	{
		doc: own, section: "transfer", must: "after a failed connection no other files are offered",
		file: "transfer/receive.go",
		old:  "case before.folder != s.folder:", new: "case false:",
		test: "TestAnotherList",
	},
	{
		doc: own, section: "transfer", must: "a receiver connects to no program of its own machine",
		file: "transfer/candidates.go",
		old:  "return a.IsGlobalUnicast() || loopback && a.IsLoopback()",
		new:  "return a.IsGlobalUnicast() || a.IsLoopback()",
		test: "TestCandidates",
	},
	{
		doc: own, section: "transfer", must: "a receiver connects to no port of a service",
		file: "transfer/candidates.go",
		old:  "a.Port() < leastPort", new: "a.Port() < 1",
		test: "TestCandidates",
	},
	{
		doc: own, section: "transfer", must: "a receiver connects to one port of a sender's addresses",
		file: "transfer/candidates.go",
		old:  " || a.Port() != named[0].Port()", new: "",
		test: "TestCandidatesAreFew",
	},
	{
		doc: own, section: "transfer", must: "a receiver connects to few addresses in its networks",
		file: "transfer/candidates.go",
		old:  "near <= maxNear", new: "true",
		test: "TestCandidatesAreFew",
	},
	{
		doc: own, section: "transfer", must: "a receiver connects to few public addresses",
		file: "transfer/candidates.go",
		old:  "public <= maxPublic", new: "true",
		test: "TestCandidatesAreFew",
	},
	{
		doc: own, section: "transfer",
		must: "a receiver connects to no private address outside of its networks",
		file: "transfer/candidates.go",
		old:  "!a.IsPrivate() && !in", new: "!in",
		test: "TestCandidates",
	},
	{
		doc: own, section: "transfer",
		must: "a receiver connects to no address that is translated to a private one",
		file: "transfer/candidates.go",
		old:  "	netip.MustParsePrefix(\"64:ff9b::/96\"),", new: "",
		test: "TestCandidates",
	},
	{
		doc: own, section: "transfer", must: "a file begins where the receiver has asked for it",
		file: "transfer/receive.go",
		old:  "case offset != 0 && offset != r.store.haves[i].length:", new: "case false:",
		test: "TestLies/offset",
	},
	{
		doc: own, section: "transfer", must: "a file is sent once",
		file: "transfer/receive.go",
		old:  " || i < next || ", new: " || ",
		test: "TestLies/twice",
	},
	{
		doc: own, section: "transfer", must: "no name has letters that leave no mark",
		file: "internal/safename/safename.go",
		old:  "printable.Blank(c) || ", new: "",
		test: "TestInvisible",
	},
	{
		doc: own, section: "transfer", must: "two names of one file on macOS are one",
		file: "internal/safename/safename.go",
		old:  "return norm.NFD.String(strings.Map(folded, norm.NFD.String(name)))",
		new:  "return strings.Map(folded, name)",
		test: "TestFoldOn",
	},
	{
		doc: own, section: "seal receive", must: "a name that begins with a dot is always shown",
		file: "cmd/seal/send.go",
		old:  "shown < mostHidden && hidden(names[shown])", new: "false",
		test: "TestListed",
	},
	{
		doc: own, section: "internal/link", must: "a packet of a member that has left, which is " +
			"repeated, is not answered",
		file: "internal/link/hub.go",
		old:  "case again:", new: "case again && from == h.id:",
		test: "TestRepeatedAfterTheEnd",
	},
	{
		doc: own, section: "internal/link", must: "a relay that tells without end that a member " +
			"has joined does not cause as many packets",
		file: "internal/link/flow.go",
		old:  "now.Before(next) {", new: "now.Before(next) && false {",
		test: "TestJoinedAgainAndAgain",
	},
	{
		doc: own, section: "internal/link", must: "each packet of a link has a number of its own",
		file: "internal/link/flow.go",
		old:  "c.hub.send(c.peer, c.seal.seal(p))",
		new:  "c.hub.send(c.peer, newSealer(c.hub.opts.Key, c.hub.id, c.peer).seal(p))",
		test: "TestLastAcknowledgement",
	},
	{
		doc: own, section: "talk", must: "a name with capital letters of other scripts is not another",
		file: "internal/nickname/nickname.go",
		old:  "skeleton(strings.Map(latin, name)),", new: "skeleton(name),",
		test: "TestKeys",
	},
	{
		doc: own, section: "talk", must: "the writes of a file are bounded by its size",
		file: "talk/files.go",
		old:  "bufio.NewWriterSize(sink, fileChunk)", new: "bufio.NewWriterSize(sink, 16)",
		test: "TestSmallFrames",
	},
	{
		doc: own, section: "link", must: "a relay that reads nothing keeps no member from its end",
		file: "internal/link/hub.go",
		old:  "	case <-late.C:\n	}\n	h.cancel()", new: "	}\n	h.cancel()",
		test: "TestCloseWithoutRelay",
	},
	{
		doc: own, section: "talk", must: "a file ends although the other member reads nothing",
		file: "talk/peer.go",
		old:  "	case <-late.C:\n	}\n}\n", new: "	}\n}\n",
		test: "TestStopUnread",
	},
	{
		doc: own, section: "talk", must: "the refusals that wait for a member are bounded",
		file: "talk/files.go",
		old:  "case r == nil || r.refused: //", new: "case r == nil: //",
		test: "TestRefusalsAreBounded",
	},
	{
		doc: own, section: "talk", must: "a file that is stored is told so, also if its sender is not",
		file: "talk/files.go",
		old:  "			return fmt.Errorf(\"talk: %q: %w: %w\", o.Name, ErrFileUnconfirmed, err)",
		new:  "			return err",
		test: "TestFileUnconfirmed",
	},
	{
		doc: own, section: "talk", must: "what was taken back is not accepted as another file",
		file: "talk/files.go",
		old:  "r != o.about || ", new: "",
		test: "TestAnotherOffer",
	},
	{
		doc: own, section: "talk", must: "the names that a room makes a member remember are bounded",
		file: "talk/room.go",
		old:  "if r.anew+size > 10*nameSize*r.members() {", new: "if false {",
		test: "TestNewNamesAreBounded",
	},
	{
		doc: own, section: "talk", must: "the names that a room makes a member remember are bounded",
		file: "talk/pair.go",
		old:  "case len(anew) == 0 || mayRemember(size):",
		new:  "case len(anew) == 0 || len(old) > 0 || mayRemember(size):",
		test: "TestSharedNamesAreBounded",
	},
	{
		doc: own, section: "talk", must: "the names that a room makes a member remember are bounded",
		file: "talk/room.go",
		old:  "	size = max(size, nameSize)\n", new: "	size = nameSize\n",
		test: "TestLongNamesAreBounded",
	},
	{
		doc: own, section: "trust", must: "a file of known peers gets no longer than what is read",
		file: "trust/known.go",
		old:  "int64(len(line)) > maxKnownFile {", new: "int64(len(line)) > 2*maxKnownFile {",
		test: "TestKnownFileIsFull",
	},
	{
		doc: own, section: "seal chat", must: "an invitation leads to no device and no descriptor",
		file: "cmd/seal/room_verbs.go",
		old:  "invitedSchemes, at.Scheme()) {", new: "invitedSchemes, at.Scheme()) && err != nil {",
		test: "TestScripts/talk",
	},
	{
		doc: own, section: "seal relay", must: "no other page shows the page in a frame",
		file: "internal/chatpage/page.go",
		old:  "frame-ancestors 'none'; ", new: "frame-ancestors *; ",
		test: "TestPolicy",
	},
}
