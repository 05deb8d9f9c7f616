package iana

// SRTPProfile is an SRTP protection profile: what protects the media whose keys a handshake of
// DTLS agrees on. RFC 5764, Section 4.1.2; RFC 7714, Section 14.2.
type SRTPProfile uint16

// The profiles that encrypt, with one layer.
const (
	SRTP_AES128_CM_HMAC_SHA1_80 SRTPProfile = 0x0001
	SRTP_AES128_CM_HMAC_SHA1_32 SRTPProfile = 0x0002
	SRTP_AEAD_AES_128_GCM       SRTPProfile = 0x0007
	SRTP_AEAD_AES_256_GCM       SRTPProfile = 0x0008
)

var srtpProfiles = registry[SRTPProfile]{"SRTP profile", []name[SRTPProfile]{
	{SRTP_AES128_CM_HMAC_SHA1_80, "SRTP_AES128_CM_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80"},
	{SRTP_AES128_CM_HMAC_SHA1_32, "SRTP_AES128_CM_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32"},
	{SRTP_AEAD_AES_128_GCM, "SRTP_AEAD_AES_128_GCM", ""},
	{SRTP_AEAD_AES_256_GCM, "SRTP_AEAD_AES_256_GCM", ""},
	{0x0005, "SRTP_NULL_HMAC_SHA1_80", ""},
	{0x0006, "SRTP_NULL_HMAC_SHA1_32", ""},
	{0x0009, "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", ""},
	{0x000a, "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM", ""},
}}

// String returns the registry's name, such as "SRTP_AEAD_AES_128_GCM".
func (p SRTPProfile) String() string { return srtpProfiles.text(p) }

// ParseSRTPProfile accepts the registry's names, and those of OpenSSL. The error suggests similar
// names.
func ParseSRTPProfile(text string) (SRTPProfile, error) { return srtpProfiles.parse(text) }
