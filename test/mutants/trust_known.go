package main

// knownRows are about the file of known peers.
var knownRows = []row{
	{
		doc: own, section: "trust: known peers", must: "no name adds a field or a line to the file",
		file: "trust/known.go",
		old:  "if c <= ' ' || c >= 0x7f || c == '#' && i == 0 {", new: "if false {",
		test: "TestKnownNamesInject",
	},
	{
		doc: own, section: "trust: known peers", must: "no name adds a field or a line to the file",
		file: "trust/known.go",
		old:  " || c >= 0x7f ||", new: " ||",
		test: "TestKnownNamesInject",
	},
	{
		doc: own, section: "trust: known peers",
		must: "a line whose name has a character that cannot be seen is refused",
		file: "trust/known.go",
		old:  "return !unicode.IsGraphic(r) ||", new: "return false &&",
		test: "TestKnownNamesInject",
	},
	{
		doc: own, section: "trust: known peers",
		must: "a KnownPeers that OpenKnownPeers has not made accepts no key",
		file: "trust/known.go",
		old:  "return false, &Error{Code: CodeKnownPeers, Certificate: leaf, Err: errNoKnownPeers}",
		new:  "return true, nil",
		test: "TestZeroKnownPeers",
	},
	{
		doc: own, section: "trust: known peers",
		must: "a file that other users may change is refused",
		file: "trust/known_unix.go",
		old:  "fs.FileMode(0o022)", new: "fs.FileMode(0)",
		test: "TestKnownPeersOfGroups",
	},
	{
		doc: own, section: "trust: known peers",
		must: "a file that other users may change is refused",
		file: "trust/known_unix.go",
		old:  "return owned(dir, info, fs.ModeSticky)", new: "return nil",
		test: "TestKnownPeersOfOthers",
	},
	{
		doc: own, section: "trust: known peers",
		must: "a sticky folder excuses the folder and not the file",
		file: "trust/known_unix.go",
		old:  "owned(path, info, 0)", new: "owned(path, info, fs.ModePerm)",
		test: "TestKnownPeersOfOthers",
	},
	{
		doc: own, section: "trust: known peers", must: "each change of the file is seen",
		file: "trust/known.go",
		old:  "&& stamp == k.stamp && info.Size() > smallKnownFile", new: "&& stamp == k.stamp",
		test: "TestKnownPeersSameStamp",
	},
	{
		doc: own, section: "trust: known peers",
		must: "a peer that the roots vouched for needs them again",
		file: "trust/known.go",
		old:  "return !key.byRoots && key.pin == pin", new: "return key.byRoots || key.pin == pin",
		test: "TestKnownPeers",
	},
	{
		doc: own, section: "trust: known peers", must: "a full disk leaves no half of a line",
		file: "trust/known.go",
		old:  "errors.Join(err, f.Truncate(info.Size()))", new: "err",
		test: "TestKnownDiskIsFull",
	},
	{
		doc: own, section: "trust: known peers", must: "a user is asked once about a key",
		file: "trust/known.go",
		old:  "if known, err := k.lookUp(names, leaf); err != nil || len(known) > 0 {",
		new:  "if known, err := k.lookUp(names, leaf); false {",
		test: "TestKnownWhileAsking",
	},
}
