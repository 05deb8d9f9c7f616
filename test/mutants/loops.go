package main

// loopRows are about package loop, and those that connect other event loops.
var loopRows = []row{
	{
		doc: own, section: "loop/adapt", must: "a peer that takes nothing is not served for ever",
		file: "loop/adapt/output.go",
		old:  "c.full || c.transport.Buffered() > 0", new: "c.full",
		test: "TestSlowPeer",
	},
	{
		doc: own, section: "loop/adapt", must: "a peer that takes nothing is looked at rarely",
		file: "loop/adapt/output.go",
		old:  "min(2*c.slow.pause, longestPause)", new: "pause",
		test: "TestSlowPeer",
	},
}
