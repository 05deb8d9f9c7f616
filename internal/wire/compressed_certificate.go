package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    CertificateCompressionAlgorithm algorithm;
//	    uint24 uncompressed_length;
//	    opaque compressed_certificate_message<1..2^24-1>;
//	} CompressedCertificate;

// ParseCompressedCertificate parses the body of a CompressedCertificate. It
// does not decompress: UncompressedLength is only what the peer claims.
func ParseCompressedCertificate(body []byte) (*CompressedCertificate, error) {
	m, p := new(CompressedCertificate), parse(iana.HandshakeCompressedCertificate, body)
	m.Algorithm = iana.CertificateCompression(p.uint16("algorithm"))
	m.UncompressedLength = p.uint24("uncompressed_length")
	m.Compressed = p.vector24("compressed_certificate_message", 1)
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *CompressedCertificate) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCompressedCertificate)
	w.AddUint16(uint16(m.Algorithm))
	w.AddUint24(m.UncompressedLength)
	w.AddVector(3, m.Compressed)
	return end(&w, mark, iana.HandshakeCompressedCertificate)
}
