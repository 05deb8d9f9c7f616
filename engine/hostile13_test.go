package engine

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file change one message of a correct peer before it is protected.
// The other side must refuse that very message: each case names the alert and words of
// the reason, because a message that is accepted leads to another error later.

type (
	helloChange   = func(*wire.ServerHello)
	configsChange = func(t *testing.T, client, server *config)
)

// withSession makes the handshake a resumption.
func withSession(t *testing.T, c, s *config) {
	*c, *s = copies(resumable(t))
}

func withP256(_ *testing.T, c, s *config) { s.Groups = []iana.NamedGroup{iana.SecP256r1} }

// TestClientRefusesServerHello13 changes a ServerHello.
func TestClientRefusesServerHello13(t *testing.T) {
	one := uint16(1)
	zero := uint16(0)
	for _, c := range []struct {
		name   string
		with   configsChange
		change helloChange
		alert  iana.Alert
		words  string
	}{
		{"a suite that was not offered", func(_ *testing.T, c, _ *config) {
			c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
		}, func(h *wire.ServerHello) { h.CipherSuite = iana.TLS_CHACHA20_POLY1305_SHA256 },
			iana.AlertIllegalParameter, "which was not offered"},
		{"a suite of TLS 1.2", nil, func(h *wire.ServerHello) {
			h.CipherSuite = iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
		}, iana.AlertIllegalParameter, "which was not offered"},
		{"compression", nil, func(h *wire.ServerHello) { h.Compression = 1 },
			iana.AlertIllegalParameter, "compression"},
		{"another session ID", nil, func(h *wire.ServerHello) { h.SessionID[0] ^= 1 },
			iana.AlertIllegalParameter, "session ID"},
		{"no session ID", nil, func(h *wire.ServerHello) { h.SessionID = nil },
			iana.AlertIllegalParameter, "session ID"},
		{"a group without a share", nil, func(h *wire.ServerHello) { h.KeyShare.Group = iana.SecP256r1 },
			iana.AlertIllegalParameter, "for which no key share was sent"},
		{"no key share", nil, func(h *wire.ServerHello) { h.KeyShare = nil },
			iana.AlertMissingExtension, "key_share"},
		{"no key share, though DHE was asked for", withSession,
			func(h *wire.ServerHello) { h.KeyShare = nil }, iana.AlertIllegalParameter, "without a key share"},
		{"a key that was not offered", withSession, func(h *wire.ServerHello) { h.SelectedPSK = &one },
			iana.AlertIllegalParameter, "pre-shared key 1 of 1"},
		{"a key where none was offered", nil, func(h *wire.ServerHello) { h.SelectedPSK = &zero },
			iana.AlertUnsupportedExtension, "pre_shared_key"},
		{"a key with another hash", withSession, func(h *wire.ServerHello) {
			h.CipherSuite = iana.TLS_AES_256_GCM_SHA384
		}, iana.AlertIllegalParameter, "does not allow"},
		{"TLS 1.2 in supported_versions", func(_ *testing.T, c, _ *config) { c.MinVersion = 0 },
			func(h *wire.ServerHello) { h.SupportedVersion = iana.TLS12 },
			iana.AlertIllegalParameter, "in supported_versions, expected TLS 1.3"},
		{"another legacy_version", nil, func(h *wire.ServerHello) { h.LegacyVersion = iana.TLS11 },
			iana.AlertProtocolVersion, "has legacy_version TLS 1.1"},
		{"an unknown extension", nil, func(h *wire.ServerHello) {
			h.Unknown = []wire.Extension{{Type: 0x1a1a}}
		}, iana.AlertUnsupportedExtension, "which was not offered"},
		{"an extension of another message", nil, func(h *wire.ServerHello) { h.ALPN = "b" },
			iana.AlertIllegalParameter, "extension, which is not allowed in it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			if c.with != nil {
				c.with(t, client, server)
			}
			w := edit(t, iana.HandshakeServerHello, 0, wire.ParseServerHello, c.change)
			refusesFor(t, rewritten(t, client, server, true, w), c.alert, c.words)
		})
	}
}

// TestClientRefusesRetry13 changes a HelloRetryRequest, or the ServerHello that follows
// it.
func TestClientRefusesRetry13(t *testing.T) {
	share := func(g iana.NamedGroup) helloChange {
		return func(h *wire.ServerHello) { h.KeyShare.Group = g }
	}
	for _, c := range []struct {
		name   string
		n      int // which ServerHello
		change helloChange
		alert  iana.Alert
		words  string
	}{
		{"no change", 0, func(h *wire.ServerHello) { h.KeyShare = nil },
			iana.AlertIllegalParameter, "a HelloRetryRequest that does not change the ClientHello"},
		{"a group that was not offered", 0, share(iana.SecP521r1),
			iana.AlertIllegalParameter, "which was not offered"},
		{"a group that a share was sent for", 0, share(iana.X25519),
			iana.AlertIllegalParameter, "which it had"},
		{"another session ID", 0, func(h *wire.ServerHello) { h.SessionID[0] ^= 1 },
			iana.AlertIllegalParameter, "session ID"},
		{"a suite that was not offered", 0, func(h *wire.ServerHello) { h.CipherSuite = 0x1305 },
			iana.AlertIllegalParameter, "which was not offered"},
		{"an extension of ServerHello", 0, func(h *wire.ServerHello) {
			h.Unknown = []wire.Extension{{Type: iana.ExtALPN, Data: []byte{0, 2, 1, 'b'}}}
		}, iana.AlertIllegalParameter, "extension, which is not allowed in it"},
		{"a second one", 1, func(h *wire.ServerHello) {
			h.Random, h.KeyShare = wire.HelloRetryRequestRandom, &wire.KeyShare{Group: iana.SecP384r1}
		}, iana.AlertUnexpectedMessage, "second HelloRetryRequest"},
		{"another suite behind it", 1, func(h *wire.ServerHello) {
			h.CipherSuite = iana.TLS_CHACHA20_POLY1305_SHA256
		}, iana.AlertIllegalParameter, "changed the cipher suite"},
		{"another group behind it", 1, share(iana.X25519),
			iana.AlertIllegalParameter, "and then chose"},
		{"another version behind it", 1, func(h *wire.ServerHello) { h.SupportedVersion = 0 },
			iana.AlertIllegalParameter, "changed the version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			client.MinVersion = 0
			withP256(t, client, server)
			server.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
			w := edit(t, iana.HandshakeServerHello, c.n, wire.ParseServerHello, c.change)
			refusesFor(t, rewritten(t, client, server, true, w), c.alert, c.words)
		})
	}
}

// TestClientRefusesExtensions13 changes EncryptedExtensions.
func TestClientRefusesExtensions13(t *testing.T) {
	kind := iana.CertificateType(7)
	x509 := iana.CertTypeX509
	early := func(t *testing.T, c, s *config) {
		withSession(t, c, s)
		c.EarlyData = true
	}
	earlyWith := func(change func(c, s *config)) configsChange {
		return func(t *testing.T, c, s *config) {
			early(t, c, s)
			change(c, s)
		}
	}
	psk := NewPSK([]byte("device"), []byte("secret"))
	accept := func(m *wire.EncryptedExtensions) { m.EarlyData = true }
	for _, c := range []struct {
		name   string
		with   configsChange
		change func(*wire.EncryptedExtensions)
		alert  iana.Alert
		words  string
	}{
		{"a protocol that was not offered", nil, func(m *wire.EncryptedExtensions) { m.ALPN = "z" },
			iana.AlertIllegalParameter, "application protocol"},
		{"early data that was not offered", nil, accept, iana.AlertUnsupportedExtension, "early_data"},
		{"early data after a retry", earlyWith(func(c, _ *config) { c.KeyShares = []iana.NamedGroup{} }),
			accept, iana.AlertUnsupportedExtension, "early_data"},
		{"early data without the key", earlyWith(func(_, s *config) { s.Tickets = newMemory() }),
			accept, iana.AlertIllegalParameter, "without the pre-shared key"},
		{"early data with the second key", earlyWith(func(c, s *config) {
			c.PSKs, s.Tickets = []*PSK{psk}, newMemory()
			s.FindPSK = func(id []byte) (*PSK, error) {
				if bytes.Equal(id, psk.Identity) {
					return psk, nil
				}
				return nil, nil
			}
		}), accept, iana.AlertIllegalParameter, "the server accepted early data under other parameters than those it was sent with"},
		{"early data with another suite", earlyWith(func(_, s *config) {
			s.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256}
		}), accept, iana.AlertIllegalParameter, "the server accepted early data under other parameters than those it was sent with"},
		{"early data with another protocol", earlyWith(func(c, s *config) {
			c.ALPN, s.ALPN = []string{"y", "x"}, []string{"y"}
		}), accept, iana.AlertIllegalParameter, "the server accepted early data under other parameters than those it was sent with"},
		{"a number of tickets that was not asked for", nil, func(m *wire.EncryptedExtensions) {
			m.TicketRequest = new(uint8)
		}, iana.AlertUnsupportedExtension, "ticket_request"},
		{"an unknown extension", nil, func(m *wire.EncryptedExtensions) {
			m.Unknown = []wire.Extension{{Type: 0x1a1a}}
		}, iana.AlertUnsupportedExtension, "which was not offered"},
		{"an extension of another message", nil, func(m *wire.EncryptedExtensions) {
			m.Unknown = []wire.Extension{{Type: iana.ExtKeyShare, Data: []byte{0, 29, 0, 0}}}
		}, iana.AlertIllegalParameter, "extension, which is not allowed in it"},
		{"a kind of certificate that was not offered", func(_ *testing.T, c, _ *config) {
			c.AcceptRawKeys = true
		}, func(m *wire.EncryptedExtensions) { m.ServerCertType = &kind },
			iana.AlertIllegalParameter, "the server chose certificate type"},
		{"a kind of certificate, asked for none", nil, func(m *wire.EncryptedExtensions) {
			m.ServerCertType = &x509
		}, iana.AlertUnsupportedExtension, "server_certificate_type"},
		{"certificates where only raw keys are taken", func(t *testing.T, c, s *config) {
			c.OnlyRawKeys = true
			s.Credentials[0].RawPublicKey = rawKey(t, s.Credentials[0].Signer)
		}, func(m *wire.EncryptedExtensions) { m.ServerCertType = nil },
			iana.AlertUnsupportedCertificate, "no raw public key"},
		{"both limits on records", func(_ *testing.T, c, _ *config) {
			c.RecordSizeLimit, c.MaxFragmentLength = 1000, 512
		}, func(m *wire.EncryptedExtensions) { m.RecordSizeLimit, m.MaxFragmentLength = 1000, 1 },
			iana.AlertIllegalParameter, "the server sent both record_size_limit and max_fragment_length"},
		{"a limit over the protocol's", func(_ *testing.T, c, _ *config) { c.RecordSizeLimit = 1000 },
			func(m *wire.EncryptedExtensions) { m.RecordSizeLimit = 1<<14 + 2 },
			iana.AlertIllegalParameter, "the server sent a record size limit of"},
		{"another fragment length", func(_ *testing.T, c, _ *config) { c.MaxFragmentLength = 512 },
			func(m *wire.EncryptedExtensions) { m.MaxFragmentLength = 2 },
			iana.AlertIllegalParameter, "the server sent another max_fragment_length than the client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			if c.with != nil {
				c.with(t, client, server)
			}
			w := edit(t, iana.HandshakeEncryptedExtensions, 0, wire.ParseEncryptedExtensions, c.change)
			refusesFor(t, rewritten(t, client, server, true, w), c.alert, c.words)
		})
	}
}

// TestPeerRefusesCertificate13 changes the Certificate of either side.
func TestPeerRefusesCertificate13(t *testing.T) {
	rawKeys := func(t *testing.T, c, s *config) {
		for _, cfg := range []*config{c, s} {
			cfg.Verifier, cfg.OnlyRawKeys = new(acceptKeys), true
			cfg.Credentials[0].RawPublicKey = rawKey(t, cfg.Credentials[0].Signer)
		}
	}
	both := func(a iana.Alert) [2]iana.Alert { return [2]iana.Alert{a, a} }
	for _, c := range []struct {
		name   string
		with   configsChange
		change func(*wire.Certificate)
		alerts [2]iana.Alert // of the client and of the server
		words  string
	}{
		{"none", nil, func(m *wire.Certificate) { m.Entries = nil },
			[2]iana.Alert{iana.AlertDecodeError, iana.AlertCertificateRequired}, "no certificate"},
		{"a context", nil, func(m *wire.Certificate) { m.Context = []byte("x") },
			both(iana.AlertIllegalParameter), "unknown certificate_request_context"},
		{"an unknown extension", nil, func(m *wire.Certificate) {
			m.Entries[0].Unknown = []wire.Extension{{Type: 0x1a1a}}
		}, both(iana.AlertUnsupportedExtension), "which was not requested"},
		{"two raw keys", rawKeys, func(m *wire.Certificate) {
			m.Entries = append(m.Entries, m.Entries[0])
		}, both(iana.AlertIllegalParameter), "raw public keys"},
	} {
		for i, byServer := range []bool{true, false} {
			name := c.name + " by the " + map[bool]string{true: "server", false: "client"}[byServer]
			t.Run(name, func(t *testing.T) {
				client, server := pair13(t)
				client.Credentials = []*Credential{newCredential(t, nil)}
				server.Verifier, server.ClientAuth = acceptAll{}, RequireClientCert
				if c.with != nil {
					c.with(t, client, server)
				}
				w := edit(t, iana.HandshakeCertificate, 0, wire.ParseCertificate, c.change)
				refusesFor(t, rewritten(t, client, server, byServer, w), c.alerts[i], c.words)
			})
		}
	}
}

// TestPeerRefusesProof13 changes the CertificateVerify and the Finished of either side.
func TestPeerRefusesProof13(t *testing.T) {
	rsa := func(t *testing.T, c, s *config) {
		c.Credentials = []*Credential{newCredential(t, testcert.NewKey("rsa"))}
		s.Credentials = c.Credentials
	}
	always := func(typ iana.HandshakeType) func(*testing.T) rewriter {
		return func(*testing.T) rewriter { return flipped(typ) }
	}
	scheme := func(id iana.SignatureScheme) func(*testing.T) rewriter {
		return func(t *testing.T) rewriter {
			return edit(t, iana.HandshakeCertificateVerify, 0, wire.ParseCertificateVerify,
				func(m *wire.CertificateVerify) { m.Algorithm = id })
		}
	}
	for _, c := range []struct {
		name  string
		with  configsChange
		w     func(*testing.T) rewriter
		alert iana.Alert
		words string
	}{
		{"another signature", nil, always(iana.HandshakeCertificateVerify),
			iana.AlertDecryptError, "the peer's signature does not verify with the key of its certificate"},
		{"a scheme that was not offered", func(_ *testing.T, c, s *config) {
			for _, cfg := range []*config{c, s} {
				cfg.SignatureSchemes = []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256}
			}
		}, scheme(iana.ECDSAWithP384AndSHA384), iana.AlertIllegalParameter, "which was not offered"},
		{"the scheme of another curve", nil, scheme(iana.ECDSAWithP384AndSHA384),
			iana.AlertIllegalParameter, "which does not match its"},
		{"PKCS #1", rsa, scheme(iana.RSAPKCS1WithSHA256),
			iana.AlertIllegalParameter, "which was not offered"},
		{"the scheme of a PSS key", rsa, scheme(iana.RSAPSSPSSWithSHA256),
			iana.AlertIllegalParameter, "which does not match its"},
		{"another Finished", nil, always(iana.HandshakeFinished),
			iana.AlertDecryptError, "Finished does not match"},
	} {
		for _, byServer := range []bool{true, false} {
			name := c.name + " by the " + map[bool]string{true: "server", false: "client"}[byServer]
			t.Run(name, func(t *testing.T) {
				client, server := pair13(t)
				client.Credentials = []*Credential{newCredential(t, nil)}
				server.Verifier, server.ClientAuth = acceptAll{}, RequireClientCert
				if c.with != nil {
					c.with(t, client, server)
				}
				err := rewritten(t, client, server, byServer, c.w(t))
				refusesFor(t, err, c.alert, c.words)
			})
		}
	}
}

// TestSignedContent13 looks at what is signed: 64 spaces, the context, the transcript
// hash; and a signature of one side does not pass for the other's. RFC 9846, Section
// 4.4.3.
func TestSignedContent13(t *testing.T) {
	spaces := strings.Repeat(" ", 64)
	for _, own := range []string{"server", "client"} {
		other := map[string]string{"server": "client", "client": "server"}[own]
		for _, wrong := range []bool{false, true} {
			client, server := pair13(t)
			cred := newCredential(t, nil)
			client.Credentials, server.Credentials = []*Credential{cred}, []*Credential{cred}
			server.Verifier, server.ClientAuth = acceptAll{}, RequireClientCert
			prefix := spaces + "TLS 1.3, " + own + " CertificateVerify\x00"
			seen := false
			signer := *cred
			signer.Sign = func(r *SignRequest) ([]byte, error) {
				seen = len(r.Message) == len(prefix)+32 && strings.HasPrefix(string(r.Message), prefix)
				message := *r
				if wrong {
					message.Message = bytes.Replace(r.Message, []byte(own), []byte(other), 1)
				}
				return signature(t, cred, &message), nil
			}
			client.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
			if own == "server" {
				server.Credentials = []*Credential{&signer}
			} else {
				client.Credentials = []*Credential{&signer}
			}
			err := rewritten(t, client, server, own == "server", nil)
			if !seen {
				t.Errorf("the %s does not sign 64 spaces, its context and the hash", own)
			}
			if wrong {
				refusesFor(t, err, iana.AlertDecryptError, "the peer's signature does not verify with the key of its certificate")
			} else if err != nil {
				t.Error(err)
			}
		}
	}
}

// TestCompressedCertificates13 changes a CompressedCertificate. RFC 8879, Section 4.
func TestCompressedCertificates13(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.CompressedCertificate)
		alert  iana.Alert
		words  string
		called bool // whether the client decompresses
	}{
		{"an algorithm that was not offered", func(m *wire.CompressedCertificate) {
			m.Algorithm = iana.CompressionBrotli
		}, iana.AlertIllegalParameter, "which was not offered", false},
		{"more than it says", func(m *wire.CompressedCertificate) { m.UncompressedLength-- },
			iana.AlertBadCertificate, "cannot be decompressed", true},
		{"less than it says", func(m *wire.CompressedCertificate) { m.UncompressedLength++ },
			iana.AlertBadCertificate, "cannot be decompressed", true},
		{"more than a message may have", func(m *wire.CompressedCertificate) {
			m.UncompressedLength = 1<<24 - 1
		}, iana.AlertBadCertificate, "exceeds the limit", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			server.Credentials[0].Chain = append(server.Credentials[0].Chain, make([]byte, 2000))
			called := false
			lax := zlibCompressor() // does not look at the length
			strict := lax.Decompress
			length := 0
			lax.Compress = func(data []byte) ([]byte, error) {
				length = len(data)
				return zlibCompressor().Compress(data)
			}
			lax.Decompress = func(data []byte, _ int) ([]byte, error) {
				called = true
				return strict(data, length)
			}
			client.Compressors, server.Compressors = []Compressor{lax}, []Compressor{lax}
			w := edit(t, iana.HandshakeCompressedCertificate, 0, wire.ParseCompressedCertificate, c.change)
			refusesFor(t, rewritten(t, client, server, true, w), c.alert, c.words)
			if called != c.called {
				t.Errorf("decompressed: %v", called)
			}
		})
	}
}

// TestDelegation13 changes what a delegated credential claims. RFC 9345, Section 4.
func TestDelegation13(t *testing.T) {
	p256, p384 := iana.ECDSAWithP256AndSHA256, iana.ECDSAWithP384AndSHA384
	for _, c := range []struct {
		name     string
		delegate []iana.SignatureScheme // that the client takes
		schemes  []iana.SignatureScheme
		change   func(*wire.DelegatedCredential)
		alert    iana.Alert
		words    string
	}{
		{"not asked for", nil, nil, nil, iana.AlertUnsupportedExtension, "which was not requested"},
		{"for a scheme that was not offered", []iana.SignatureScheme{p384}, nil, nil,
			iana.AlertIllegalParameter, "which was not offered"},
		{"signed with a scheme that was not offered", []iana.SignatureScheme{p256},
			[]iana.SignatureScheme{p256}, func(d *wire.DelegatedCredential) { d.Algorithm = p384 },
			iana.AlertIllegalParameter, "which was not offered"},
		{"another signature", []iana.SignatureScheme{p256}, nil,
			func(d *wire.DelegatedCredential) { d.Signature[len(d.Signature)-1] ^= 1 },
			iana.AlertIllegalParameter, "not signed by the certificate's key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			client.Verifier = new(acceptKeys)
			client.DelegatedSchemes, client.SignatureSchemes = c.delegate, c.schemes
			cred, key := server.Credentials[0], newCredential(t, nil).Signer
			made, err := NewDelegated(server.random(), cred, p256, key, rawKey(t, key), p256, 1000)
			if err != nil {
				t.Fatal(err)
			}
			d, err := wire.ParseDelegatedCredential(made.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(d)
			}
			raw, err := d.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			w := edit(t, iana.HandshakeCertificate, 0, wire.ParseCertificate, func(m *wire.Certificate) {
				m.Entries[0].DelegatedCredential = raw
			})
			refusesFor(t, rewritten(t, client, server, true, w), c.alert, c.words)
		})
	}
}

// TestClientRefusesRequest13 changes a CertificateRequest. RFC 9846, Section 4.3.2.
func TestClientRefusesRequest13(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.CertificateRequest)
		alert  iana.Alert
		words  string
	}{
		{"a context", func(m *wire.CertificateRequest) { m.Context = []byte("x") },
			iana.AlertIllegalParameter, "non-empty context"},
		{"no signature algorithms", func(m *wire.CertificateRequest) { m.SignatureAlgorithms = nil },
			iana.AlertMissingExtension, "signature_algorithms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := pair13(t)
			server.Verifier, server.ClientAuth = acceptAll{}, RequestClientCert
			w := edit(t, iana.HandshakeCertificateRequest, 0, wire.ParseCertificateRequest, c.change)
			refusesFor(t, rewritten(t, client, server, true, w), c.alert, c.words)
		})
	}
}
