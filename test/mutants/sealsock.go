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
	{
		doc: own, section: "Config", must: "an error of VerifyConnection ends the connection",
		file: "internal/stream/conn.go",
		old:  "if err := c.check(); err != nil {",
		new:  "if err := c.check(); false && err != nil {",
		pkg:  ".", test: "TestVerifyConnection",
	},
	{
		doc: own, section: "FromStandard", must: "VerifyConnection is called for each connection",
		file: "conn.go",
		old:  "opts.Checks = c.cfg.VerifyConnection != nil || c.cfg.ForClient != nil",
		new:  "opts.Checks = c.cfg.ForClient != nil",
		test: "TestVerifyConnection",
	},
	{
		doc: own, section: "Server", must: "connections with one Config resume",
		file: "resumption.go",
		old:  "r, loaded := resumptions.LoadOrStore(key, newResumption(cfg))",
		new:  "r, loaded := any(newResumption(cfg)), true",
		test: "TestServerResumes",
	},
	{
		doc: own, section: "Server", must: "what is kept of a Config goes with it",
		file: "resumption.go",
		old:  "{ resumptions.Delete(key) }",
		new:  "{}",
		test: "TestServerForgetsConfigs",
	},
	{
		doc: own, section: "Server", must: "tickets wait for the first data",
		file: "conn.go",
		old:  "p.engine.TicketsWithData = p.TicketsWithData || p.Tickets == nil",
		new:  "p.engine.TicketsWithData = p.TicketsWithData",
		test: "TestHandshakeWithoutBuffers",
	},
	{
		doc: own, section: "Config", must: "sessions of ForClient's Config resume",
		file: "answers.go",
		old:  "p.engine.Tickets = a.resumption().tickets",
		new:  "p.engine.Tickets = cfg.Tickets",
		test: "TestForClientResumes",
	},
	{
		doc: own, section: "httptransport", must: "a server gets no protocol that it does not support",
		file: "httptransport/server.go",
		old:  "slices.Contains(own.ALPN, name) && !slices",
		new:  "slices.Contains(own.ALPN, name) && false && !slices",
		test: "TestServeRefusesProtocols",
	},
	{
		doc: own, section: "httptransport", must: "an https proxy is verified with the Config's Trust",
		file: "httptransport/transport.go",
		old:  "Trust: t.config.Trust, Hand",
		new:  "Hand",
		test: "TestHTTPSProxyForPlainRequests",
	},
	{
		doc: own, section: "httptransport", must: "each proxy has connections of its own",
		file: "httptransport/transport.go",
		old:  "name += \" \" + through.String()",
		new:  "name += \"\"",
		test: "TestProxies/https_h2",
	},
	{
		doc: own, section: "Listener", must: "only a server of HTTP answers a request in plaintext",
		file: "listener.go",
		old:  "!slices.Contains(p.ALPN, \"http/1.1\") ||",
		new:  "false ||",
		test: "TestPlaintextIsAnsweredForHTTP",
	},
}
