package main

// tunnelRows are about seal tunnel and package tunnel.
var tunnelRows = []row{
	{
		doc: own, section: "tunnel", must: "the name of a client cannot write to the terminal",
		file: "tunnel/accept.go",
		old:  "return printable.Line(a.String())", new: "_ = printable.Line\n\treturn a.String()",
		test: "TestNamesOfClients",
	},
	{
		doc: own, section: "tunnel",
		must: "clients that read nothing do not delay the move of the others in an upgrade",
		file: "tunnel/takeover_unix.go",
		old:  "\tend()\n\tc, err := o.Conn", new: "\tdefer end()\n\tc, err := o.Conn",
		test: "TestUpgradeOfAFullSocket",
	},
	{
		doc: own, section: "tunnel",
		must: "the PROXY header calls no certificate verified that a client made itself",
		file: "tunnel/accept.go",
		old:  " && !r.cfg.Server.unverified()", new: "",
		test: "TestVerifiedHeader",
	},
	{
		doc: own, section: "tunnel", must: "a tunnel does not resume the sessions of another tunnel",
		file: "tunnel/tickets.go",
		old:  "err != nil || string(s.Extra) != o.tunnel", new: "err != nil",
		test: "TestTicketsOfOthers",
	},
	{
		doc: own, section: "tunnel",
		must: "a client that reads the page about the tunnels slowly holds up nothing else",
		file: "tunnel/admin.go",
		old:  "s.writeStatus(&page)", new: "s.writeStatus(w)",
		test: "TestSlowPages",
	},
	{
		doc: own, section: "tunnel",
		must: "seal tunnel reload has the outcome of a reload that began after it",
		file: "cmd/seal/tunnel_outcome.go",
		old:  "o.Done > before", new: "o.Done >= before",
		test: "TestReloadOutcome",
	},
	{
		doc: own, section: "tunnel", must: "the error of a reload in its file is bounded",
		file: "cmd/seal/tunnel_outcome.go",
		old:  "text[:min(len(text), maxOutcome/8)]", new: "text",
		test: "TestReloadOutcome",
	},
	{
		doc: own, section: "tunnel",
		must: "a half of what a process writes of its reloads is no outcome",
		file: "cmd/seal/tunnel_outcome.go",
		old:  "if string(sum) != fmt", new: "if false && string(sum) != fmt",
		test: "TestOutcomeOfOthers",
	},
	{
		doc: own, section: "tunnel",
		must: "seal tunnel reload takes a half of the file for no number of reloads",
		file: "cmd/seal/tunnel_outcome.go",
		old:  "case err == nil || errors.Is(err, fs.ErrNotExist):",
		new:  "case err != fs.ErrInvalid:",
		test: "TestBegunReloads",
	},
	{
		doc: own, section: "tunnel", must: "a step of the clock does not keep a backend from use",
		file: "tunnel/backend.go",
		old:  "int64(time.Since(clock) + h.", new: "time.Now().UnixNano() + int64(h.",
		test: "TestClock",
	},
	{
		doc: own, section: "tunnel", must: "a signal to reload does not hide one to upgrade",
		file: "cmd/seal/tunnel_unix.go",
		old:  "signal.Notify(signals.upgrade, ", new: "signal.Notify(signals.reload, ",
		test: "TestSignalsWait",
	},
	{
		doc: own, section: "tunnel", must: "a file that changes while it is read is read again",
		file: "cmd/seal/tunnel_watch.go",
		old:  "loaded = now // after", new: "loaded = r.stateOf(cfg) // after",
		test: "TestWatchDuringReload",
	},
	{
		doc: own, section: "tunnel", must: "an empty text in the file is a mistake: with an empty " +
			"psk_file a tunnel would serve clients without a key",
		file: "tunnel/parse.go",
		old:  "v.Kind == unstable.String && len(v.Data) == 0",
		new:  "v.Kind == unstable.String && false",
		test: "TestProblems",
	},
	{
		doc: own, section: "tunnel", must: "what is read to find a ClientHello is bounded",
		file: "tunnel/hello.go",
		old:  "if len(read)+size > maxHello {", new: "if false {",
		test: "TestReadHelloIsBounded",
	},
	{
		doc: own, section: "tunnel", must: "rules about the peer hold also on resumed connections",
		file: "tunnel/access.go",
		old:  "if !r.allow(leaf) {", new: "if !r.allow(leaf) && !c.ConnectionState().DidResume {",
		test: "TestPeerRulesOfResumed",
	},
	{
		doc: own, section: "tunnel", must: "each list of a rule about the peer must hold",
		file: "tunnel/access.go",
		old:  "&& !anyMatches(", new: "&& anyMatches(",
		test: "TestPeerRules",
	},
	{
		doc: own, section: "tunnel", must: "a star in a rule stands for no separator",
		file: "tunnel/access.go",
		old:  "case star >= 0 && (separator == 0 || text[from] != separator):", new: "case star >= 0:",
		test: "TestMatchPattern",
	},
	{
		doc: own, section: "tunnel", must: "access.deny wins",
		file: "tunnel/accept.go",
		old:  "case r.deny.contain(info.remote):", new: "case false:",
		test: "TestProxyHeaders",
	},
	{
		doc: own, section: "tunnel", must: "a PROXY header is read from the named networks only",
		file: "tunnel/accept.go",
		old:  "if len(r.cfg.Proxy.Accept) > 0 {", new: "if false {",
		test: "TestProxyHeaders",
	},
	{
		doc: own, section: "tunnel", must: "the connections of a tunnel are bounded",
		file: "tunnel/accept.go",
		old:  "case admit.Full:", new: "case admit.Full + 9:",
		test: "TestLimits",
	},
	{
		doc: own, section: "tunnel", must: "the bytes of a connection are bounded in both directions " +
			"together",
		file: "tunnel/pair.go",
		old:  "p.granted.Add(int64(n)) > p.limit", new: "int64(n) > p.limit",
		test: "TestLimits",
	},
	{
		doc: own, section: "tunnel", must: "a connection that is cut on one side does not end in order",
		file: "tunnel/pair.go",
		old:  "\t\tc.Abort(iana.AlertInternalError)\n", new: "\t\tc.Close()\n",
		test: "TestCut",
	},
	{
		doc: own, section: "tunnel", must: "a connection whose one side is gone ends, although the " +
			"other sends without end",
		file: "tunnel/outcome.go",
		old:  "func() { p.interrupt(why) })", new: "func() { _ = why })",
		test: "TestEndsWhenOneSideIsGone",
	},
	{
		doc: own, section: "tunnel", must: "a connection does not keep the ClientHello or the 0-RTT " +
			"data that the backend has",
		file: "tunnel/serve.go",
		old:  "p.up.left, a.front = a.front, nil", new: "p.up.left = a.front",
		test: "TestForwardedHelloIsForgotten",
	},
	{
		doc: own, section: "tunnel", must: "0-RTT data for which another process allowed more bytes is " +
			"refused, and comes again",
		file: "engine/server13_choose.go",
		old:  " && d.key.maxEarly <= cfg.MaxEarlyData", new: "",
		pkg: "tunnel", test: "TestEarlyDataOfAnotherBound",
	},
	{
		doc: own, section: "tunnel", must: "0-RTT data for which another process allowed more bytes is " +
			"refused, and comes again",
		file: "engine/server13_flight.go",
		old:  "if key != nil {", new: "if key == nil && c == nil {",
		pkg: "tunnel", test: "TestEarlyDataOfAnotherBound",
	},
	{
		doc: own, section: "tunnel", must: "what a stopped pair has not sent moves with it",
		file: "tunnel/takeover_unix.go",
		old:  "savedDirection{d.left, ", new: "savedDirection{nil, ",
		test: "TestUpgrade",
	},
	{
		doc: own, section: "tunnel", must: "a hand-over that fails before the new process is ready " +
			"changes nothing",
		file: "tunnel/upgrade_unix.go",
		old:  "\t\t\tg.resume()\n", new: "\t\t\t_ = g\n",
		test: "TestUpgradeThatFails",
	},
	{
		doc: own, section: "tunnel", must: "a hand-over that does not happen extends no limit",
		file: "tunnel/pair.go",
		old:  "alarm.After(p.lifetime-time.Since(p.began), ", new: "alarm.After(p.lifetime, ",
		test: "TestLimitsOutliveStop",
	},
	{
		doc: own, section: "tunnel", must: "a process that stops does not wait for one that stands " +
			"still in a hand-over",
		file: "tunnel/takeover_unix.go",
		old:  "WithTimeout(s.ctx, moveTime)", new: "WithTimeout(context.Background(), moveTime)",
		test: "TestStoppingWhileTaking",
	},
	{
		doc: own, section: "tunnel",
		must: "a process that stops in a hand-over tells the new one that it has everything",
		file: "tunnel/upgrade_unix.go",
		old:  "tell(context.Background(), u,", new: "tell(s.ctx, u,",
		test: "TestStoppingWhileHandingOver",
	},
	{
		doc: own, section: "tunnel",
		must: "a service of stunnel for a name keeps its demands on clients, or is refused",
		file: "tunnel/stunnel_names.go",
		old:  "case t.tls.demands(m.Server):", new: "case false:",
		test: "TestStunnelRefuses",
	},
	{
		doc: own, section: "tunnel",
		must: "a service of stunnel for a name has the protocol of its address, or is refused",
		file: "tunnel/stunnel_names.go",
		old:  "case t.Proxy.Send != m.Proxy.Send ||", new: "case false &&",
		test: "TestStunnelRefuses",
	},
	{
		doc: own, section: "tunnel",
		must: "a file of stunnel with more included files than are read is refused",
		file: "tunnel/stunnel.go",
		old:  "r.files > maxIncluded {", new: "false {",
		test: "TestStunnelRefuses",
	},
	{
		doc: own, section: "tunnel",
		must: "rules about names in certificates that nothing verifies are refused",
		file: "tunnel/check.go",
		old:  "return !slices.ContainsFunc(rules, func",
		new:  "return true || !slices.ContainsFunc(rules, func",
		test: "TestProblems",
	},
	{
		doc: own, section: "tunnel", must: "an option of stunnel that cannot be honoured is refused",
		file: "tunnel/stunnel_service.go",
		old:  "t.reader.fail(o, why[1], \"%s\", why[0])", new: "_ = why",
		test: "TestStunnelRefuses",
	},
	{
		doc: own, section: "tunnel", must: "what the socket did not take before an upgrade is sent " +
			"after it, without more to send",
		file: "tunnel/pair.go",
		old:  "_, err := c.Write(nil)", new: "err := c.SetWriteDeadline(time.Time{})",
		test: "TestUpgradeOfAFullSocket",
	},
	{
		doc: "RFC 9846", section: "8", must: "processes that share ticket keys and no memory of " +
			"attempts accept no 0-RTT data",
		file: "tunnel/server.go",
		old:  "; cfg.AntiReplay == nil {", new: "; cfg.AntiReplay == nil && old != nil {",
		test: "TestEarlyDataWithoutMemory",
	},
	{
		doc: own, section: "tunnel", must: "0-RTT data is judged by the memory that the processes share",
		file: "tunnel/server.go",
		old:  "cfg.AntiReplay = opts.AntiReplay; cfg.AntiReplay == nil", new: "opts.AntiReplay == nil",
		test: "TestEarlyData",
	},
	{
		doc: own, section: "tunnel", must: "a negative bound of 0-RTT data is a mistake, not 4 GiB",
		file: "tunnel/check.go",
		old:  "case s.MaxEarlyData < 0:", new: "case s.MaxEarlyData < 0 && false:",
		test: "TestProblems",
	},
	{
		doc: own, section: "tunnel", must: "a time without a unit is a mistake, not nanoseconds",
		file: "tunnel/parse.go",
		old:  "whole && v.text == \"0\" &&", new: "whole &&",
		test: "TestProblems",
	},
	{
		doc: own, section: "tunnel", must: "0-RTT data for which memory is kept is bounded",
		file: "tunnel/check.go",
		old:  "case s.MaxEarlyData > maxEarlyData:", new: "case s.MaxEarlyData > maxEarlyData<<20:",
		test: "TestEarlyDataMistakes",
	},
	{
		doc: own, section: "tunnel", must: "a connection that waits has no buffer",
		file: "tunnel/source_unix.go",
		old:  "s.buf, s.err = nil, 0", new: "s.buf, s.err = new([bufferSize]byte), 0",
		test: "TestIdleMemory",
	},
	{
		doc: own, section: "tunnel", must: "the end of the process's time for connections cuts those " +
			"that are left",
		file: "tunnel/serve.go",
		old:  "go k.pair.interrupt(context.Cause(s.ctx))", new: "_ = k",
		test: "TestStopsAfterDrain",
	},
	{
		doc: own, section: "tunnel", must: "a certificate that was revoked is replaced at a reload",
		file: "tunnel/issued.go",
		old:  "\treturn l.renew()\n}", new: "\treturn nil\n}",
		test: "TestLocalAuthority",
	},
	{
		doc: own, section: "tunnel", must: "a file that has changed is read again, once",
		file: "cmd/seal/tunnel_watch.go",
		old:  "if now == last && now != loaded {", new: "if now == last && now != loaded && cfg == nil {",
		test: "TestTunnelWatch",
	},
	{
		doc: own, section: "seal tunnel", must: "the successor's file with its number stays",
		file: "cmd/seal/tunnel.go",
		old:  "	if r.handing.Load() {\n		return\n	}\n	if n", new: "	if n",
		test: "TestPIDFile",
	},
}
