package iana_test

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
)

func Example() {
	suite, err := iana.ParseCipherSuite("ecdhe-rsa-aes128-gcm-sha256") // as OpenSSL calls it
	fmt.Println(suite, err)

	group, err := iana.ParseNamedGroup("P-256")
	fmt.Println(group, err)

	_, err = iana.ParseVersion("tls1.4")
	fmt.Println(err)

	fmt.Println(iana.CipherSuite(0xc014), iana.CipherSuite(0x1234), iana.Alert(40))
	// Output:
	// TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 <nil>
	// secp256r1 <nil>
	// unknown version "tls1.4": use one of TLS 1.3, TLS 1.2, TLS 1.1, TLS 1.0, SSL 3.0, SSL 2.0, DTLS 1.3, DTLS 1.2, DTLS 1.0
	// TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA cipher suite 0x1234 handshake_failure
}
