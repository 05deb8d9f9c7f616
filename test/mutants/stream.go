package main

// streamRows are about the locks, buffers and ends of a connection.
var streamRows = []row{
	{
		doc: rfc9846, section: "6.1",
		must: "a connection that is cut without close_notify is an error for the reader",
		file: "internal/stream/conn.go",
		old:  "without close_notify\", Err: io.ErrUnexpectedEOF",
		new:  "without close_notify\", Err: io.EOF",
		pkg:  ".", test: "TestTruncationIsNoEnd",
	},
}
