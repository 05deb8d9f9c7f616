package main

// engineProofRows are about certificates and their proofs in TLS 1.3.
var engineProofRows = []row{
	{
		doc: rfc9846, section: "4.3.2",
		must: "no CertificateRequest with a pre-shared key; empty context in the handshake; " +
			"signature_algorithms in it",
		file: "engine/client13.go",
		old:  "if len(request.Context) != 0 {", new: "if false {",
		test: "TestClientRefusesRequest13/a context",
	},
	{
		doc: rfc9846, section: "4.3.2",
		must: "no CertificateRequest with a pre-shared key; empty context in the handshake; " +
			"signature_algorithms in it",
		file: "engine/client13.go",
		old:  "if !slices.Contains(request.Present, iana.ExtSignatureAlgorithms) {",
		new:  "if false {",
		test: "TestClientRefusesRequest13/no signature algorithms",
	},
	{
		doc: rfc9846, section: "4.3.2",
		must: "no CertificateRequest with a pre-shared key; empty context in the handshake; " +
			"signature_algorithms in it",
		file: "engine/server13_choose.go",
		old:  "d.key, d.index = k.key, k.index",
		new:  "d.key, d.index, d.asks = k.key, k.index, cfg.ClientAuth != NoClientCert",
		test: "TestResumptionWithClientCertificate",
	},
	{
		doc: rfc9846, section: "4.3.2",
		must: "no certificate of the client after the handshake with an external key",
		file: "engine/server13_choose.go",
		old:  "len(k.key.external()) > 0 {", new: "false {",
		test: "TestNoLateRequestWithExternalPSK",
	},
	{
		doc: rfc9846, section: "4.3.2",
		must: "no certificate of the client after the handshake with an external key",
		file: "engine/server13_choose.go",
		old:  "len(k.key.external()) > 0 {", new: "k.key.session == nil {",
		test: "TestNoLateRequestWithExternalPSK",
	},
	{
		doc: rfc9846, section: "4.3.2",
		must: "no certificate of the client after the handshake with an external key",
		file: "engine/client13.go",
		old:  "f.rejected != nil || len(f.info.PSKIdentity) > 0 {", new: "f.rejected != nil {",
		test: "TestLateRequestWithExternalPSKIsDeclined",
	},
	{
		doc: rfc9846, section: "4.4.2.4",
		must: "an empty Certificate of a server: decode_error; of a client that must: " +
			"certificate_required",
		file: "engine/client13.go",
		old:  "if peer.empty() {", new: "if false {",
		test: "TestPeerRefusesCertificate13/none by the server",
	},
	{
		doc: rfc9846, section: "4.4.2.4",
		must: "an empty Certificate of a server: decode_error; of a client that must: " +
			"certificate_required",
		file: "engine/server13.go",
		old:  "if s.cfg.ClientAuth == RequireClientCert {", new: "if false {",
		test: "TestPeerRefusesCertificate13/none by the client",
	},
	{
		doc: rfc9846, section: "4.4.2",
		must: "extensions of a certificate were asked for: unsupported_extension",
		file: "engine/certificates.go",
		old:  "if !ok {\n\t\t\treturn broken", new: "if !ok && false {\n\t\t\treturn broken",
		test: "TestPeerRefusesCertificate13/an unknown extension by the server",
	},
	{
		doc: rfc9846, section: "4.4.2",
		must: "extensions of a certificate were asked for: unsupported_extension",
		file: "engine/certificates.go",
		old:  "ext == iana.ExtDelegatedCredential && a.delegated != nil",
		new:  "ext == iana.ExtDelegatedCredential",
		test: "TestDelegation13/not asked for",
	},
	{
		doc: rfc9846, section: "4.4.2",
		must: "the context of a Certificate is that of the request, and empty in the handshake",
		file: "engine/certificates.go",
		old:  "if string(cert.Context) != string(a.context) {", new: "if false {",
		test: "TestPeerRefusesCertificate13/a context by the client",
	},
	{
		doc: rfc9846, section: "4.4.3",
		must: "the signature covers 64 spaces, the context and the transcript; its scheme was " +
			"offered",
		file: "engine/flow13.go",
		old:  "append(append(b, spaces...)", new: "append(append(b, spaces[1:]...)",
		test: "TestSignedContent13",
	},
	{
		doc: rfc9846, section: "4.4.3",
		must: "the signature covers 64 spaces, the context and the transcript; its scheme was " +
			"offered",
		file: "engine/flow13.go",
		old:  "append(append(b, spaces...)", new: "append(append(b, make([]byte, len(spaces))...)",
		test: "TestSignedContent13",
	},
	{
		doc: rfc9846, section: "4.4.3",
		must: "the signature covers 64 spaces, the context and the transcript; its scheme was " +
			"offered",
		file: "engine/flow13.go",
		old:  "clientContext = \"TLS 1.3, client", new: "clientContext = \"TLS 1.3, server",
		test: "TestSignedContent13",
	},
	{
		doc: rfc9846, section: "4.4.3",
		must: "the signature covers 64 spaces, the context and the transcript; its scheme was " +
			"offered",
		file: "engine/flow13.go",
		old:  "return append(appendContext(f.content[:0], context), f.transcript.sum()...)",
		new:  "return appendContext(f.content[:0], context)",
		test: "TestSignedContent13",
	},
	{
		doc: rfc9846, section: "4.4.3",
		must: "the signature covers 64 spaces, the context and the transcript; its scheme was " +
			"offered",
		file: "engine/flow.go",
		old:  "!scheme.In(v) || !slices.Contains(offered, id):", new: "!scheme.In(v):",
		test: "TestPeerRefusesProof13/a scheme that was not offered by the server",
	},
	{
		doc: rfc9846, section: "4.4.3",
		must: "the signature covers 64 spaces, the context and the transcript; its scheme was " +
			"offered",
		file: "engine/flow.go",
		old:  "case !scheme.Fits(key, v):", new: "case v == iana.TLS12 && !scheme.Fits(key, v):",
		test: "TestPeerRefusesProof13/the scheme of another curve by the server",
	},
	{
		doc: rfc9846, section: "4.4.3", must: "a signature that does not verify: decrypt_error",
		file: "engine/flow.go",
		old:  "if err := scheme.Verify(key, v, content, signature); err != nil {",
		new:  "if err := scheme.Verify(key, v, content, signature); err != nil && v == iana.TLS12 {",
		test: "TestPeerRefusesProof13/another signature by the client",
	},
	{
		doc: rfc9846, section: "4.4.3", must: "a signature that does not verify: decrypt_error",
		file: "engine/flow.go",
		old:  "Fault: FaultPeer, Alert: iana.AlertDecryptError, Reason: \"the peer's sig",
		new:  "Fault: FaultPeer, Alert: iana.AlertIllegalParameter, Reason: \"the peer's sig",
		test: "TestPeerRefusesProof13/another signature by the server",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "no PKCS #1 v1.5 and no SHA-1 in handshake signatures",
		file: "engine/flow.go",
		old:  "!scheme.In(v) || !slices.Contains(offered, id):",
		new:  "scheme == nil || !slices.Contains(offered, id):",
		test: "TestPeerRefusesProof13/PKCS #1 by the server",
	},
	{
		doc: rfc9846, section: "4.2.3",
		must: "no PKCS #1 v1.5 and no SHA-1 in handshake signatures",
		file: "internal/suites/signatures.go",
		old:  "{iana.RSAPKCS1WithSHA256, kindPKCS1, crypto.SHA256, nil, false, true}",
		new:  "{iana.RSAPKCS1WithSHA256, kindPKCS1, crypto.SHA256, nil, true, true}",
		pkg:  "engine", test: "TestPeerRefusesProof13/PKCS #1 by the client",
	},
	{
		doc: rfc9846, section: "4.4.4",
		must: "Finished is checked: decrypt_error; in constant time",
		file: "engine/flow.go",
		old:  "case !keys.Equal(data, want):", new: "case false:",
		test: "TestPeerRefusesProof13/another Finished by the server",
	},
	{
		doc: rfc9846, section: "4.4.4",
		must: "Finished is checked: decrypt_error; in constant time",
		file: "engine/flow.go",
		old:  "broken(iana.AlertDecryptError, \"Finished does",
		new:  "broken(iana.AlertIllegalParameter, \"Finished does",
		test: "TestPeerRefusesProof13/another Finished by the client",
	},
	{
		doc: rfc9846, section: "D.4", must: "middlebox compatibility mode, and without it",
		file: "engine/client13.go",
		old:  "if o.cfg.compatible() && !f.info.Retried", new: "if !f.info.Retried",
		test: "TestCompatibilityMode13",
	},
	{
		doc: rfc9846, section: "D.4", must: "middlebox compatibility mode, and without it",
		file: "engine/client13.go",
		old:  "if o.cfg.compatible() && !f.info.Retried", new: "if false && !f.info.Retried",
		test: "TestCompatibilityMode13",
	},
	{
		doc: rfc9846, section: "D.4", must: "middlebox compatibility mode, and without it",
		file: "engine/server13_flight.go",
		old:  "if len(f.hello.SessionID) > 0 && !f.info.Retried {", new: "if !f.info.Retried {",
		test: "TestCompatibilityMode13",
	},
}
