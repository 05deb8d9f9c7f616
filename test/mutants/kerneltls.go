package main

// kernelTLSRows are about a sending key that something outside of the engine has, such as the
// kernel.
var kernelTLSRows = []row{
	{
		doc: own, section: "engine", must: "a released key's limit is kept: it is changed in time",
		file: "engine/outside.go",
		old:  "if s.spent() {", new: "if false && s.spent() {",
		test: "TestReleasedLimit",
	},
	{
		doc: own, section: "engine", must: "near its limit no more may pass than a released key has left",
		file: "engine/outside.go",
		old:  "max(1, min(left/2, passRecords))", new: "max(1, passRecords)",
		test: "TestReleasedLimit",
	},
	{
		doc: own, section: "engine", must: "a released key of TLS 1.2 ends the connection at its limit",
		file: "engine/outside.go",
		old:  "if left == 0 {", new: "if false {",
		test: "TestReleasedLimit",
	},
	{
		doc: own, section: "engine", must: "records are counted as the holder of a released key counts",
		file: "engine/outside.go",
		old:  "o.SetSequence(next)", new: "o.SetSequence(o.Sequence())",
		test: "TestReleasedLimit",
	},
	{
		doc: own, section: "engine", must: "no key is released if records have padding or are small",
		file: "engine/outside.go",
		old:  "case !s.plain():", new: "case false:",
		test: "TestReleaseIsRefused",
	},
	{
		doc: own, section: "engine", must: "no key is released if the peer takes only smaller records",
		file: "engine/outside.go",
		old:  "s.max < record.MaxPlaintext:", new: "s.max < 0:",
		test: "TestReleaseIsRefused",
	},
	{
		doc: own, section: "engine", must: "a key that its holder does not take stays where it is",
		file: "engine/outside.go",
		old:  "	if err := install(key); err != nil {", new: "	if err := install(key); false {",
		test: "TestReleaseIsRefused",
	},
	{
		doc: own, section: "engine", must: "a connection whose key was released is not handed over",
		file: "engine/handover.go",
		old:  "if _, ok := s.outside(); ok {", new: "if _, ok := s.outside(); false && ok {",
		test: "TestReleaseIsRefused",
	},
	{
		doc: own, section: "engine", must: "a released key is followed by that of its key update",
		file: "engine/outside.go",
		old:  "releaseKey13(s.suite, next, 0)", new: "releaseKey13(s.suite, s.traffic, 0)",
		test: "TestRelease",
	},
	{
		doc: own, section: "engine", must: "tickets that wait go in front of data that passes",
		file: "engine/outside.go",
		old:  "if dst, err = s.waitingTickets(dst); err != nil {", new: "if err != nil {",
		test: "TestReleasedTickets",
	},
	{
		doc: own, section: "engine", must: "a part of a frame that was sent is not sent again",
		file: "engine/outside.go",
		old:  "	return frames[n:]\n", new: "	return frames\n",
		test: "TestFrames",
	},
	{
		doc: own, section: "sealsock", must: "kernel TLS beside padding is an error",
		file: "config.go",
		old:  "c.KernelTLS && c.Padding != nil", new: "false",
		test: "TestKernelTLSConfig",
	},
	{
		doc: own, section: "sealsock", must: "SendFile sends the part that it was asked for",
		file: "internal/stream/sendfile.go",
		old:  "io.NewSectionReader(f, offset,", new: "io.NewSectionReader(f, 0,",
		pkg: ".", test: "TestSendFile",
	},
	{
		doc: own, section: "sealsock", must: "SendFile begins nothing behind the deadline",
		file: "internal/stream/writing.go",
		old:  "	if err := c.overdue(); err != nil {", new: "	if err := c.overdue(); false {",
		pkg: ".", test: "TestSendFileRefuses",
	},
	{
		doc: own, section: "sealsock", must: "KernelTLS does not wait for a write under way",
		file: "internal/stream/sendfile.go",
		old:  "	if r := c.out.rare.Load(); r != nil {",
		new:  "	c.out.Lock()\n	defer c.out.Unlock()\n	if r := c.out.rare.Load(); r != nil {",
		pkg:  ".", test: "TestKernelTLSDoesNotWait",
	},
	{
		doc: own, section: "sealsock", must: "in FIPS 140 mode the kernel is given no key",
		file: "internal/stream/sendfile.go",
		old:  "case fips140.Enabled():", new: "case false && fips140.Enabled():",
		pkg: ".", test: "TestKernelTLSInFIPSMode",
	},
	{
		doc: own, section: "sealsock", must: "a file that ends early does not leave its record open",
		file: "internal/stream/writing.go",
		old:  "		if err := k.end(); err != nil {", new: "		if err := error(nil); err != nil {",
		test: "TestKernelFileEnds",
	},
	{
		doc: own, section: "sealsock", must: "a file that sendfile does not read is read here",
		file: "internal/stream/sendfile.go",
		old:  "		return 0, nil // of the file", new: "		return 0, err // of the file",
		test: "TestKernelFileEnds",
	},
	{
		doc: own, section: "sealsock", must: "a kernel that takes no key is not asked again",
		file: "internal/stream/sendfile.go",
		old:  "		out.kernelFailed = err != nil\n", new: "",
		test: "TestKernelRefuses",
	},
	{
		doc: own, section: "sealsock", must: "Close waits until TCP has what the kernel has sealed",
		file: "internal/stream/sendfile.go",
		old:  "case done || errors.Is", new: "case done || true || errors.Is",
		test: "TestKernelCloseWaits",
	},
	{
		doc: own, section: "sealsock", must: "Detach gives away no connection whose key the kernel has",
		file: "internal/stream/detach.go",
		old:  "	case c.out.kernel() != nil:", new: "	case false:",
		test: "TestKernelKeepsItsKey",
	},
	{
		doc: own, section: "sealsock", must: "HandOver gives away no connection whose key the kernel has",
		file: "internal/stream/handover.go",
		old:  "	case c.out.kernel() != nil:", new: "	case false:",
		test: "TestKernelKeepsItsKey",
	},
	{
		doc: own, section: "sealsock", must: "Unwrap returns no connection on which the kernel encrypts",
		file: "internal/stream/unwrap.go",
		old:  "	if c.out.kernel() != nil {", new: "	if false {",
		test: "TestUnwrapBesideSendFile",
	},
	{
		doc: own, section: "sealsock", must: "a type that embeds a file is read in its own way",
		file: "internal/stream/copyfile.go",
		old:  " && v.Type().PkgPath() == \"os\" {", new: " {",
		test: "TestKernelCopies",
	},
	{
		doc: own, section: "sealsock", must: "the position of a file that the kernel sends moves",
		file: "internal/stream/copyfile.go",
		old:  "f.Seek(offset+sent, io.SeekStart)", new: "f.Seek(0, io.SeekCurrent)",
		test: "TestKernelCopies",
	},
	{
		doc: own, section: "sealsock", must: "the limit of a copy bounds what the kernel sends",
		file: "internal/stream/copyfile.go",
		old:  "count = max(limit.N, 0)", new: "count = -1",
		test: "TestKernelCopies",
	},
}
