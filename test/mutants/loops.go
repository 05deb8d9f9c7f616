package main

// loopRows are about package loop, and those that connect other event loops.
var loopRows = []row{
	{
		doc: own, section: "loop",
		must: "the answers to a server that asks for certificates without end do not pile up",
		file: "loop/turn.go",
		old:  "c.answers > maxAnswers", new: "false",
		test: "TestRequestsOfASlowPeer",
	},
	{
		doc: own, section: "loop/adapt",
		must: "the answers to a server that asks for certificates without end do not pile up",
		file: "loop/adapt/receive.go",
		old:  "c.answers > maxAnswers", new: "false",
		test: "TestRequestsOfASlowPeer",
	},
	{
		doc: own, section: "loop/adapt", must: "a peer that takes nothing is not served for ever",
		file: "loop/adapt/output.go",
		old:  "c.full || c.transport.Buffered() > 0", new: "c.full",
		test: "TestSlowPeer",
	},
	{
		doc: own, section: "loop/adapt", must: "a peer that takes nothing is not served for ever",
		file: "loop/adapt/output.go",
		old:  "c.slow.given += len(out)", new: "c.slow.given += 0",
		test: "TestSlowPeerAndOutput",
	},
	{
		doc: own, section: "loop/adapt", must: "a peer that takes nothing is looked at rarely",
		file: "loop/adapt/output.go",
		old:  "min(2*c.slow.pause, longestPause)", new: "pause",
		test: "TestSlowPeer",
	},
}
