package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestSRTP: the server chooses the first of its profiles that the client has, and both export the
// same keys.
func TestSRTP(t *testing.T) {
	const short, long = iana.SRTP_AES128_CM_HMAC_SHA1_80, iana.SRTP_AEAD_AES_256_GCM
	for _, v := range versionsOfDatagrams {
		for _, tc := range []struct {
			client, server []iana.SRTPProfile
			want           iana.SRTPProfile
			keys           int
		}{
			{[]iana.SRTPProfile{short, long}, []iana.SRTPProfile{long, short}, long, 2 * (32 + 12)},
			{[]iana.SRTPProfile{short, long}, []iana.SRTPProfile{short}, short, 2 * (16 + 14)},
			{[]iana.SRTPProfile{short}, []iana.SRTPProfile{long}, 0, 0},
			{nil, []iana.SRTPProfile{long}, 0, 0},
			{[]iana.SRTPProfile{short}, nil, 0, 0},
		} {
			client, server := datagramConfigs(t, v)
			client.SRTPProfiles, server.SRTPProfiles = tc.client, tc.server
			l := newLink(t, client, server, DatagramOptions{})
			l.open(t)
			c, s := l.client.State(), l.server.State()
			if got, too := c.Datagram.SRTPProfile, s.Datagram.SRTPProfile; got != tc.want || too != tc.want {
				t.Errorf("%v: %v and %v, expected %v", v, got, too, tc.want)
			}
			a, err := c.SRTPKeys()
			b, err2 := s.SRTPKeys()
			if (err == nil) != (tc.want != 0) || (err2 == nil) != (tc.want != 0) ||
				len(a) != tc.keys || !bytes.Equal(a, b) {
				t.Errorf("%v: %d and %d bytes of keys, %v, %v", v, len(a), len(b), err, err2)
			}
		}
	}
}

// TestSRTPOverStream: use_srtp is for datagrams alone.
func TestSRTPOverStream(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		client.SRTPProfiles = []iana.SRTPProfile{iana.SRTP_AEAD_AES_128_GCM}
		server.SRTPProfiles = client.SRTPProfiles
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		if c.r.State().Datagram != nil || s.r.State().Datagram != nil {
			t.Errorf("%v: a state of DTLS over a stream", v)
		}
		hello := &wire.ClientHello{SRTP: &wire.SRTP{Profiles: server.SRTPProfiles}}
		if server.answerSRTP(new(State), hello) != nil {
			t.Errorf("%v: a server of a stream answers use_srtp", v)
		}
	}
}

// TestSRTPAnswers: a client refuses an answer that was not offered. RFC 5764, Sections 4.1.1 and
// 4.1.3.
func TestSRTPAnswers(t *testing.T) {
	const one, two = iana.SRTP_AES128_CM_HMAC_SHA1_80, iana.SRTP_AEAD_AES_128_GCM
	for name, tc := range map[string]struct {
		answer *wire.SRTP
		ok     bool
	}{
		"none":          {nil, true},
		"one":           {&wire.SRTP{Profiles: []iana.SRTPProfile{one}}, true},
		"not offered":   {&wire.SRTP{Profiles: []iana.SRTPProfile{iana.SRTP_AEAD_AES_256_GCM}}, false},
		"two":           {&wire.SRTP{Profiles: []iana.SRTPProfile{one, two}}, false},
		"an srtp_mki":   {&wire.SRTP{Profiles: []iana.SRTPProfile{one}, MKI: []byte{1}}, false},
		"no profile":    {&wire.SRTP{}, false},
		"the other one": {&wire.SRTP{Profiles: []iana.SRTPProfile{two}}, true},
	} {
		o := &offer{cfg: &clientConfig{Config: new(Config), datagram: true}}
		o.cfg.SRTPProfiles = []iana.SRTPProfile{one, two}
		info := &State{Datagram: new(DatagramState)}
		err := o.takeSRTP(info, tc.answer)
		var e *Error
		if (err == nil) != tc.ok || errors.As(err, &e) && e.Alert != iana.AlertIllegalParameter {
			t.Errorf("%s: %v", name, err)
		}
		if tc.ok && tc.answer != nil && info.Datagram.SRTPProfile != tc.answer.Profiles[0] {
			t.Errorf("%s: the profile is %v", name, info.Datagram.SRTPProfile)
		}
	}
	// The client's srtp_mki is answered with an empty one.
	cfg := new(Config)
	cfg.SRTPProfiles = []iana.SRTPProfile{two}
	hello := &wire.ClientHello{SRTP: &wire.SRTP{Profiles: []iana.SRTPProfile{two}, MKI: []byte{7}}}
	if m := cfg.answerSRTP(&State{Datagram: new(DatagramState)}, hello); m == nil || len(m.MKI) > 0 {
		t.Errorf("the answer is %+v", m)
	}
}
