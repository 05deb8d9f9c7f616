package main

// transferRows are about files for who knows a code: what a guess costs, what a sender cannot
// make a receiver do, and what is complete.
var transferRows = []row{
	{
		doc: own, section: "transfer", must: "a wrong code costs an attempt",
		file: "transfer/guard.go",
		old:  "g.attempts--", new: "",
		test: "TestGuard",
	},
	{
		doc: own, section: "transfer", must: "a receiver proves the code",
		file: "transfer/guard.go",
		old:  "if !hmac.Equal(m.body, n.keys.InitiatorTag()) {", new: "if false {",
		test: "TestGuard",
	},
	{
		doc: own, section: "transfer", must: "one exchange has one proof",
		file: "transfer/guard.go",
		old:  "case n.verdict != nil:", new: "case false:",
		test: "TestGuard",
	},
	{
		doc: own, section: "transfer", must: "a code that has ended accepts no receiver",
		file: "transfer/guard.go",
		old:  "	case g.attempts <= 0:\n", new: "	case g.attempts < 0:\n",
		test: "TestGuard",
	},
	{
		doc: own, section: "transfer", must: "exchanges that wait for a proof are bounded",
		file: "transfer/guard.go",
		old:  "if len(g.pending) >= maxPending {", new: "if false {",
		test: "TestGuardIsBounded",
	},
	{
		doc: own, section: "transfer", must: "the exchanges of a time are bounded",
		file: "transfer/guard.go",
		old:  "if g.credit < 1 {", new: "if false {",
		test: "TestGuardIsBounded",
	},
	{
		doc: own, section: "transfer", must: "a sender proves the code",
		file: "transfer/find.go",
		old:  "if !hmac.Equal(m.body, a.keys.ResponderTag()) {", new: "if false {",
		test: "TestSwappedShares",
	},
	{
		doc: own, section: "internal/cpace", must: "a share that is no point is refused",
		file: "internal/cpace/cpace.go",
		old:  "if product.Equal(ristretto255.NewIdentityElement()) == 1 {", new: "if false {",
		test: "TestInvalidShares",
	},
	{
		doc: own, section: "internal/cpace", must: "the key depends on the session",
		file: "internal/cpace/cpace.go",
		old:  "[]byte(dsiISK), e.session, secret)", new: "[]byte(dsiISK), nil, secret)",
		test: "TestVectors",
	},
	{
		doc: own, section: "transfer", must: "no name leads out of the folder",
		file: "transfer/names.go",
		old:  `part == "" || part == "." || part == ".."`, new: `part == ""`,
		test: "TestHostileNames",
	},
	{
		doc: own, section: "transfer", must: "no name has characters that do not print",
		file: "transfer/names.go",
		old:  "if strings.ContainsFunc(name, invisible) {", new: "if false {",
		test: "TestHostileNames",
	},
	{
		doc: own, section: "transfer", must: "no name is that of a folder for unfinished files",
		file: "transfer/names.go",
		old:  "strings.HasPrefix(strings.ToLower(part), partialPrefix)", new: "false",
		test: "TestHostileNames",
	},
	{
		doc: own, section: "transfer", must: "on Windows no name is that of a device",
		file: "transfer/names.go",
		old:  `system == "windows" && !windowsPart(part)`, new: "false",
		test: "TestNamesOnWindows",
	},
	{
		doc: own, section: "transfer", must: "two files do not have one name",
		file: "transfer/entries.go",
		old:  "if l.seen[name] != 0 {", new: "if false {",
		test: "TestHostileLists",
	},
	{
		doc: own, section: "transfer", must: "the files of a transfer are bounded",
		file: "transfer/entries.go",
		old:  "case len(l.entries) >= MaxEntries:", new: "case false:",
		test: "TestHostileLists",
	},
	{
		doc: own, section: "transfer", must: "a folder that is a link is not used",
		file: "transfer/store.go",
		old:  " || !e.isFile() && !info.IsDir():", new: ":",
		test: "TestLink",
	},
	{
		doc: own, section: "transfer", must: "a file is not longer than in the list",
		file: "transfer/store.go",
		old:  "if int64(len(b)) > e.size-w.length {", new: "if false {",
		test: "TestLies/longer",
	},
	{
		doc: own, section: "transfer", must: "a file is not shorter than in the list",
		file: "transfer/store.go",
		old:  "if w.length != e.size {", new: "if false {",
		test: "TestLies/shorter",
	},
	{
		doc: own, section: "transfer", must: "a file with another checksum does not get its name",
		file: "transfer/store.go",
		old:  "if !bytes.Equal(w.sum.Sum(nil), sum) {", new: "if false {",
		test: "TestLies/checksum",
	},
	{
		doc: own, section: "transfer", must: "a transfer without all files is not complete",
		file: "transfer/store.go",
		old:  "if s.list.entries[i].isFile() && !s.done[i] {", new: "if false {",
		test: "TestLies/no_file",
	},
	{
		doc: own, section: "transfer", must: "the space on the disk is compared with the offer",
		file: "transfer/store.go",
		old:  "ok && uint64(s.missing()) > free", new: "ok && false",
		test: "TestSpace",
	},
	{
		doc: own, section: "transfer", must: "a file that exists is not replaced unasked",
		file: "transfer/receive.go",
		old:  "len(names) > 0 && !overwrite", new: "false",
		test: "TestExisting",
	},
	{
		doc: own, section: "transfer", must: "a file that appears meanwhile is not replaced",
		file: "transfer/store.go",
		old:  "	if s.overwrite {\n", new: "	if true {\n",
		test: "TestExisting",
	},
	{
		doc: own, section: "transfer", must: "a receiver asks for what a file can have",
		file: "transfer/frames.go",
		old:  "h.length < 0 || h.length > l.entries[h.entry].size", new: "false",
		test: "TestHaves",
	},
	{
		doc: own, section: "transfer", must: "what was changed since is not continued",
		file: "transfer/deliver.go",
		old:  "if [sha256.Size]byte(sum.Sum(nil)) == h.sum {", new: "if true {",
		test: "TestChangedPart",
	},
}
