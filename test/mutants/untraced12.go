package main

// untracedRows12 are those of the other documents.
var untracedRows12 = []row{
	{
		doc: rfc5246, section: "5", must: "the PRF with the suite's hash",
		file: "internal/keys/tls12.go", why: untraced,
		test: "TestPRF12",
	},
	{
		doc: rfc5246, section: "6.2.1",
		must: "records up to 2^14 bytes; empty handshake records refused, empty data bounded",
		file: "engine/receiver12.go", why: untraced,
		test: "TestEmptyRecords12",
	},
	{
		doc: rfc5246, section: "6.2.3.3", must: "AEAD nonces, explicit part and additional data",
		file: "internal/record/tls12.go", why: untraced,
		test: "TestNonce12",
	},
	{
		doc: rfc5246, section: "7.1", must: "change_cipher_spec in its one place",
		file: "engine/receiver12.go", why: untraced,
		test: "TestOtherRecordsInEveryState12",
	},
	{
		doc: rfc5246, section: "7.2", must: "warnings are tolerated, up to a bound",
		file: "engine/receiver12.go", why: untraced,
		test: "TestWarnings12",
	},
	{
		doc: rfc5246, section: "7.2.2",
		must: "a session whose connection failed is not resumed (by ID)",
		file: "engine/receiver.go", why: untraced,
		test: "TestFailedSessions12",
	},
	{
		doc: rfc5246, section: "7.3", must: "the order of messages",
		file: "engine/client12.go", why: untraced,
		test: "TestEveryMessageInEveryState12",
	},
	{
		doc: rfc5246, section: "7.4.1.4.1", must: "signature and hash as offered",
		file: "engine/flow12.go", why: untraced,
		test: "TestSignatures12",
	},
	{
		doc: rfc5246, section: "7.4.9", must: "Finished is checked: decrypt_error",
		file: "engine/flow12.go", why: untraced,
		test: "TestEveryMessageInEveryState12",
	},
	{
		doc: rfc5246, section: "F.1.4",
		must: "a session is resumed with the suite it was made with",
		file: "engine/server12.go", why: untraced,
		test: "TestResumption12",
	},
	{
		doc: "RFC 5077", section: "3.3", must: "tickets",
		file: "engine/server12_flight.go", why: untraced,
		test: "TestResumption12",
	},
	{
		doc: "RFC 5705", section: "4", must: "exporters, only with the extended master secret",
		file: "engine/export.go", why: untraced,
		test: "TestHandshake12",
	},
	{
		doc: "RFC 5746", section: "3", must: "the indication, and no renegotiation",
		file: "engine/receiver12.go", why: untraced,
		test: "TestRenegotiation12",
	},
	{
		doc: "RFC 7507", section: "3", must: "TLS_FALLBACK_SCSV: inappropriate_fallback",
		file: "engine/versions.go", why: untraced,
		test: "TestFallbackSCSV",
	},
	{
		doc: "RFC 7627", section: "5",
		must: "the extended master secret in full handshakes and resumption",
		file: "engine/flow12.go", why: untraced,
		test: "TestRequireExtendedMasterSecret",
	},
	{
		doc: "RFC 7905", section: "all", must: "ChaCha20-Poly1305's nonces",
		file: "internal/record/tls12.go", why: untraced,
		test: "TestNonce12",
	},
	{
		doc: "RFC 8422", section: "5.1", must: "point formats and curves as offered",
		file: "engine/client12.go", why: untraced,
		test: "TestCurveAgnostic12",
	},
	{
		doc: rfc9846, section: "4.1.3 (TLS 1.2)", must: "the sentinel in the server's random",
		file: "engine/versions.go", why: untraced,
		test: "TestDowngradeSentinel",
	},
	{
		doc: "RFC 6066", section: "4",
		must: "max_fragment_length is answered as asked, else illegal_parameter",
		file: "engine/limits.go", why: untraced,
		test: "TestRecordLimits",
	},
	{
		doc: "RFC 7250", section: "4",
		must: "kinds of certificates as offered; unsupported_certificate without a common one",
		file: "engine/certificates.go", why: untraced,
		test: "TestRawPublicKeys",
	},
	{
		doc: "RFC 7301", section: "3.2", must: "no protocol in common: no_application_protocol",
		file: "engine/server_hello.go", why: untraced,
		test: "TestHandshake",
	},
	{
		doc: "RFC 8449", section: "4, 5",
		must: "record_size_limit is kept and enforced; not together with max_fragment_length",
		file: "engine/limits.go", why: untraced,
		test: "TestRecordLimits",
	},
	{
		doc: "RFC 8879", section: "4",
		must: "compressed certificates: algorithm offered, length exact, bounded: bad_certificate",
		file: "engine/certificates.go", why: untraced,
		test: "TestCertificateCompression",
	},
	{
		doc: "RFC 9258", section: "5", must: "imported pre-shared keys",
		file: "engine/session.go", why: untraced,
		test: "TestExternalPSK",
	},
	{
		doc: "RFC 9345", section: "4.1.3",
		must: "delegated credentials: scheme offered, in time, signed by the certificate",
		file: "engine/delegated.go", why: untraced,
		test: "TestDelegatedCredentials",
	},
	{
		doc: "RFC 9849", section: "all", must: "Encrypted ClientHello",
		file: "engine/ech_client.go", why: untraced,
		test: "TestECHAccepted",
	},
}
