package main

// zeroRows are about nil and zero values of exported types.
var zeroRows = []row{
	{
		doc: own, section: "engine.Receiver", must: "ReceiveTo without an Event is an error",
		file: "engine/receiver.go",
		old:  "\tif ev == nil {\n\t\treturn 0, errNoEvent\n\t}\n",
		new:  "",
		test: "TestReceiveToNeedsAnEvent",
	},
	{
		doc: own, section: "engine.Receiver", must: "an Event has nothing of an earlier one",
		file: "engine/receiver.go",
		old:  "\t*ev = Event{}\n",
		new:  "",
		test: "TestReceiveToNeedsAnEvent",
	},
	{
		doc: own, section: "Conn", must: "a nil or zero Conn returns errors",
		file: "internal/stream/guard.go",
		old:  "return c != nil && c.raw != nil", new: "return true",
		pkg: ".", test: "TestZeroConn",
	},
	{
		doc: own, section: "socket", must: "a nil or zero Socket returns errors",
		file: "socket/wait.go",
		old:  "if !s.made() {", new: "if false {",
		pkg: ".", test: "TestZeroValues",
	},
	{
		doc: own, section: "socket", must: "a nil or zero Socket returns errors",
		file: "socket/socket.go",
		old:  "return s != nil && s.sides[reading].set != nil", new: "return true",
		pkg: ".", test: "TestZeroValues",
	},
	{
		doc: own, section: "authority",
		must: "a zero Authority does not use the files of the working directory",
		file: "authority/authority.go",
		old:  "return a != nil && a.root != nil", new: "return a != nil",
		test: "TestUnmadeAuthority",
	},
	{
		doc: own, section: "authority",
		must: "a zero Authority does not use the files of the working directory",
		file: "authority/settings.go",
		old:  "if !a.made() {\n\t\treturn errNotMade", new: "if false {\n\t\treturn errNotMade",
		pkg: ".", test: "TestZeroValues",
	},
	{
		doc: own, section: "socket/alg", must: "a zero AEAD does not wait for ever",
		file: "socket/alg/cipher.go",
		old:  "if a == nil || a.s == nil {", new: "if a == nil {",
		pkg: ".", test: "TestZeroValues",
	},
	{
		doc: own, section: "engine", must: "a nil *Error of a callback does not panic",
		file: "engine/errors.go",
		old:  "errors.As(err, &own) && own != nil:", new: "errors.As(err, &own):",
		pkg: ".", test: "TestNilErrorOfCallback",
	},
	{
		doc: own, section: "sealsock", must: "a Listener without a listener below is an error",
		file: "listener.go",
		old:  "	if inner == nil {", new: "	if false {",
		pkg: ".", test: "TestNothingBelow/sealsock.NewListener",
	},
	{
		doc: own, section: "starttls", must: "a nil connection is an error",
		file: "starttls/starttls.go",
		old:  "	if conn == nil {", new: "	if false {",
		pkg: ".", test: "TestNothingBelow/starttls.Client",
	},
}
