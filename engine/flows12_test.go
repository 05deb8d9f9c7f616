package engine

import "github.com/sealsock/sealsock/iana"

// flows12 are the flows of TLS 1.2.
func flows12() []*flow {
	rsa := func(c *config, _ int) { c.Credentials = []*Credential{ownRSA()} }
	keep := tickets()
	again := append(append([]string{"handshake", "say there", "hear one", "close", "end"}, "again"), asClient...)
	back := append(append(append([]string{}, asServer...), "again"), asServer...)
	var ids cache
	byID := func(c *config, n int) {
		if n == 0 {
			ids = cache{}
		}
		c.SessionIDs = ids
	}
	return append(suites12(), []*flow{
		{name: "client-12-ecdsa", title: "TLS 1.2 with an ECDSA certificate", peer: "openssl", client: true, args: []string{"-tls1_2 -no_ticket"}, acts: asClient},
		{name: "server-12-ecdsa", title: "TLS 1.2 with an ECDSA certificate", peer: "gnutls", args: []string{"--priority NORMAL:-VERS-ALL:+VERS-TLS1.2"}, acts: asServer},
		{name: "client-12-rsa", title: "TLS 1.2 with an RSA certificate", peer: "gnutls", client: true,
			args: []string{"--priority NORMAL:-VERS-ALL:+VERS-TLS1.2 --x509certfile {dir}/rsa.pem --x509keyfile {dir}/rsa.key"}, acts: asClient},
		{name: "server-12-rsa", title: "TLS 1.2 with an RSA certificate", peer: "openssl", args: []string{"-tls1_2"}, config: rsa, acts: asServer},
		{name: "client-12-certificate", title: "TLS 1.2 with a client certificate", peer: "openssl", client: true, args: []string{"-tls1_2 -Verify 1"},
			config: func(c *config, _ int) { c.Credentials = []*Credential{ownP256()} }, acts: asClient},
		{name: "server-12-certificate", title: "TLS 1.2 with a client certificate", peer: "openssl", args: []string{"-tls1_2 -cert {dir}/p256.pem -key {dir}/p256.key"},
			config: func(c *config, _ int) { c.ClientAuth = RequireClientCert }, acts: asServer},
		{name: "client-12-resumption", title: "TLS 1.2 resumed with a ticket", peer: "openssl", client: true, args: []string{"-tls1_2"}, acts: again},
		{name: "server-12-resumption", title: "TLS 1.2 resumed with a ticket", peer: "openssl",
			args: []string{"-tls1_2 -sess_out {dir}/session", "-tls1_2 -sess_in {dir}/session"}, config: keep, acts: back},
		{name: "client-12-id", title: "TLS 1.2 resumed with a session ID", peer: "openssl", client: true, args: []string{"-tls1_2 -no_ticket"}, acts: again},
		{name: "server-12-id", title: "TLS 1.2 resumed with a session ID", peer: "openssl",
			args: []string{"-tls1_2 -no_ticket -sess_out {dir}/session", "-tls1_2 -no_ticket -sess_in {dir}/session"}, config: byID, acts: back},
		{name: "client-12-alpn", title: "TLS 1.2 with ALPN", peer: "gnutls", client: true,
			args: []string{"--priority NORMAL:-VERS-ALL:+VERS-TLS1.2 --alpn http/1.1"}, config: func(c *config, _ int) { c.ALPN = []string{"h2", "http/1.1"} }, acts: asClient},
		{name: "server-12-alpn", title: "TLS 1.2 with ALPN", peer: "openssl", args: []string{"-tls1_2 -alpn http/1.1,h2"},
			config: func(c *config, _ int) { c.ALPN = []string{"h2", "http/1.1"} }, acts: asServer},
	}...)
}

// suites12 are flows with the suites of TLS 1.2 that neither side prefers.
func suites12() []*flow {
	const key = " -psk 00112233445566778899aabbccddeeff -psk_identity device"
	suite := func(id iana.CipherSuite) func(*config, int) {
		return func(c *config, _ int) { c.CipherSuites = []iana.CipherSuite{id} }
	}
	psk := func(id iana.CipherSuite) func(*config, int) {
		return func(c *config, _ int) {
			c.CipherSuites, c.PSKs, c.Verifier = []iana.CipherSuite{id}, []*PSK{flowPSK}, nil
		}
	}
	find := func(id iana.CipherSuite) func(*config, int) {
		return func(c *config, _ int) {
			c.CipherSuites, c.Credentials = []iana.CipherSuite{id}, nil
			c.FindPSK = func([]byte) (*PSK, error) { return flowPSK, nil }
		}
	}
	return []*flow{
		{name: "client-12-chacha20", title: "TLS 1.2 with ChaCha20-Poly1305", peer: "gnutls", client: true,
			args: []string{"--priority NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305"}, acts: asClient},
		{name: "server-12-chacha20", title: "TLS 1.2 with ChaCha20-Poly1305", peer: "openssl",
			args: []string{"-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305"}, acts: asServer},
		{name: "client-12-ccm", title: "TLS 1.2 with AES-CCM", peer: "openssl", client: true, args: []string{"-tls1_2 -cipher ECDHE-ECDSA-AES128-CCM"},
			config: suite(iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM), acts: asClient},
		{name: "server-12-ccm8", title: "TLS 1.2 with AES-CCM-8", peer: "gnutls", args: []string{"--priority NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CCM-8"},
			config: suite(iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8), acts: asServer},
		{name: "client-12-psk", title: "TLS 1.2 with a pre-shared key alone", peer: "openssl", client: true,
			args: []string{"-tls1_2 -nocert -cipher PSK-AES128-GCM-SHA256" + key}, config: psk(iana.TLS_PSK_WITH_AES_128_GCM_SHA256), acts: asClient},
		{name: "server-12-psk", title: "TLS 1.2 with a pre-shared key alone", peer: "openssl",
			args: []string{"-tls1_2 -cipher PSK-AES256-GCM-SHA384" + key}, config: find(iana.TLS_PSK_WITH_AES_256_GCM_SHA384), acts: asServer},
		{name: "client-12-ecdhe-psk", title: "TLS 1.2 with a pre-shared key and a key exchange", peer: "openssl", client: true,
			args: []string{"-tls1_2 -nocert -psk_hint here -cipher ECDHE-PSK-CHACHA20-POLY1305" + key}, config: psk(iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256), acts: asClient},
		{name: "server-12-ecdhe-psk", title: "TLS 1.2 with a pre-shared key and a key exchange", peer: "openssl",
			args: []string{"-tls1_2 -cipher ECDHE-PSK-CHACHA20-POLY1305" + key}, config: find(iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256), acts: asServer},
	}
}
