package iana

// ExtensionType is the type of a TLS extension. RFC 9846, Section 4.2.
type ExtensionType uint16

// The extensions this module reads or writes.
const (
	ExtServerName              ExtensionType = 0
	ExtMaxFragmentLength       ExtensionType = 1
	ExtStatusRequest           ExtensionType = 5
	ExtSupportedGroups         ExtensionType = 10
	ExtECPointFormats          ExtensionType = 11
	ExtSignatureAlgorithms     ExtensionType = 13
	ExtUseSRTP                 ExtensionType = 14
	ExtALPN                    ExtensionType = 16
	ExtSCT                     ExtensionType = 18
	ExtClientCertType          ExtensionType = 19
	ExtServerCertType          ExtensionType = 20
	ExtPadding                 ExtensionType = 21
	ExtEncryptThenMAC          ExtensionType = 22
	ExtExtendedMasterSecret    ExtensionType = 23
	ExtCompressCertificate     ExtensionType = 27
	ExtRecordSizeLimit         ExtensionType = 28
	ExtCertWithExternPSK       ExtensionType = 33
	ExtDelegatedCredential     ExtensionType = 34
	ExtSessionTicket           ExtensionType = 35
	ExtPreSharedKey            ExtensionType = 41
	ExtEarlyData               ExtensionType = 42
	ExtSupportedVersions       ExtensionType = 43
	ExtCookie                  ExtensionType = 44
	ExtPSKModes                ExtensionType = 45
	ExtCertificateAuthorities  ExtensionType = 47
	ExtOIDFilters              ExtensionType = 48
	ExtPostHandshakeAuth       ExtensionType = 49
	ExtSignatureAlgorithmsCert ExtensionType = 50
	ExtKeyShare                ExtensionType = 51
	ExtConnectionID            ExtensionType = 54
	ExtQUICTransportParameters ExtensionType = 57
	ExtTicketRequest           ExtensionType = 58
	ExtRRC                     ExtensionType = 61
	ExtECHOuterExtensions      ExtensionType = 0xfd00
	ExtECH                     ExtensionType = 0xfe0d
	ExtRenegotiationInfo       ExtensionType = 0xff01
)

var extensions = registry[ExtensionType]{"extension", []name[ExtensionType]{
	{ExtServerName, "server_name", "sni"},
	{ExtMaxFragmentLength, "max_fragment_length", ""},
	{2, "client_certificate_url", ""},
	{3, "trusted_ca_keys", ""},
	{4, "truncated_hmac", ""},
	{ExtStatusRequest, "status_request", ""},
	{6, "user_mapping", ""},
	{7, "client_authz", ""},
	{8, "server_authz", ""},
	{9, "cert_type", ""},
	{ExtSupportedGroups, "supported_groups", "elliptic_curves"},
	{ExtECPointFormats, "ec_point_formats", ""},
	{12, "srp", ""},
	{ExtSignatureAlgorithms, "signature_algorithms", ""},
	{ExtUseSRTP, "use_srtp", ""},
	{15, "heartbeat", ""},
	{ExtALPN, "application_layer_protocol_negotiation", "alpn"},
	{17, "status_request_v2", ""},
	{ExtSCT, "signed_certificate_timestamp", "sct"},
	{ExtClientCertType, "client_certificate_type", ""},
	{ExtServerCertType, "server_certificate_type", ""},
	{ExtPadding, "padding", ""},
	{ExtEncryptThenMAC, "encrypt_then_mac", ""},
	{ExtExtendedMasterSecret, "extended_master_secret", ""},
	{24, "token_binding", ""},
	{25, "cached_info", ""},
	{26, "tls_lts", ""},
	{ExtCompressCertificate, "compress_certificate", ""},
	{ExtRecordSizeLimit, "record_size_limit", ""},
	{29, "pwd_protect", ""},
	{30, "pwd_clear", ""},
	{31, "password_salt", ""},
	{32, "ticket_pinning", ""},
	{ExtCertWithExternPSK, "tls_cert_with_extern_psk", ""},
	{ExtDelegatedCredential, "delegated_credential", ""},
	{ExtSessionTicket, "session_ticket", ""},
	{36, "TLMSP", ""},
	{37, "TLMSP_proxying", ""},
	{38, "TLMSP_delegate", ""},
	{39, "supported_ekt_ciphers", ""},
	{ExtPreSharedKey, "pre_shared_key", "psk"},
	{ExtEarlyData, "early_data", ""},
	{ExtSupportedVersions, "supported_versions", ""},
	{ExtCookie, "cookie", ""},
	{ExtPSKModes, "psk_key_exchange_modes", ""},
	{ExtCertificateAuthorities, "certificate_authorities", ""},
	{ExtOIDFilters, "oid_filters", ""},
	{ExtPostHandshakeAuth, "post_handshake_auth", ""},
	{ExtSignatureAlgorithmsCert, "signature_algorithms_cert", ""},
	{ExtKeyShare, "key_share", ""},
	{52, "transparency_info", ""},
	{ExtConnectionID, "connection_id", ""},
	{55, "external_id_hash", ""},
	{56, "external_session_id", ""},
	{ExtQUICTransportParameters, "quic_transport_parameters", ""},
	{ExtTicketRequest, "ticket_request", ""},
	{59, "dnssec_chain", ""},
	{60, "sequence_number_encryption_algorithms", ""},
	{ExtRRC, "rrc", ""},
	{62, "tls_flags", ""},
	{13172, "next_protocol_negotiation", "npn"},
	{17513, "application_settings_old", ""},
	{17613, "application_settings", "alps"},
	{30032, "channel_id", ""},
	{ExtECHOuterExtensions, "ech_outer_extensions", ""},
	{ExtECH, "encrypted_client_hello", "ech"},
	{ExtRenegotiationInfo, "renegotiation_info", ""},
}}

// String returns the registry's name, such as "server_name", or
// "extension 0x1234".
func (e ExtensionType) String() string { return extensions.text(e) }

// ParseExtensionType accepts the registry's names and the short forms "sni",
// "alpn", "sct", "psk" and "ech". The error suggests similar names.
func ParseExtensionType(text string) (ExtensionType, error) { return extensions.parse(text) }
