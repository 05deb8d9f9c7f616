package interop

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/trust"
)

// srtpProfiles are profiles by OpenSSL's names, with the length of their keys in bytes.
var srtpProfiles = []struct {
	name    string
	profile iana.SRTPProfile
	length  int
}{
	{"SRTP_AES128_CM_SHA1_80", iana.SRTP_AES128_CM_HMAC_SHA1_80, 60},
	{"SRTP_AEAD_AES_256_GCM", iana.SRTP_AEAD_AES_256_GCM, 88},
}

// TestSRTP has OpenSSL negotiate use_srtp in both roles, and compares the keys that it prints.
func TestSRTP(t *testing.T) {
	for _, p := range []*program{openssl30, openssl35} {
		for _, s := range srtpProfiles {
			options := []string{"-dtls1_2", "-use_srtp", s.name, "-keymatexport",
				"EXTRACTOR-dtls_srtp", "-keymatexportlen", strconv.Itoa(s.length)}
			list := []iana.SRTPProfile{iana.SRTP_AES128_CM_HMAC_SHA1_32, s.profile}
			t.Run(p.name+" as client/"+s.name, func(t *testing.T) {
				need(t, p)
				srtpFrom(t, p.tool("s_client", options...), list, s.profile)
			})
			t.Run(p.name+" as server/"+s.name, func(t *testing.T) {
				need(t, p)
				srtpTo(t, p.tool("s_server", options...), list, s.profile)
			})
		}
	}
}

func srtpFrom(t *testing.T, args []string, list []iana.SRTPProfile, want iana.SRTPProfile) {
	id, err := identity.Load(file("p256.pem"), file("p256.key"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	cfg.SRTPProfiles = list
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer := start(t, command{args: append(args, "-CAfile", file("ca.pem"), "-servername", serverName,
		"-connect", l.Addr().String())})
	conn, err := l.AcceptConn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	compareSRTP(t, peer, conn, want)
}

func srtpTo(t *testing.T, args []string, list []iana.SRTPProfile, want iana.SRTPProfile) {
	port := strconv.Itoa(freeport.Pick(t))
	peer := start(t, command{args: append(args, "-listen", "-naccept", "1", "-accept",
		"127.0.0.1:"+port, "-cert", file("p256.pem"), "-key", file("p256.key"))})
	roots := new(trust.Roots)
	if _, err := roots.AddFile(file("ca.pem")); err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{ServerName: serverName, Trust: &trust.Policy{Roots: roots}}
	cfg.SRTPProfiles = list
	for end := time.Now().Add(patience); ; { // until it listens, the system reports that nothing does
		conn, err := sealsock.Dial(t.Context(), "udp://127.0.0.1:"+port, cfg)
		if err == nil {
			defer conn.Close()
			compareSRTP(t, peer, conn, want)
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// compareSRTP compares the keys of a connection with those that OpenSSL prints.
func compareSRTP(t *testing.T, peer *process, conn *sealsock.Conn, want iana.SRTPProfile) {
	t.Helper()
	state := conn.State()
	keys, err := state.SRTPKeys()
	if err != nil || state.Datagram.SRTPProfile != want {
		t.Fatalf("the profile is %v, %v", state.Datagram.SRTPProfile, err)
	}
	printed := regexp.MustCompile(`Keying material: ([0-9A-F]+)`)
	for {
		line, err := peer.stdout.ReadString('\n')
		if m := printed.FindStringSubmatch(line); m != nil {
			if got := strings.ToUpper(hex.EncodeToString(keys)); got != m[1] {
				t.Errorf("the keys are %s, and %s for OpenSSL", got, m[1])
			}
			return
		}
		if err != nil {
			t.Fatalf("OpenSSL prints no keys: %v", err)
		}
	}
}
