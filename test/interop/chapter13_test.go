package interop

// chapter13 is the table of TLS 1.3 features and the programs that support
// them.
var chapter13 = &chapter{
	title: "Features of TLS 1.3",
	intro: `Each entry stands for a test in which the other program was the client, the
server, or each in turn. The result was checked on both sides if the program
reports it. Key updates, groups, suites and certificates of each kind are rows
of the first table.
`,
	rows: []*capability{
		resumption, ticketCount, withoutDHE,
		externalPSK, pskWithoutDHE, importedPSK,
		earlyData, earlyRefused,
		lateAuthentication, lateDeclined,
		signatures, byHello, byAuthority,
		exporter, earlyExporter, endPoint, keyLog,
		rawKeys, compression, stapling, timestamps, delegation,
		recordLimit, fragmentLength, dynamicRecords, padding,
		hiddenHello, unwrapping,
	},
}

// earlyExporter is for the time of 0-RTT data.
var earlyExporter = &capability{name: "early exporter", alone: []string{"engine.TestEarlyExporter"}}

// hiddenHello is the row of ech_test.go, whose tests need more than one trial.
var hiddenHello = &capability{
	name:   "Encrypted ClientHello (RFC 9849)",
	client: with(echFromNSS, nss),
	gaps: []string{
		"selfserv of NSS does not read the configuration that it makes itself",
		"the other programs have none, which is tried too: a true offer ends in an error, GREASE does no harm",
	},
	alone: []string{"sealsock.TestECHToStandardServer"},
}
