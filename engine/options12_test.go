package engine

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

func TestRawPublicKeys12(t *testing.T) {
	both := newCredential(t, nil)
	both.RawPublicKey = rawKey(t, both.Signer)
	rawOnly := &Credential{Signer: both.Signer, RawPublicKey: both.RawPublicKey}
	chainOnly := newCredential(t, nil)
	for _, c := range []struct {
		name           string
		client, server *Credential
		accept, only   bool // the client's, of raw keys
		sAccept        bool // the server's
		cRaw, sRaw     bool // shown by client, by server
		bad            bool
	}{
		{name: "nobody offers", client: both, server: both},
		{name: "server", client: chainOnly, server: both, accept: true, sRaw: true},
		{name: "server has none", client: chainOnly, server: chainOnly, accept: true},
		{name: "server has none and must", client: chainOnly, server: chainOnly, only: true, bad: true},
		{name: "server has nothing else", client: chainOnly, server: rawOnly, bad: true},
		{name: "both ways", client: both, server: rawOnly, accept: true, sAccept: true, cRaw: true, sRaw: true},
		{name: "client", client: rawOnly, server: chainOnly, sAccept: true, cRaw: true},
		{name: "client has nothing else", client: rawOnly, server: chainOnly, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cv, sv := new(acceptKeys), new(acceptKeys)
			client, server := pair12(t)
			client.Verifier, client.Credentials, client.AcceptRawKeys, client.OnlyRawKeys = cv, []*Credential{c.client}, c.accept, c.only
			server.Verifier, server.Credentials, server.AcceptRawKeys = sv, []*Credential{c.server}, c.sAccept
			server.ClientAuth, server.Tickets = RequireClientCert, newMemory()
			for _, resumed := range []bool{false, true} {
				cs, ss := newPair(t, client, server)
				if err := pump(cs, ss); (err != nil) != c.bad {
					t.Fatal(err)
				}
				if c.bad {
					return
				}
				send(t, cs, ss, "hello")
				if got := cs.r.State(); got.Resumed != resumed || (got.PeerRawKey != nil) != c.sRaw || (len(got.PeerChain) > 0) == c.sRaw {
					t.Errorf("resumed %v: the client has %+v", resumed, got)
				}
				if got := ss.r.State(); got.Resumed != resumed || (got.PeerRawKey != nil) != c.cRaw || (len(got.PeerChain) > 0) == c.cRaw {
					t.Errorf("resumed %v: the server has %+v", resumed, got)
				}
				if !cv.seen.Server || sv.seen.Server || cv.seen.Resumed != resumed {
					t.Errorf("the verifiers were asked about %+v and %+v", cv.seen, sv.seen)
				}
				client.Session = cs.sessions[0]
			}
		})
	}
}

func TestRecordLimits12(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 10_000)
	for _, only := range []bool{false, true} {
		for _, c := range []struct {
			name           string
			client, server config
			toClient       int // the largest record to the client, in bytes of data
			toServer       int
		}{
			{"none", config{}, config{}, 10_000, 10_000},
			{"client's", config{RecordSizeLimit: 100}, config{}, 101, 10_000}, // 101 if TLS 1.3 is offered too
			{"both", config{RecordSizeLimit: 1000}, config{RecordSizeLimit: 64}, 1001, 64},
			{"server's alone is not asked for", config{}, config{RecordSizeLimit: 64}, 10_000, 10_000},
			{"fragment", config{MaxFragmentLength: 512}, config{}, 512, 512},
			{"both kinds", config{MaxFragmentLength: 512, RecordSizeLimit: 2000}, config{}, 2001, 10_000},
		} {
			t.Run(fmt.Sprintf("%s, TLS 1.2 only: %v", c.name, only), func(t *testing.T) {
				client, server := pair12(t)
				client.RecordSizeLimit, client.MaxFragmentLength = c.client.RecordSizeLimit, c.client.MaxFragmentLength
				server.RecordSizeLimit = c.server.RecordSizeLimit
				if !only {
					client.MaxVersion, server.MaxVersion = 0, iana.TLS12
				} else if c.client.RecordSizeLimit > 0 {
					c.toClient--
				}
				cs, ss := newPair(t, client, server)
				if err := pump(cs, ss); err != nil {
					t.Fatal(err)
				}
				for _, way := range []struct {
					from, to *side
					max      int
				}{{cs, ss, c.toServer}, {ss, cs, c.toClient}} {
					out, err := way.from.s.Seal(nil, big)
					if err != nil {
						t.Fatal(err)
					}
					way.to.in = append(way.to.in, out...)
					n, ev, err := way.to.r.Receive(way.to.in)
					if err != nil || len(ev.Data) != way.max {
						t.Errorf("a record of %d bytes, want %d: %v", len(ev.Data), way.max, err)
					}
					way.to.in = way.to.in[n:]
					if _, err := way.to.step(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestRecordOverLimit12: a peer that does not keep to it.
func TestRecordOverLimit12(t *testing.T) {
	client, server := pair12(t)
	client.RecordSizeLimit = 64
	cs, ss := newPair(t, client, server)
	if err := pump(cs, ss); err != nil {
		t.Fatal(err)
	}
	ss.s.max = 65
	out, err := ss.s.Seal(nil, make([]byte, 65))
	if err != nil {
		t.Fatal(err)
	}
	cs.in = out
	_, err = cs.step()
	wantAlert(t, err, iana.AlertRecordOverflow)
}

// TestOffers12 looks at what goes into a hello for each range of versions.
func TestOffers12(t *testing.T) {
	for _, c := range []struct {
		min, max iana.Version
		of12     bool
		of13     bool
	}{{0, 0, true, true}, {iana.TLS12, iana.TLS12, true, false}, {iana.TLS13, 0, false, true}} {
		client, _ := pair12(t)
		client.MinVersion, client.MaxVersion = c.min, c.max
		client.PostHandshakeAuth, client.DelegatedSchemes = true, []iana.SignatureScheme{iana.Ed25519}
		client.Compressors = []Compressor{zlibCompressor()}
		o, err := newOffer(client.client())
		if err != nil {
			t.Fatal(err)
		}
		if err := o.write(nil); err != nil {
			t.Fatal(err)
		}
		hello, err := wire.ParseClientHello(newMessage(o.raw).body)
		if err != nil {
			t.Fatal(err)
		}
		for ext, want := range map[iana.ExtensionType]bool{
			iana.ExtSupportedVersions: c.of13, iana.ExtKeyShare: c.of13, iana.ExtPSKModes: c.of13, iana.ExtPostHandshakeAuth: c.of13,
			iana.ExtCompressCertificate: c.of13, iana.ExtDelegatedCredential: c.of13,
			iana.ExtExtendedMasterSecret: c.of12, iana.ExtRenegotiationInfo: c.of12, iana.ExtECPointFormats: c.of12, iana.ExtSessionTicket: c.of12,
			iana.ExtSupportedGroups: true, iana.ExtSignatureAlgorithms: true, iana.ExtServerName: true, iana.ExtALPN: true,
		} {
			if got := slices.Contains(hello.Present, ext); got != want {
				t.Errorf("%v to %v: %v is there: %v", c.min, c.max, ext, got)
			}
		}
		if got := slices.ContainsFunc(hello.CipherSuites, func(id iana.CipherSuite) bool { return suiteFor(id, iana.TLS12) }); got != c.of12 {
			t.Errorf("%v to %v: suites %v", c.min, c.max, hello.CipherSuites)
		}
		if got := slices.Contains(hello.SupportedGroups, iana.X25519MLKEM768); got != c.of13 {
			t.Errorf("%v to %v: groups %v", c.min, c.max, hello.SupportedGroups)
		}
		if (len(hello.SessionID) > 0) != c.of13 {
			t.Errorf("%v to %v: session ID %x", c.min, c.max, hello.SessionID)
		}
	}
}

func TestVersionsFollowSuites(t *testing.T) {
	for _, c := range []struct {
		suites []iana.CipherSuite
		want   string
	}{
		{nil, "TLS 1.3 or TLS 1.2"},
		{[]iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}, "TLS 1.3"},
		{[]iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_CCM_8}, "TLS 1.2"},
		{[]iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_CCM_8, iana.TLS_AES_256_GCM_SHA384}, "TLS 1.3 or TLS 1.2"},
	} {
		cfg := &config{Verifier: acceptAll{}, CipherSuites: c.suites}
		if got := versionList(cfg.versions(), false); got != c.want {
			t.Errorf("suites %v are for %s", c.suites, got)
		}
	}
	cfg := &config{Verifier: acceptAll{}, CipherSuites: []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}, MaxVersion: iana.TLS12}
	if err := cfg.check(true); err == nil || !strings.Contains(err.Error(), "TLS_AES_128_GCM_SHA256") {
		t.Errorf("no version is left: %v", err)
	}
}
