package main

import "github.com/sealsock/sealsock/iana"

type (
	groups  = []iana.NamedGroup
	schemes = []iana.SignatureScheme
	kinds   = []iana.CertificateType
)

// flags holds the flags that the shim implements. It is a table and may exceed
// the limits for code. A test with a missing flag counts as unimplemented.
var flags = map[string]flag{
	"-port":            number(func(s *settings) *int { return &s.port }),
	"-ipv6":            on(func(s *settings) *bool { return &s.ipv6 }),
	"-shim-id":         number(func(s *settings) *uint64 { return &s.shimID }),
	"-server":          on(func(s *settings) *bool { return &s.server }),
	"-resume-count":    number(func(s *settings) *int { return &s.resumeCount }),
	"-trust-cert":      ignoredValue(), // only the flags below determine what the shim accepts
	"-handshaker-path": ignoredValue(),

	"-dtls": on(func(s *settings) *bool { return &s.dtls }),
	"-mtu":  number(func(s *settings) *int { return &s.mtu }),

	"-quic":                      on(func(s *settings) *bool { return &s.quic }),
	"-quic-transport-params":     bytesOf(func(s *settings) *[]byte { return &s.quicParams }),
	"-quic-early-data-context":   text(func(s *settings) *string { return &s.quicContext }),
	"-quic-use-legacy-codepoint": number(func(s *settings) *int { return &s.quicLegacy }),

	"-expect-quic-transport-params": bytesOf(expectedParams),

	"-initial-timeout-duration-ms": number(func(s *settings) *int { return &s.timeout }),

	"-min-version":  number(func(s *settings) *uint16 { return &s.minVersion }),
	"-max-version":  number(func(s *settings) *uint16 { return &s.maxVersion }),
	"-no-tls1":      without(1),
	"-no-tls11":     without(2),
	"-no-tls12":     without(3),
	"-no-tls13":     without(4),
	"-cipher":       text(func(s *settings) *string { return &s.cipher }),
	"-psk":          text(func(s *settings) *string { return &s.psk }),
	"-psk-identity": text(func(s *settings) *string { return &s.pskIdentity }),
	"-tls-unique":   on(func(s *settings) *bool { return &s.tlsUnique }),
	"-fips-202205":  policy("fips-202205"),
	"-wpa-202304":   policy("wpa-202304"),
	"-cnsa-202407":  policy("cnsa-202407"),
	"-cnsa1-202603": policy("cnsa1-202603"),
	"-cnsa2-202603": policy("cnsa2-202603"),

	"-curves":                list(func(s *settings) *groups { return &s.curves }),
	"-key-shares":            list(func(s *settings) *groups { return &s.keyShares }),
	"-no-key-shares":         act(noKeyShares),
	"-verify-prefs":          list(func(s *settings) *schemes { return &s.verifyPrefs }),
	"-host-name":             text(func(s *settings) *string { return &s.hostName }),
	"-advertise-alpn":        text(func(s *settings) *string { return &s.advertiseALPN }),
	"-select-alpn":           text(func(s *settings) *string { return &s.selectALPN }),
	"-srtp-profiles":         text(func(s *settings) *string { return &s.srtpProfiles }),
	"-reject-alpn":           on(func(s *settings) *bool { return &s.rejectALPN }),
	"-decline-alpn":          on(func(s *settings) *bool { return &s.declineALPN }),
	"-max-cert-list":         number(func(s *settings) *int { return &s.maxCertList }),
	"-server-preference":     ignored(), // the server's order always decides
	"-no-op-extra-handshake": ignored(), // there is no call for a handshake to repeat
	"-handshake-twice":       ignored(),
	"-enable-ocsp-stapling":  ignored(), // a client always asks

	"-enable-signed-cert-timestamps": ignored(), // a client always asks

	"-accepted-peer-cert-types":    list(func(s *settings) *kinds { return &s.acceptedKinds }),
	"-available-client-cert-types": list(func(s *settings) *kinds { return &s.shownKinds }),

	"-install-cert-compression-algs":    on(func(s *settings) *bool { return &s.compression }),
	"-install-one-cert-compression-alg": number(func(s *settings) *iana.CertificateCompression { return &s.oneCompression }),

	"-new-x509-credential":      newCredential(kindX509),
	"-new-rpk-credential":       newCredential(kindRawKey),
	"-new-delegated-credential": newCredential(kindDelegated),
	"-delegated-credential":     bytesOf(func(s *settings) *[]byte { return &s.current().delegated }),
	"-new-psk-credential":       newCredential(kindPSK),
	"-cert-file":                text(func(s *settings) *string { return &s.current().certFile }),
	"-key-file":                 text(func(s *settings) *string { return &s.current().keyFile }),
	"-signing-prefs":            list(func(s *settings) *schemes { return &s.current().signingPrefs }),
	"-ocsp-response":            bytesOf(func(s *settings) *[]byte { return &s.current().ocsp }),
	"-must-match-issuer":        on(func(s *settings) *bool { return &s.current().mustMatchIssuer }),
	"-psk-importer-key":         bytesOf(func(s *settings) *[]byte { return &s.current().pskKey }),
	"-psk-importer-identity":    bytesOf(func(s *settings) *[]byte { return &s.current().pskIdentity }),
	"-psk-importer-context":     bytesOf(func(s *settings) *[]byte { return &s.current().pskContext }),
	"-psk-importer-sha256":      pskHash(256),
	"-psk-importer-sha384":      pskHash(384),

	"-signed-cert-timestamps": bytesOf(func(s *settings) *[]byte { return &s.current().scts }),

	"-require-any-client-certificate": on(func(s *settings) *bool { return &s.requireClientCert }),

	"-verify-peer":                on(func(s *settings) *bool { return &s.verifyPeer }),
	"-verify-fail":                on(func(s *settings) *bool { return &s.verifyFail }),
	"-reverify-on-resume":         on(func(s *settings) *bool { return &s.reverify }),
	"-use-client-ca-list":         text(func(s *settings) *string { return &s.clientCAs }),
	"-use-custom-verify-callback": on(func(s *settings) *bool { return &s.customVerify }),
	"-use-ocsp-callback":          on(func(s *settings) *bool { return &s.ocspCallback }),
	"-fail-ocsp-callback":         on(func(s *settings) *bool { return &s.ocspFail }),
	"-decline-ocsp-callback":      on(func(s *settings) *bool { return &s.ocspDecline }),
	"-set-ocsp-in-callback":       on(func(s *settings) *bool { return &s.ocspInCallback }),
	"-expect-verify-result":       ignored(), // there is no result beside success and refusal
	"-use-early-callback":         ignored(), // ForClient is always set
	"-fail-early-callback":        on(func(s *settings) *bool { return &s.failEarly }),
	"-install-ddos-callback":      ignored(), // ForClient is always set
	"-fail-ddos-callback":         on(func(s *settings) *bool { return &s.failHello }),
	"-fail-cert-callback":         on(func(s *settings) *bool { return &s.failCertificate }),
	"-use-ticket-callback":        ignored(), // Tickets is always the shim's own
	"-use-ticket-aead-callback":   ignored(),

	"-use-old-client-cert-callback": ignored(), // SelectCredential is always set

	"-no-ticket":         on(func(s *settings) *bool { return &s.noTicket }),
	"-skip-ticket":       on(func(s *settings) *bool { return &s.skipTicket }),
	"-enable-early-data": on(func(s *settings) *bool { return &s.earlyData }),
	"-resumption-delay":  number(func(s *settings) *int { return &s.resumptionDelay }),

	"-ech-config-list":            bytesOf(func(s *settings) *[]byte { return &s.echConfigs }),
	"-enable-ech-grease":          on(func(s *settings) *bool { return &s.echGREASE }),
	"-reject-unusable-ech-config": on(func(s *settings) *bool { return &s.echRejectUnusable }),
	"-ech-server-config":          blobs(func(s *settings) *[][]byte { return &s.echKeyConfigs }),
	"-ech-server-key":             blobs(func(s *settings) *[][]byte { return &s.echKeys }),
	"-ech-is-retry-config":        list(func(s *settings) *[]int { return &s.echKeyOffered }),

	"-expect-ech-accept":           on(func(s *settings) *bool { return &s.expect.encrypted }),
	"-expect-ech-name-override":    text(func(s *settings) *string { return &s.expect.echName }),
	"-expect-no-ech-name-override": on(func(s *settings) *bool { return &s.expect.echNoName }),
	"-expect-ech-retry-configs":    bytesOf(func(s *settings) *[]byte { return &s.expect.echRetry }),
	"-expect-no-ech-retry-configs": on(func(s *settings) *bool { return &s.expect.echNoRetry }),

	"-async":                        on(func(s *settings) *bool { return &s.async }),
	"-implicit-handshake":           on(func(s *settings) *bool { return &s.implicit }),
	"-shim-writes-first":            on(func(s *settings) *bool { return &s.shimWritesFirst }),
	"-shim-initial-write":           text(func(s *settings) *string { return &s.initialWrite }),
	"-repeat-shim-initial-write":    number(func(s *settings) *int { return &s.initialWrites }),
	"-shim-shuts-down":              on(func(s *settings) *bool { return &s.shimShutsDown }),
	"-check-close-notify":           on(func(s *settings) *bool { return &s.checkCloseNotify }),
	"-read-size":                    number(func(s *settings) *int { return &s.readSize }),
	"-write-different-record-sizes": on(func(s *settings) *bool { return &s.differentSizes }),
	"-read-with-unfinished-write":   on(func(s *settings) *bool { return &s.unfinishedWrite }),
	"-peek-then-read":               ignored(), // the caller owns the data and may read it again
	"-partial-write":                ignored(), // all is written, always
	"-key-update":                   on(func(s *settings) *bool { return &s.keyUpdate }),
	"-key-update-before-read":       on(func(s *settings) *bool { return &s.keyUpdateFirst }),
	"-export-keying-material":       number(func(s *settings) *int { return &s.exportLength }),
	"-export-label":                 text(func(s *settings) *string { return &s.exportLabel }),
	"-export-context":               text(func(s *settings) *string { return &s.exportContext }),
	"-use-export-context":           on(func(s *settings) *bool { return &s.exportContextUsed }),
	"-export-traffic-secrets":       on(func(s *settings) *bool { return &s.exportSecrets }),

	"-expect-version":                number(func(s *settings) *uint16 { return &s.expect.version }),
	"-expect-alpn":                   text(func(s *settings) *string { return &s.expect.alpn }),
	"-expect-advertised-alpn":        text(func(s *settings) *string { return &s.expect.advertisedALPN }),
	"-expect-server-name":            text(func(s *settings) *string { return &s.expect.serverName }),
	"-expect-no-server-name":         on(func(s *settings) *bool { return &s.expect.noServerName }),
	"-expect-session-miss":           on(func(s *settings) *bool { return &s.expect.sessionMiss }),
	"-expect-no-session":             on(func(s *settings) *bool { return &s.expect.noSession }),
	"-expect-accept-early-data":      on(func(s *settings) *bool { return &s.expect.accepted }),
	"-expect-reject-early-data":      on(func(s *settings) *bool { return &s.expect.rejected }),
	"-expect-no-offer-early-data":    on(func(s *settings) *bool { return &s.expect.notOffered }),
	"-expect-early-data-reason":      text(func(s *settings) *string { return &s.expect.earlyReason }),
	"-expect-ocsp-response":          bytesOf(func(s *settings) *[]byte { return &s.expect.ocsp }),
	"-expect-signed-cert-timestamps": bytesOf(func(s *settings) *[]byte { return &s.expect.scts }),
	"-expect-peer-cert-file":         text(func(s *settings) *string { return &s.expect.peerCert }),
	"-expect-no-peer-cert":           on(func(s *settings) *bool { return &s.expect.noPeerCert }),
	"-expect-peer-verify-pref":       list(func(s *settings) *[]uint16 { return &s.expect.peerPrefs }),
	"-expect-curve-id":               number(func(s *settings) *uint16 { return &s.expect.group }),
	"-expect-cipher":                 number(func(s *settings) *uint16 { return &s.expect.cipher }),
	"-expect-cipher-aes":             number(func(s *settings) *uint16 { return &s.expect.cipherAES }),
	"-expect-cipher-no-aes":          ignoredValue(), // for machines without AES instructions
	"-expect-client-ca-list":         text(func(s *settings) *string { return &s.expect.clientCAs }),
	"-expect-hrr":                    on(func(s *settings) *bool { return &s.expect.retry }),
	"-expect-no-hrr":                 on(func(s *settings) *bool { return &s.expect.noRetry }),
	"-expect-session-id":             on(func(s *settings) *bool { return &s.expect.storedSession }),
	"-expect-no-session-id":          on(func(s *settings) *bool { return &s.expect.noStoredSession }),
	"-expect-ticket-renewal":         on(func(s *settings) *bool { return &s.expect.renewal }),
	"-expect-selected-credential":    {true, expectCredential},
	"-expect-peer-certificate-type":  {true, expectKind},
	"-expect-peer-rpk-sha256":        bytesOf(func(s *settings) *[]byte { return &s.expect.rawKeyHash }),
	"-expect-msg-callback":           text(func(s *settings) *string { return &s.expect.messages }),
	"-handshake-never-done":          on(func(s *settings) *bool { return &s.expect.neverDone }),

	"-expect-extended-master-secret":     on(func(s *settings) *bool { return &s.expect.extendedMaster }),
	"-expect-peer-signature-algorithm":   number(func(s *settings) *uint16 { return &s.expect.peerScheme }),
	"-expect-ticket-supports-early-data": on(func(s *settings) *bool { return &s.expect.earlyTicket }),
}
