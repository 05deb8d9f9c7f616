package wire_test

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

func Example() {
	request := wire.CertificateRequest{SignatureAlgorithms: []iana.SignatureScheme{iana.Ed25519}}
	msg, err := request.AppendTo(nil)
	fmt.Printf("%x %v\n", msg, err)

	typ, length, _ := wire.ParseHeader(msg)
	parsed, err := wire.ParseCertificateRequest(msg[wire.HeaderLen:])
	fmt.Println(typ, length, parsed.SignatureAlgorithms, err)

	_, err = wire.ParseCertificateRequest(append(msg[wire.HeaderLen:], 1, 2, 3))
	fmt.Println(err)
	// Output:
	// 0d00000b000008000d000400020807 <nil>
	// certificate_request 11 [ed25519] <nil>
	// certificate_request: 3 bytes left over
}
