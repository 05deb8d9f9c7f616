package main

// sealsockRows are about the package at the root: connections, listeners and tickets.
var sealsockRows = []row{
	{
		doc: "RFC 5077", section: "4", must: "a ticket is authenticated and encrypted",
		file: "tickets.go",
		old:  "\t\tplain, err := aead.Open(nil, nil, ticket[16:], name[:])\n\t\tif err != nil {",
		new:  "\t\tplain, err := aead.Open(nil, nil, ticket[16:], nil)\n\t\tif err != nil {",
		test: "TestResumption",
	},
}
