package engine

// Export derives length bytes of keying material for label and context, on a
// connection whose handshake is done. Both sides get the same. RFC 9846,
// Section 7.5; labels are in the IANA's TLS Exporter Labels registry.
func (s *State) Export(label string, context []byte, length int) ([]byte, error) {
	if s.exporter == nil || !s.HandshakeDone {
		return nil, usage("keying material can be exported once the handshake is done")
	}
	if err := checkExport(label, length); err != nil {
		return nil, err
	}
	return s.exporter.Export(label, context, length), nil
}

// ExportEarly is Export for the time of 0-RTT data. Two connections that were
// started by a replayed ClientHello get the same.
func (s *State) ExportEarly(label string, context []byte, length int) ([]byte, error) {
	if s.earlyExporter == nil {
		return nil, usage("there is no early exporter without 0-RTT data")
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
	if length < 1 || length > 255*32 {
		return usage("%d bytes of keying material: 1 to %d can be exported", length, 255*32)
	}
	return nil
}
