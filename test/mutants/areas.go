package main

// An area is a table of rows about one part of the module.
type area struct {
	name string
	rows []row
}

// areas lists the tables. A new table goes into a file of its own.
var areas = []area{
	{"authority", authorityRows},
	{"authority_acme", authorityACMERows},
	{"bounds", boundsRows},
	{"dtls", dtlsRows},
	{"dtls_ids", idRows},
	{"dtls_sockets", dtlsSocketRows},
	{"engine_details", detailRows},
	{"engine_client", engineClientRows},
	{"engine_ech", engineECHRows},
	{"engine_extensions", engineExtensionRows},
	{"engine_handover", handoverRows},
	{"engine_musts", engineMustRows},
	{"engine_proofs", engineProofRows},
	{"engine_psk", enginePSKRows},
	{"engine_quic", quicRows},
	{"engine_record", engineRecordRows},
	{"engine_server", engineServerRows},
	{"engine_sessions", sessionRows},
	{"engine_tls12", engine12Rows},
	{"forward", forwardRows},
	{"gcm", gcmRows},
	{"identity", identityRows},
	{"inspect", inspectRows},
	{"kerneltls", kernelTLSRows},
	{"keys", keysRows},
	{"post_quantum", postQuantumRows},
	{"record", recordRows},
	{"relay", relayRows},
	{"nats", natsRows},
	{"musts_ech", mustECHRows},
	{"musts_tls12", mustRows12},
	{"musts_tls13", mustRows13},
	{"musts_x509", mustRowsX509},
	{"rooms", roomRows},
	{"seal", sealRows},
	{"sealsock", sealsockRows},
	{"sockets", socketsRows},
	{"sources", sourcesRows},
	{"starttls", starttlsRows},
	{"stream", streamRows},
	{"suites", suitesRows},
	{"transfer", transferRows},
	{"trust", trustRows},
	{"trust_known", knownRows},
	{"tunnel", tunnelRows},
	{"wire", wireRows},
	{"x25519", x25519Rows},
	{"zero", zeroRows},
}
