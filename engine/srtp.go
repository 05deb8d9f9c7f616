package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// srtpKeys lists the lengths in bytes of the master key and the master salt of each profile.
// RFC 5764, Section 4.1.2; RFC 7714, Section 12.
var srtpKeys = map[iana.SRTPProfile]struct{ key, salt int }{
	iana.SRTP_AES128_CM_HMAC_SHA1_80: {16, 14},
	iana.SRTP_AES128_CM_HMAC_SHA1_32: {16, 14},
	iana.SRTP_AEAD_AES_128_GCM:       {16, 12},
	iana.SRTP_AEAD_AES_256_GCM:       {32, 12},
}

// SRTPKeys exports the master keys and salts of the profile that use_srtp has chosen: the client's
// key, the server's key, the client's salt and the server's salt, one behind the other, each as
// long as the profile has it. RFC 5764, Section 4.2.
func (s *State) SRTPKeys() ([]byte, error) {
	if s == nil || s.Datagram == nil || s.Datagram.SRTPProfile == 0 {
		return nil, usage("no SRTP profile was negotiated: see Options.SRTPProfiles")
	}
	n := srtpKeys[s.Datagram.SRTPProfile]
	return s.Export("EXTRACTOR-dtls_srtp", nil, 2*(n.key+n.salt))
}

// checkSRTP finds profiles that are not known, or stand twice.
func (c *Config) checkSRTP() error {
	for _, p := range c.SRTPProfiles {
		if _, ok := srtpKeys[p]; !ok {
			return usage("%v is not supported: its keys are not known, or it does not encrypt", p)
		}
	}
	if p, found := twice(c.SRTPProfiles); found {
		return usage("%v stands twice in SRTPProfiles", p)
	}
	return nil
}

// answerSRTP chooses the first of this side's profiles that the client has. Without one there is
// no answer, and the connection carries data alone. RFC 5764, Section 4.1.1. The answer has an
// empty srtp_mki, which tells that this side does not use the client's.
func (c *Config) answerSRTP(info *State, h *wire.ClientHello) *wire.SRTP {
	if info.Datagram == nil || h.SRTP == nil {
		return nil
	}
	for _, p := range c.SRTPProfiles {
		if slices.Contains(h.SRTP.Profiles, p) {
			info.Datagram.SRTPProfile = p
			return &wire.SRTP{Profiles: []iana.SRTPProfile{p}}
		}
	}
	return nil
}

// takeSRTP takes the server's answer. RFC 5764, Section 4.1.1: it has one profile, which was
// offered; Section 4.1.3: an srtp_mki other than the client's, which is empty, ends the handshake.
func (o *offer) takeSRTP(info *State, m *wire.SRTP) error {
	switch {
	case m == nil:
		return nil
	case len(m.Profiles) != 1 || !slices.Contains(o.cfg.SRTPProfiles, m.Profiles[0]):
		return illegal("the server chose SRTP profiles %s, which are not one of those offered",
			list(m.Profiles))
	case len(m.MKI) > 0:
		return illegal("the server answered with an srtp_mki that was not offered")
	}
	info.Datagram.SRTPProfile = m.Profiles[0]
	return nil
}
