package main

// sessionRows are about what sessions, tickets and delegated credentials stand for, about
// the answers to questions, and about what may come after the handshake.
var sessionRows = []row{
	{
		doc: own, section: "sealsock", must: "a zero TicketKey opens no ticket",
		file: "tickets.go",
		old:  "if subtle.ConstantTimeCompare(secret[:], make([]byte, len(secret))) == 1 {",
		new:  "if false {",
		test: "TestZeroTicketKeyIsNoKey",
	},
	{
		doc: rfc9846, section: "8, 8.2",
		must: "one first flight is accepted at most once; a restarted server refuses for a while",
		file: "resumption.go",
		old:  "is && cfg.Tickets != nil {", new: "is && false {",
		test: "TestForClientTicketsOfBefore",
	},
	{
		doc: rfc9846, section: "8.2", must: "a clock that is set back reopens no replay",
		file: "tickets.go",
		old:  " || wall.Before(m.floor) {", new: " {",
		test: "TestClockSetBackReopensNoReplay",
	},
	{
		doc: rfc9846, section: "4.2.10",
		must: "early data is sent again only for the same application protocol",
		file: "internal/stream/early.go",
		old:  "if !decided && s.ALPN != s.EarlyALPN {", new: "if decided && false {",
		pkg: ".", test: "TestRefusedEarlyDataUnderAnotherProtocol",
	},
	{
		doc: own, section: "engine",
		must: "a server that verifies no client resumes none that showed a certificate",
		file: "engine/server13_psk.go",
		old:  "return !showed", new: "return true",
		test: "TestSessionsKeepTheirVerification",
	},
	{
		doc: own, section: "engine",
		must: "a session whose certificate is not accepted any more is not used",
		file: "engine/client13_psk.go",
		old:  "instead: func(do *effects) (state, error) { return then(false, do) },",
		new:  "instead: func(do *effects) (state, error) { return then(true, do) },",
		test: "TestExpiredSessionLeadsToFullHandshake",
	},
	{
		doc: own, section: "engine", must: "an answer is for its question alone",
		file: "engine/answer.go",
		old:  "case a.to != q:", new: "case false:",
		test: "TestCarelessAnswers",
	},
	{
		doc: rfc9846, section: "4.6.1", must: "resumption after resumption ends",
		file: "engine/session.go",
		old:  "return s.Expired(now) || now.Sub(s.Authenticated) >= c.resumptionLimit()",
		new:  "return s.Expired(now)",
		test: "TestResumptionEnds",
	},
	{
		doc: own, section: "engine", must: "a ticket too long to be returned makes no session",
		file: "engine/ticket13.go",
		old:  " || len(t.Ticket) > maxTicket {", new: " {",
		test: "TestLongTicketIsNotKept",
	},
	{
		doc: own, section: "engine",
		must: "tickets and requests after the handshake are bounded by time and data",
		file: "engine/allowance.go",
		old:  "return int(a.used) <= r.burst", new: "return true",
		test: "TestFloodAfterTheHandshake",
	},
	{
		doc: "RFC 9345", section: "4", must: "a delegated key is no rsaEncryption key",
		file: "engine/delegated13.go",
		old:  "case iana.RSAPSSRSAEWithSHA256, iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512:",
		new:  "case 0:",
		test: "TestDelegationNeedsSuitableKeys",
	},
	{
		doc: "RFC 9345", section: "4.2", must: "the certificate allows delegation and signatures",
		file: "delegation.go",
		old:  "case !allowed ||", new: "case false ||",
		test: "TestCheckDelegation",
	},
	{
		doc: "RFC 9345", section: "4.2", must: "the certificate allows delegation and signatures",
		file: "delegation.go",
		old:  "result.Leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:", new: "false:",
		test: "TestCheckDelegation",
	},
	{
		doc: "RFC 9345", section: "4.1.3", must: "a delegated credential has not ended",
		file: "delegation.go",
		old:  "case !now.Before(end):", new: "case now.After(end):",
		test: "TestCheckDelegation",
	},
	{
		doc: "RFC 9345", section: "4.1.3", must: "a delegated credential ends in seven days at most",
		file: "delegation.go",
		old:  "case end.Sub(now) > maxDelegation:", new: "case false:",
		test: "TestCheckDelegation",
	},
	{
		doc: "RFC 9345", section: "4.1.3",
		must: "a delegated key is one that is accepted in certificates",
		file: "delegation.go",
		old:  "if err := pubkey.Check(key); err != nil {", new: "if err := pubkey.Check(key); false {",
		test: "TestCheckDelegation",
	},
	{
		doc: "RFC 9345", section: "4.1.3", must: "a delegated credential ends in sessions too",
		file: "engine/session.go",
		old:  "if len(s.PeerDelegation) > 0 {", new: "if false {",
		test: "TestDelegationEndsInSessions",
	},
}
