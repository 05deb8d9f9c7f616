package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
)

// Export derives length bytes of keying material for label and context, on a
// connection whose handshake is done. Both sides get the same. RFC 9846,
// Section 7.5; labels are in the IANA's TLS Exporter Labels registry. TLS 1.2
// (RFC 5705) distinguishes a nil context from an empty one, and works with extended
// master secret only: without it two connections might export the same.
func (s *State) Export(label string, context []byte, length int) ([]byte, error) {
	switch {
	case s == nil || !s.HandshakeDone:
		return nil, usage("keying material can be exported only after the handshake")
	case s.exporter == nil:
		return nil, noExtendedMaster("keying material cannot be exported")
	}
	check := checkExport
	if s.Version == iana.TLS12 {
		check = checkExport12
	}
	if err := check(label, length); err != nil {
		return nil, err
	}
	if len(context) >= 1<<16 {
		return nil, usage("an exporter context of %d bytes: it may have 65535", len(context))
	}
	return s.exporter.Export(label, context, length), nil
}

// checkExport12 keeps the labels of TLS 1.2's own keys from being exported.
// RFC 5705, Section 4.
func checkExport12(label string, length int) error {
	if reserved12[label] {
		return usage("exporter label %q is reserved by TLS 1.2", label)
	}
	if length < 1 || length > maxExport {
		return usage("%d bytes of keying material: 1 to %d can be exported", length, maxExport)
	}
	return nil
}

// maxExport is how many bytes are exported at most: what TLS 1.3 can derive with
// the shortest hash.
const maxExport = 255 * 32

var reserved12 = map[string]bool{
	"client finished": true, "server finished": true, "master secret": true,
	"key expansion": true, "extended master secret": true,
}

// Unique returns the channel binding tls-unique of a TLS 1.2 connection: the
// first Finished of its handshake. RFC 5929, Section 3. It works with extended
// master secret only, and TLS 1.3 has none: see RFC 9266.
func (s *State) Unique() ([]byte, error) {
	switch {
	case s == nil || !s.HandshakeDone:
		return nil, usage("tls-unique is available only after the handshake")
	case s.Version != iana.TLS12:
		return nil, usage("%v has no tls-unique: use tls-exporter", s.Version)
	case !s.ExtendedMasterSecret:
		return nil, noExtendedMaster("tls-unique is not unique on this connection")
	}
	return slices.Clone(s.firstFinished), nil
}

func noExtendedMaster(what string) error {
	return &Error{
		Fault: FaultUsage, Alert: iana.AlertInternalError,
		Reason: what + ": the peer does not support extended master secret", Hint: "update the peer, or use TLS 1.3",
	}
}

// ExportEarly is Export for the time of 0-RTT data. Two connections that were
// started by a replayed ClientHello get the same. It is an error once the server has
// refused the data.
func (s *State) ExportEarly(label string, context []byte, length int) ([]byte, error) {
	if s == nil || !s.earlyExporter.Valid() {
		return nil, usage("the early exporter needs 0-RTT data that is not refused")
	}
	if err := checkExport(label, length); err != nil {
		return nil, err
	}
	return s.earlyExporter.Export(label, context, length), nil
}

// checkExport keeps to the bounds of HKDF-Expand-Label: a label of 249 bytes
// behind its prefix, and 255 blocks of the shortest hash.
func checkExport(label string, length int) error {
	if len(label) == 0 || len(label) > 249 {
		return usage("an exporter label of %d bytes: it must have 1 to 249", len(label))
	}
	if length < 1 || length > maxExport {
		return usage("%d bytes of keying material: 1 to %d can be exported", length, maxExport)
	}
	return nil
}
