package main

// untracedRows are requirements of the page as it was before there were
// mutants. A row leaves this table when it gets a mutant or a reason.
var untracedRows = []row{
	{
		doc: rfc9846, section: "4",
		must: "messages come in the order of the protocol, else unexpected_message",
		file: "engine/receiver.go", why: untraced,
		test: "TestEveryMessageInEveryState",
	},
	{
		doc: rfc9846, section: "4.1.1",
		must: "no common parameters: handshake_failure (or insufficient_security)",
		file: "engine/server_hello.go", bogo: "NoSupportedCurves-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.1", must: "a PSK and (EC)DHE mode that were offered",
		file: "engine/psk_client.go", why: untraced,
		test: "TestResumption",
	},
	{
		doc: rfc9846, section: "4.1.2", must: "a second ClientHello changes only what it may",
		file: "engine/server13.go", bogo: "SecondClientHelloWrongCurve-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.2",
		must: "legacy_version 0x0303, true versions in supported_versions",
		file: "engine/client_hello.go", why: untraced,
		pkg: "internal/wire", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "4.1.2",
		must: "legacy_session_id: 32 unpredictable bytes in compatibility mode, else empty",
		file: "engine/client_hello.go", why: untraced,
		test: "TestHandshake",
	},
	{
		doc: rfc9846, section: "4.1.2",
		must: "compression methods exactly the null method, else illegal_parameter",
		file: "engine/server_hello.go", bogo: "ExtraCompressionMethods-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.2", must: "unknown suites, groups, extensions are ignored",
		file: "engine/server_hello.go", why: untraced,
		pkg: "internal/wire", test: "TestForeignExtensions",
	},
	{
		doc: rfc9846, section: "4.1.3",
		must: "the session ID is echoed; a client checks it: illegal_parameter",
		file: "engine/client13.go", bogo: "EchoTLS13CompatibilitySessionID", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.3", must: "the suite was offered: illegal_parameter",
		file: "engine/client13.go", bogo: "ServerHelloBogusCipher-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.3", must: "no compression in ServerHello: illegal_parameter",
		file: "engine/client13.go", bogo: "InvalidCompressionMethod", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.3",
		must: "the last eight bytes of random signal a downgrade, and clients check: " +
			"illegal_parameter",
		file: "engine/versions.go", why: untraced,
		test: "TestDowngradeSentinel",
	},
	{
		doc: rfc9846, section: "4.1.4",
		must: "a HelloRetryRequest changes something: illegal_parameter",
		file: "engine/client13.go", bogo: "HelloRetryRequest-Empty-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.4", must: "a second HelloRetryRequest: unexpected_message",
		file: "engine/client13.go", bogo: "SecondHelloRetryRequest-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.1.4",
		must: "the suite stays the same after a retry: illegal_parameter",
		file: "engine/client13.go", bogo: "HelloRetryRequest-CipherChange-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.2", must: "one extension of a kind in a block",
		file: "internal/wire/extension.go", why: untraced,
		test: "TestRejected",
	},
	{
		doc: rfc9846, section: "4.2",
		must: "no answer to an extension that was not offered: unsupported_extension",
		file: "engine/client_hello.go", bogo: "TLS-ECH-Client-UnsupportedExtension", why: untraced,
	},
	{
		doc: rfc9846, section: "4.2",
		must: "an extension in a message where it does not belong: illegal_parameter",
		file: "engine/client_hello.go", bogo: "EncryptedExtensionsWithKeyShare-TLS13",
		why: untraced,
	},
	{
		doc: rfc9846, section: "4.2.1",
		must: "versions are taken from supported_versions alone, if it is there",
		file: "engine/versions.go", why: untraced,
		test: "TestVersionsFollowSuites",
	},
	{
		doc: rfc9846, section: "4.2.1",
		must: "supported_versions in ServerHello below TLS 1.3: illegal_parameter",
		file: "engine/client13.go", why: untraced,
		test: "TestDowngradeSentinel",
	},
	{
		doc: rfc9846, section: "4.2.2", must: "a cookie is copied into the second ClientHello",
		file: "engine/client13.go", bogo: "HelloRetryRequest-Cookie-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "signature_algorithms is sent, and demanded of certificate authentication: " +
			"missing_extension",
		file: "engine/psk_server.go", why: untraced,
		test: "TestExternalPSK",
	},
	{
		doc: rfc9846, section: "4.2.3", must: "ECDSA schemes go with their curve",
		file: "internal/suites/signatures.go", why: untraced,
		test: "TestSignatures",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "RSASSA-PSS: salt as long as the digest; rsae and pss keys apart",
		file: "internal/suites/signatures.go", why: untraced,
		test: "TestSignatures",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "no PKCS #1 v1.5 and no SHA-1 in handshake signatures",
		file: "internal/suites/signatures.go", why: untraced,
		test: "TestSignatures",
	},
	{
		doc: rfc9846, section: "4.2.8",
		must: "one share a group, in the order of supported_groups, each for a group that is " +
			"offered: illegal_parameter",
		file: "engine/server_hello.go", why: untraced,
		test: "TestManySharesAndGroups",
	},
	{
		doc: rfc9846, section: "4.2.8",
		must: "a server's share is for a group that the client sent one for: illegal_parameter",
		file: "engine/client_hello.go", bogo: "HelloRetryRequestCurveMismatch-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.2.8",
		must: "a retry's group was offered and no share sent for it: illegal_parameter",
		file: "engine/client13.go", bogo: "HelloRetryRequest-Unknown-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.2.8.2", must: "points are checked to be on the curve",
		file: "internal/suites/groups.go", why: untraced,
		test: "TestHostileShares",
	},
	{
		doc: rfc9846, section: "4.2.9",
		must: "psk_key_exchange_modes goes with pre_shared_key, else abort",
		file: "engine/psk_server.go", why: untraced,
		test: "TestNoTicketWithoutMode",
	},
	{
		doc: rfc9846, section: "4.2.9", must: "no mode that the client did not list",
		file: "engine/psk_server.go", why: untraced,
		test: "TestForwardSecrecyIsTheServersToGiveUp",
	},
	{
		doc: rfc9846, section: "4.2.10",
		must: "early data only with the first key, and with suite, protocol and age as they were",
		file: "engine/psk_server.go", why: untraced,
		test: "TestEarlyData",
	},
	{
		doc: rfc9846, section: "4.2.10", must: "no early data after HelloRetryRequest",
		file: "engine/client13.go", why: untraced,
		test: "TestEarlyData",
	},
	{
		doc: rfc9846, section: "4.2.10", must: "refused early data is passed over, up to a bound",
		file: "engine/receiver.go", why: untraced,
		test: "TestEarlyData",
	},
	{
		doc: rfc9846, section: "4.2.10", must: "more than max_early_data_size: unexpected_message",
		file: "engine/receiver.go", why: untraced,
		test: "TestTooMuchEarlyData",
	},
	{
		doc: rfc9846, section: "4.2.10",
		must: "early_data in EncryptedExtensions only for what was offered: illegal_parameter",
		file: "engine/client13.go", why: untraced,
		test: "TestEarlyData",
	},
	{
		doc: rfc9846, section: "4.2.11",
		must: "pre_shared_key is the last extension: illegal_parameter",
		file: "internal/wire/client_hello.go", why: untraced,
		test: "TestRejected",
	},
	{
		doc: rfc9846, section: "4.2.11", must: "the binder is checked before the key is accepted",
		file: "engine/psk_server.go", why: untraced,
		test: "TestExternalPSK",
	},
	{
		doc: rfc9846, section: "4.2.11", must: "as many binders as identities: illegal_parameter",
		file: "engine/psk_server.go", why: untraced,
		pkg: "internal/wire", test: "TestRejected",
	},
	{
		doc: rfc9846, section: "4.2.11",
		must: "the chosen key was offered, and goes with the suite's hash: illegal_parameter",
		file: "engine/psk_client.go", why: untraced,
		test: "TestPSKSuiteWithoutPSK",
	},
	{
		doc: rfc9846, section: "4.2.11.2",
		must: "binders cover the hello up to them, and what went before",
		file: "engine/psk_client.go", why: untraced,
		pkg: "internal/wire", test: "TestRFC8448Binders",
	},
	{
		doc: rfc9846, section: "4.3.1", must: "EncryptedExtensions comes first under encryption",
		file: "engine/client13.go", why: untraced,
		test: "TestEveryMessageInEveryState",
	},
	{
		doc: rfc9846, section: "4.3.2",
		must: "no CertificateRequest with a pre-shared key; empty context in the handshake; " +
			"signature_algorithms in it",
		file: "engine/client13.go", bogo: "MissingSignatureAlgorithmsInCertificateRequest-TLS13",
		why: untraced,
	},
	{
		doc: rfc9846, section: "4.4.1",
		must: "the transcript after a retry begins with message_hash",
		file: "engine/transcript.go", why: untraced,
		pkg: "internal/wire", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "4.4.2",
		must: "extensions of a certificate were asked for: unsupported_extension",
		file: "engine/certificates.go", bogo: "SendUnknownExtensionOnCertificate-TLS13",
		why: untraced,
	},
	{
		doc: rfc9846, section: "4.4.2.4",
		must: "an empty Certificate of a server: decode_error; of a client that must: " +
			"certificate_required",
		file: "engine/server13.go", bogo: "EmptyCertificateList-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "4.4.3",
		must: "the signature covers 64 spaces, the context and the transcript; its scheme was " +
			"offered",
		file: "engine/flow13.go", why: untraced,
		test: "TestDelegatedCredentials",
	},
	{
		doc: rfc9846, section: "4.4.3", must: "a signature that does not verify: decrypt_error",
		file: "engine/flow13.go", why: untraced,
		test: "FuzzMessages",
	},
	{
		doc: rfc9846, section: "4.4.4",
		must: "Finished is checked: decrypt_error; in constant time",
		file: "engine/flow13.go", why: untraced,
		test: "TestTimingFinished",
	},
	{
		doc: rfc9846, section: "4.4.4",
		must: "no application data before the peer's Finished, but for 0-RTT and half-RTT",
		file: "engine/receiver.go", why: untraced,
		test: "TestOtherRecordsInEveryState",
	},
	{
		doc: rfc9846, section: "4.5", must: "EndOfEarlyData only after accepted early data",
		file: "engine/server13.go", why: untraced,
		test: "TestEveryMessageInEveryState",
	},
	{
		doc: rfc9846, section: "4.6.1",
		must: "tickets live seven days at most; a client discards and refuses more",
		file: "engine/ticket.go", why: untraced,
		test: "TestResumption",
	},
	{
		doc: rfc9846, section: "4.6.1", must: "a ticket's key comes from its nonce",
		file: "engine/ticket.go", why: untraced,
		pkg: "internal/wire", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "4.6.2",
		must: "a request for a certificate after the handshake only for a client that offered " +
			"it: unexpected_message",
		file: "engine/open13.go", why: untraced,
		test: "TestLateAuthentication",
	},
	{
		doc: rfc9846, section: "4.6.2",
		must: "the answer repeats the context; a client may decline",
		file: "engine/late.go", why: untraced,
		test: "TestLateAuthentication",
	},
	{
		doc: rfc9846, section: "4.6.3",
		must: "KeyUpdate only after Finished; a request is answered before the next data; " +
			"other values: illegal_parameter",
		file: "engine/open13.go", why: untraced,
		test: "TestKeyUpdateAndClose",
	},
	{
		doc: rfc9846, section: "5", must: "records of unknown type: unexpected_message",
		file: "engine/receiver.go", why: untraced,
		test: "FuzzEngine",
	},
	{
		doc: rfc9846, section: "5",
		must: "change_cipher_spec is the byte 1, between the first ClientHello and Finished, " +
			"and dropped",
		file: "engine/receiver.go", why: untraced,
		test: "TestOtherRecordsInEveryState",
	},
	{
		doc: rfc9846, section: "5.1",
		must: "no message spans a change of keys; nothing between a message's fragments",
		file: "engine/receiver.go", why: untraced,
		test: "TestNothingBehindFirstHello",
	},
	{
		doc: rfc9846, section: "5.1", must: "no empty handshake records",
		file: "engine/receiver.go", why: untraced,
		test: "TestOtherRecordsInEveryState",
	},
	{
		doc: rfc9846, section: "5.1", must: "records up to 2^14 bytes: record_overflow",
		file: "internal/record/plain.go", why: untraced,
		test: "TestLimits",
	},
	{
		doc: rfc9846, section: "5.2",
		must: "encrypted records up to 2^14 + 256 bytes: record_overflow",
		file: "internal/record/tls13.go", why: untraced,
		test: "TestLimits",
	},
	{
		doc: rfc9846, section: "5.2",
		must: "a record that does not open: bad_record_mac, and the end",
		file: "internal/record/tls13.go", why: untraced,
		test: "TestForgeries",
	},
	{
		doc: rfc9846, section: "5.3", must: "sequence numbers do not wrap",
		file: "internal/record/tls13.go", why: untraced,
		test: "TestLimits",
	},
	{
		doc: rfc9846, section: "5.4",
		must: "a record of padding alone: unexpected_message; the scan stays inside the plaintext",
		file: "internal/record/tls13.go", why: untraced,
		test: "TestOnlyPadding",
	},
	{
		doc: rfc9846, section: "5.5", must: "the key changes before the AEAD's limit",
		file: "engine/sender.go", why: untraced,
		test: "TestKeyUpdateAndClose",
	},
	{
		doc: rfc9846, section: "6",
		must: "unknown and error alerts end the connection, whatever their level",
		file: "engine/receiver.go", why: untraced,
		test: "TestOtherRecordsInEveryState",
	},
	{
		doc: rfc9846, section: "6.1",
		must: "close_notify ends one direction; a cut connection is no end",
		file: "stream/conn.go", why: untraced,
		pkg: ".", test: "TestTruncationIsNoEnd",
	},
	{
		doc: rfc9846, section: "6.2",
		must: "an error ends the connection with an alert, and the session is forgotten",
		file: "engine/receiver.go", why: untraced,
		pkg: ".", test: "TestRefusalReachesThePeer",
	},
	{
		doc: rfc9846, section: "7.1", must: "the key schedule",
		file: "internal/keys/schedule.go", why: untraced,
		pkg: "internal/wire", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.2, 7.3", must: "keys, IVs and their updates",
		file: "internal/keys/schedule.go", why: untraced,
		pkg: "internal/wire", test: "TestRFC8448",
	},
	{
		doc: rfc9846, section: "7.4.1, 7.4.2", must: "all-zero shared secrets are refused",
		file: "internal/suites/groups.go", why: untraced,
		test: "TestHostileShares",
	},
	{
		doc: rfc9846, section: "7.5", must: "exporters",
		file: "internal/keys/schedule.go", why: untraced,
		pkg: "engine", test: "TestResumption",
	},
	{
		doc: rfc9846, section: "8, 8.2",
		must: "one first flight is accepted at most once; a restarted server refuses for a while",
		file: "tickets.go", why: untraced,
		pkg: "engine", test: "TestEarlyDataIsReadOnce",
	},
	{
		doc: rfc9846, section: "9.1",
		must: "TLS_AES_128_GCM_SHA256, secp256r1, the mandatory schemes",
		file: "internal/suites/suites.go", why: untraced,
		pkg: "engine", test: "TestHandshake",
	},
	{
		doc: rfc9846, section: "9.2", must: "missing_extension for each mandatory extension",
		file: "engine/server_hello.go", bogo: "MissingKeyShare-Server-TLS13", why: untraced,
	},
	{
		doc: rfc9846, section: "9.3", must: "unknown values are ignored by servers, GREASE too",
		file: "internal/wire/client_hello.go", why: untraced,
		test: "TestForeignExtensions",
	},
	{
		doc: rfc9846, section: "D.4", must: "middlebox compatibility mode, and without it",
		file: "engine/client13.go", why: untraced,
		test: "TestEarlyData",
	},
}
