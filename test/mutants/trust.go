package main

// trustRows are about which peers are accepted.
var trustRows = []row{
	{
		doc: "RFC 9525", section: "6.3", must: "a wildcard stands for one whole label",
		file: "trust/names.go",
		old:  "|| label == \"\" ||", new: "|| label == \"x\" ||",
		test: "TestMatchName",
	},
}
