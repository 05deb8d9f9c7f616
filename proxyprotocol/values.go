package proxyprotocol

// signature is how version 2 begins.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// maxLine is the longest header of version 1 with its end, in bytes.
const maxLine = 107

// The families of version 2, in the upper half of the byte.
const (
	familyUnspecified = 0x0
	familyIPv4        = 0x1
	familyIPv6        = 0x2
	familyUnix        = 0x3
)

// The transports of version 2, in the lower half of the byte.
const (
	transportUnspecified = 0x0
	transportStream      = 0x1
	transportDatagram    = 0x2
)

// lengths has the sizes of the two addresses of each family, in bytes.
var lengths = map[byte]int{
	familyUnspecified: 0, familyIPv4: 12, familyIPv6: 36, familyUnix: 2 * unixPath,
}

// unixPath is the size of a path of a UNIX-domain socket, padded with zeros.
const unixPath = 108

// The types of the values behind the addresses of version 2.
const (
	typeALPN      = 0x01
	typeAuthority = 0x02
	typeCRC32C    = 0x03
	typeUniqueID  = 0x05
	typeTLS       = 0x20

	// These are within typeTLS.
	typeVersion     = 0x21
	typeCommonName  = 0x22
	typeCipher      = 0x23
	typeSignature   = 0x24
	typeKey         = 0x25
	typeGroup       = 0x26
	typeScheme      = 0x27
	typeCertificate = 0x28
)

// The bits of the client in typeTLS.
const (
	clientTLS             = 0x01
	clientCertificateConn = 0x02
	clientCertificateSess = 0x04
)

// texts returns where the texts of TLS stand, by their types.
func (t *TLS) texts() map[byte]*string {
	return map[byte]*string{
		typeVersion: &t.Version, typeCommonName: &t.CommonName, typeCipher: &t.Cipher,
		typeSignature: &t.SignatureAlgorithm, typeKey: &t.KeyAlgorithm, typeGroup: &t.Group,
		typeScheme: &t.SignatureScheme,
	}
}
