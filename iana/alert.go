package iana

// Alert is an AlertDescription. RFC 9846, Section 6.
type Alert uint8

// The alerts of RFC 9846, Section 6, of RFC 5246, Section 7.2, and of the
// extensions. Those marked reserved are received from old peers and never sent.
const (
	AlertCloseNotify                  Alert = 0
	AlertUnexpectedMessage            Alert = 10
	AlertBadRecordMAC                 Alert = 20
	AlertDecryptionFailed             Alert = 21 // reserved
	AlertRecordOverflow               Alert = 22
	AlertDecompressionFailure         Alert = 30 // reserved
	AlertHandshakeFailure             Alert = 40
	AlertNoCertificate                Alert = 41 // reserved, SSL 3.0
	AlertBadCertificate               Alert = 42
	AlertUnsupportedCertificate       Alert = 43
	AlertCertificateRevoked           Alert = 44
	AlertCertificateExpired           Alert = 45
	AlertCertificateUnknown           Alert = 46
	AlertIllegalParameter             Alert = 47
	AlertUnknownCA                    Alert = 48
	AlertAccessDenied                 Alert = 49
	AlertDecodeError                  Alert = 50
	AlertDecryptError                 Alert = 51
	AlertTooManyCIDsRequested         Alert = 52
	AlertExportRestriction            Alert = 60 // reserved
	AlertProtocolVersion              Alert = 70
	AlertInsufficientSecurity         Alert = 71
	AlertInternalError                Alert = 80
	AlertInappropriateFallback        Alert = 86
	AlertUserCanceled                 Alert = 90
	AlertNoRenegotiation              Alert = 100 // TLS 1.2
	AlertMissingExtension             Alert = 109
	AlertUnsupportedExtension         Alert = 110
	AlertCertificateUnobtainable      Alert = 111 // reserved
	AlertUnrecognizedName             Alert = 112
	AlertBadCertificateStatusResponse Alert = 113
	AlertBadCertificateHashValue      Alert = 114 // reserved
	AlertUnknownPSKIdentity           Alert = 115
	AlertCertificateRequired          Alert = 116
	AlertGeneralError                 Alert = 117
	AlertNoApplicationProtocol        Alert = 120
	AlertECHRequired                  Alert = 121
)

var alerts = registry[Alert]{"alert", []name[Alert]{
	{AlertCloseNotify, "close_notify", ""},
	{AlertUnexpectedMessage, "unexpected_message", ""},
	{AlertBadRecordMAC, "bad_record_mac", ""},
	{AlertDecryptionFailed, "decryption_failed", ""},
	{AlertRecordOverflow, "record_overflow", ""},
	{AlertDecompressionFailure, "decompression_failure", ""},
	{AlertHandshakeFailure, "handshake_failure", ""},
	{AlertNoCertificate, "no_certificate", ""},
	{AlertBadCertificate, "bad_certificate", ""},
	{AlertUnsupportedCertificate, "unsupported_certificate", ""},
	{AlertCertificateRevoked, "certificate_revoked", ""},
	{AlertCertificateExpired, "certificate_expired", ""},
	{AlertCertificateUnknown, "certificate_unknown", ""},
	{AlertIllegalParameter, "illegal_parameter", ""},
	{AlertUnknownCA, "unknown_ca", ""},
	{AlertAccessDenied, "access_denied", ""},
	{AlertDecodeError, "decode_error", ""},
	{AlertDecryptError, "decrypt_error", ""},
	{AlertTooManyCIDsRequested, "too_many_cids_requested", ""},
	{AlertExportRestriction, "export_restriction", ""},
	{AlertProtocolVersion, "protocol_version", ""},
	{AlertInsufficientSecurity, "insufficient_security", ""},
	{AlertInternalError, "internal_error", ""},
	{AlertInappropriateFallback, "inappropriate_fallback", ""},
	{AlertUserCanceled, "user_canceled", "user_cancelled"},
	{AlertNoRenegotiation, "no_renegotiation", ""},
	{AlertMissingExtension, "missing_extension", ""},
	{AlertUnsupportedExtension, "unsupported_extension", ""},
	{AlertCertificateUnobtainable, "certificate_unobtainable", ""},
	{AlertUnrecognizedName, "unrecognized_name", ""},
	{AlertBadCertificateStatusResponse, "bad_certificate_status_response", ""},
	{AlertBadCertificateHashValue, "bad_certificate_hash_value", ""},
	{AlertUnknownPSKIdentity, "unknown_psk_identity", ""},
	{AlertCertificateRequired, "certificate_required", ""},
	{AlertGeneralError, "general_error", ""},
	{AlertNoApplicationProtocol, "no_application_protocol", ""},
	{AlertECHRequired, "ech_required", ""},
}}

// String returns the registry's name, such as "handshake_failure", or
// "alert 200".
func (a Alert) String() string { return alerts.text(a) }

// ParseAlert accepts the registry's names. The error suggests similar names.
func ParseAlert(text string) (Alert, error) { return alerts.parse(text) }
