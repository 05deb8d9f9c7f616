package certificate

import (
	"encoding/base64"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
)

// SCT is a signed certificate timestamp (RFC 6962, Section 3.2). Its signature
// is not verified, because that requires the keys of the logs.
type SCT struct {
	Version   int       `json:"version"` // 1
	LogID     string    `json:"log_id"`  // Base64, as lists of logs have it
	Time      time.Time `json:"time"`
	Signature string    `json:"signature_algorithm"`
}

// ParseSCT parses one timestamp in the encoding of the TLS extension.
func ParseSCT(data []byte) (*SCT, error) {
	s := cryptobyte.String(data)
	var version, hash, algorithm uint8
	var log []byte
	var millis uint64
	var extensions, signature cryptobyte.String
	if !s.ReadUint8(&version) || !s.ReadBytes(&log, 32) || !s.ReadUint64(&millis) || !s.ReadUint16LengthPrefixed(&extensions) ||
		!s.ReadUint8(&hash) || !s.ReadUint8(&algorithm) || !s.ReadUint16LengthPrefixed(&signature) || !s.Empty() {
		return nil, fmt.Errorf("not a signed certificate timestamp: %d bytes that cannot be read", len(data))
	}
	return &SCT{
		Version:   int(version) + 1,
		LogID:     base64.StdEncoding.EncodeToString(log),
		Time:      certtext.Encodable(time.UnixMilli(int64(min(millis, 1<<53)))),
		Signature: sctAlgorithm(hash, algorithm),
	}, nil
}

func sctAlgorithm(hash, algorithm uint8) string {
	switch {
	case hash == 4 && algorithm == 3:
		return "ecdsa-with-SHA256"
	case hash == 4 && algorithm == 1:
		return "sha256WithRSAEncryption"
	}
	return fmt.Sprintf("hash %d, signature %d", hash, algorithm)
}

// timestamps reads the list inside a certificate (RFC 6962, Section 3.3).
func (c *Certificate) timestamps(s cryptobyte.String) bool {
	var wrapped, list cryptobyte.String
	if !s.ReadASN1(&wrapped, asn1.OCTET_STRING) || !s.Empty() || !wrapped.ReadUint16LengthPrefixed(&list) || !wrapped.Empty() {
		return false
	}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&one) {
			return false
		}
		sct, err := ParseSCT(one)
		if err != nil {
			return false
		}
		c.SCTs = append(c.SCTs, *sct)
	}
	return true
}
