package wire_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

func ptr[T any](v T) *T { return &v }

var (
	x25519Share = bytes.Repeat([]byte{0x25}, 32)
	random      = [32]byte{0: 1, 31: 2}
	randomHex   = "01" + strings.Repeat("00", 30) + "02"
)

// vectors has each message as a value and as bytes worked out by hand from
// the RFC's struct. It is long because there are many messages.
var vectors = []struct {
	form string
	name string
	msg  message
	hex  string
}{
	{
		"ClientHello", "TLS 1.2 without extensions",
		&wire.ClientHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{},
			CipherSuites: []iana.CipherSuite{0xc02f, 0x0a0a}, CompressionMethods: []byte{0}, Padding: -1,
		},
		"01 00002d | 0303" + randomHex + "00 | 0004 c02f0a0a | 0100 | 0000",
	}, {
		"ClientHello", "TLS 1.3",
		&wire.ClientHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{7},
			CipherSuites: []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}, CompressionMethods: []byte{0},
			Present: []iana.ExtensionType{
				iana.ExtServerName, iana.ExtALPN, iana.ExtSupportedGroups, iana.ExtKeyShare,
				iana.ExtSupportedVersions, iana.ExtSignatureAlgorithms, 0x1a1a, iana.ExtPadding,
			},
			ServerName: "a.test", ALPN: []string{"h2", "http/1.1"},
			SupportedGroups:     []iana.NamedGroup{iana.X25519MLKEM768, iana.X25519},
			KeyShares:           []wire.KeyShare{{Group: iana.X25519, Data: []byte{1, 2}}},
			SupportedVersions:   []iana.Version{iana.TLS13, iana.TLS12},
			SignatureAlgorithms: []iana.SignatureScheme{iana.Ed25519},
			Unknown:             []wire.Extension{{Type: 0x1a1a, Data: []byte{0}}},
			Padding:             3,
		},
		"01 000080 | 0303" + randomHex + "0107 | 0002 1301 | 0100 | 0054" +
			"0000 000b 0009 00 0006 612e74657374" +
			"0010 000e 000c 02 6832 08 687474702f312e31" +
			"000a 0006 0004 11ec 001d" +
			"0033 0008 0006 001d 0002 0102" +
			"002b 0005 04 0304 0303" +
			"000d 0004 0002 0807" +
			"1a1a 0001 00" +
			"0015 0003 000000",
	}, {
		"ClientHello", "resumption, with what few clients send",
		&wire.ClientHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{},
			CipherSuites: []iana.CipherSuite{0x1301}, CompressionMethods: []byte{0}, Padding: -1,
			Present: []iana.ExtensionType{
				iana.ExtECH, iana.ExtRenegotiationInfo, iana.ExtExtendedMasterSecret, iana.ExtECPointFormats,
				iana.ExtMaxFragmentLength, iana.ExtSessionTicket, iana.ExtKeyShare, iana.ExtEarlyData,
				iana.ExtSignatureAlgorithmsCert, iana.ExtDelegatedCredential, iana.ExtStatusRequest, iana.ExtSCT,
				iana.ExtCertificateAuthorities, iana.ExtCompressCertificate, iana.ExtClientCertType,
				iana.ExtServerCertType, iana.ExtPostHandshakeAuth, iana.ExtTicketRequest,
				iana.ExtQUICTransportParameters,
				iana.ExtCertWithExternPSK, iana.ExtCookie, iana.ExtPSKModes, iana.ExtRecordSizeLimit,
				iana.ExtPreSharedKey,
			},
			ECH:                  &wire.ECHClientHello{KDF: 1, AEAD: 2, ConfigID: 3, Enc: []byte{4}, Payload: []byte{5, 6}},
			RenegotiationInfo:    []byte{},
			ExtendedMasterSecret: true,
			ECPointFormats:       []byte{0},
			MaxFragmentLength:    4,
			SessionTicket:        []byte{},
			KeyShares:            []wire.KeyShare{},
			EarlyData:            true,
			SignatureAlgsCert:    []iana.SignatureScheme{0x0804},
			DelegatedCredential:  []iana.SignatureScheme{0x0403, 0x0807},
			StatusRequest:        true,
			SCT:                  true,
			CertAuthorities:      [][]byte{{0x30, 0}},
			CompressCertificate:  []iana.CertificateCompression{iana.CompressionZstd},
			ClientCertTypes:      []iana.CertificateType{2, 0},
			ServerCertTypes:      []iana.CertificateType{2},
			PostHandshakeAuth:    true,
			TicketRequest:        &wire.TicketRequest{NewSession: 2, Resumption: 1},
			CertWithExternPSK:    true,

			QUICTransportParameters: []byte{},

			Cookie:          []byte{9},
			PSKModes:        []iana.PSKMode{iana.PSKDHEKE},
			RecordSizeLimit: 0x4001,
			PSK: &wire.OfferedPSKs{
				Identities: []wire.PSKIdentity{{Identity: []byte("id"), ObfuscatedTicketAge: 0x01020304}},
				Binders:    [][]byte{bytes.Repeat([]byte{0xbb}, 32)},
			},
		},
		"01 0000f1 | 0303" + randomHex + "00 | 0002 1301 | 0100 | 00c6" +
			"fe0d 000d 00 0001 0002 03 0001 04 0002 0506" +
			"ff01 0001 00 | 0017 0000 | 000b 0002 01 00 | 0001 0001 04 | 0023 0000 | 0033 0002 0000 | 002a 0000" +
			"0032 0004 0002 0804 | 0022 0006 0004 0403 0807 | 0005 0005 01 0000 0000 | 0012 0000" +
			"002f 0006 0004 0002 3000 | 001b 0003 02 0003 | 0013 0003 02 02 00 | 0014 0002 01 02 | 0031 0000" +
			"003a 0002 02 01 | 0039 0000 | 0021 0000 | 002c 0003 0001 09 | 002d 0002 01 01 | 001c 0002 4001" +
			"0029 002d 0008 0002 6964 01020304 0021 20" + strings.Repeat("bb", 32),
	}, {
		"ClientHello", "inner",
		&wire.ClientHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{},
			CipherSuites: []iana.CipherSuite{0x1301}, CompressionMethods: []byte{0}, Padding: -1,
			Present:            []iana.ExtensionType{iana.ExtECH, iana.ExtECHOuterExtensions},
			ECH:                &wire.ECHClientHello{Inner: true},
			ECHOuterExtensions: []iana.ExtensionType{10, 51},
		},
		"01 000039 | 0303" + randomHex + "00 | 0002 1301 | 0100 | 000e | fe0d 0001 01 | fd00 0005 04 000a 0033",
	}, {
		"ServerHello", "TLS 1.2 without extensions",
		&wire.ServerHello{LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{}, CipherSuite: 0xc02f},
		"02 000026 | 0303" + randomHex + "00 c02f 00",
	}, {
		"ServerHello", "TLS 1.2",
		&wire.ServerHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{8, 9}, CipherSuite: 0xc02f, Compression: 1,
			Present: []iana.ExtensionType{
				iana.ExtServerName, iana.ExtRenegotiationInfo, iana.ExtExtendedMasterSecret, iana.ExtSessionTicket,
				iana.ExtECPointFormats, iana.ExtMaxFragmentLength, iana.ExtRecordSizeLimit, iana.ExtALPN,
				iana.ExtStatusRequest, iana.ExtSCT, iana.ExtClientCertType, iana.ExtServerCertType, 0x1234,
			},
			ServerNameAck: true, RenegotiationInfo: []byte{1}, ExtendedMasterSecret: true, SessionTicket: true,
			ECPointFormats: []byte{0}, MaxFragmentLength: 1, RecordSizeLimit: 64, ALPN: "h2", StatusRequest: true,
			SCTs: [][]byte{{1}, {2, 3}}, ClientCertType: ptr(iana.CertTypeX509), ServerCertType: ptr(iana.CertTypeRawPublicKey),
			Unknown: []wire.Extension{{Type: 0x1234, Data: []byte{}}},
		},
		"02 000075 | 0303" + randomHex + "020809 c02f 01 | 004b" +
			"0000 0000 | ff01 0002 0101 | 0017 0000 | 0023 0000 | 000b 0002 0100 | 0001 0001 01 | 001c 0002 0040" +
			"0010 0005 0003 02 6832 | 0005 0000 | 0012 0009 0007 0001 01 0002 0203 | 0013 0001 00 | 0014 0001 02 | 1234 0000",
	}, {
		"ServerHello", "TLS 1.3 with a pre-shared key",
		&wire.ServerHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{}, CipherSuite: 0x1301,
			Present:          []iana.ExtensionType{iana.ExtPreSharedKey, iana.ExtCertWithExternPSK, iana.ExtKeyShare, iana.ExtSupportedVersions},
			SupportedVersion: iana.TLS13, SelectedPSK: ptr(uint16(0)), Certified: true,
			KeyShare: &wire.KeyShare{Group: iana.X25519, Data: x25519Share},
		},
		"02 000060 | 0303" + randomHex + "00 1301 00 | 0038" +
			"0029 0002 0000 | 0021 0000 | 0033 0024 001d 0020" + strings.Repeat("25", 32) + "002b 0002 0304",
	}, {
		"ServerHello", "HelloRetryRequest",
		&wire.ServerHello{
			LegacyVersion: iana.TLS12, Random: wire.HelloRetryRequestRandom, SessionID: []byte{}, CipherSuite: 0x1301,
			Present:          []iana.ExtensionType{iana.ExtKeyShare, iana.ExtCookie, iana.ExtSupportedVersions, iana.ExtECH},
			SupportedVersion: iana.TLS13, KeyShare: &wire.KeyShare{Group: iana.SecP256r1}, Cookie: []byte("c"),
			ECHConfirmation: []byte("confirm!"),
		},
		"02 000047 | 0303 cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c 00 1301 00 | 001f" +
			"0033 0002 0017 | 002c 0003 0001 63 | 002b 0002 0304 | fe0d 0008 636f6e6669726d21",
	}, {
		"EncryptedExtensions", "empty", &wire.EncryptedExtensions{}, "08 000002 0000",
	}, {
		"EncryptedExtensions", "full",
		&wire.EncryptedExtensions{
			Present: []iana.ExtensionType{
				iana.ExtSupportedGroups, iana.ExtMaxFragmentLength, iana.ExtRecordSizeLimit, iana.ExtServerName,
				iana.ExtALPN, iana.ExtClientCertType, iana.ExtServerCertType, iana.ExtTicketRequest,
				iana.ExtQUICTransportParameters, iana.ExtEarlyData, iana.ExtECH, iana.ExtCookie,
			},
			SupportedGroups: []iana.NamedGroup{iana.X25519}, MaxFragmentLength: 2, RecordSizeLimit: 1024,
			ServerNameAck: true, ALPN: "h2", ClientCertType: ptr(iana.CertTypeRawPublicKey), ServerCertType: ptr(iana.CertTypeX509),
			TicketRequest: ptr(uint8(5)), EarlyData: true,
			QUICTransportParameters: []byte{0x0f, 0x01, 0xaa},
			ECHRetryConfigs:         []byte{0, 4, 0, 1, 0, 0}, // one of an unknown version
			Unknown:                 []wire.Extension{{Type: iana.ExtCookie, Data: []byte{1}}},
		},
		"08 00004b | 0049 | 000a 0004 0002 001d | 0001 0001 02 | 001c 0002 0400 | 0000 0000 | 0010 0005 0003 02 6832" +
			"0013 0001 02 | 0014 0001 00 | 003a 0001 05 | 0039 0003 0f01aa | 002a 0000 | fe0d 0006 0004 0001 0000 | 002c 0001 01",
	}, {
		"CertificateRequest", "full",
		&wire.CertificateRequest{
			Context: []byte{1, 2},
			Present: []iana.ExtensionType{
				iana.ExtSignatureAlgorithms, iana.ExtSignatureAlgorithmsCert, iana.ExtDelegatedCredential,
				iana.ExtStatusRequest, iana.ExtSCT, iana.ExtCompressCertificate, iana.ExtCertificateAuthorities,
				iana.ExtOIDFilters, 0x4444,
			},
			SignatureAlgorithms: []iana.SignatureScheme{0x0807}, SignatureAlgsCert: []iana.SignatureScheme{0x0403},
			DelegatedCredential: []iana.SignatureScheme{0x0503}, StatusRequest: true, SCT: true,
			CompressCertificate: []iana.CertificateCompression{1, 2}, CertAuthorities: [][]byte{{0x30}},
			OIDFilters: []wire.Extension{{Type: iana.ExtOIDFilters, Data: []byte{0, 6, 2, 0x55, 0x1d, 0, 1, 7}}},
			Unknown:    []wire.Extension{{Type: 0x4444, Data: []byte{}}},
		},
		"0d 000047 | 02 0102 | 0042 | 000d 0004 0002 0807 | 0032 0004 0002 0403 | 0022 0004 0002 0503 | 0005 0000 | 0012 0000" +
			"001b 0005 04 0001 0002 | 002f 0005 0003 0001 30 | 0030 0008 0006 02 551d 0001 07 | 4444 0000",
	}, {
		"Certificate", "none", &wire.Certificate{Context: []byte{5}, Entries: []wire.CertificateEntry{}}, "0b 000005 | 01 05 | 000000",
	}, {
		"Certificate", "two entries",
		&wire.Certificate{
			Context: []byte{},
			Entries: []wire.CertificateEntry{
				{
					Data:         []byte{0x30, 0},
					Present:      []iana.ExtensionType{iana.ExtStatusRequest, iana.ExtSCT, iana.ExtDelegatedCredential, 0x5555},
					OCSPResponse: []byte("ok"), SCTs: [][]byte{{1}}, DelegatedCredential: []byte{2},
					Unknown: []wire.Extension{{Type: 0x5555, Data: []byte{3}}},
				},
				{Data: []byte{0x31}},
			},
		},
		"0b 00002e | 00 | 00002a | 000002 3000 | 001d 0005 0006 01 000002 6f6b | 0012 0005 0003 0001 01 | 0022 0001 02 | 5555 0001 03 | 000001 31 | 0000",
	}, {
		"CompressedCertificate", "brotli",
		&wire.CompressedCertificate{Algorithm: iana.CompressionBrotli, UncompressedLength: 0x010203, Compressed: []byte{9, 8}},
		"19 00000a | 0002 | 010203 | 000002 0908",
	}, {
		"CertificateVerify", "Ed25519",
		&wire.CertificateVerify{Algorithm: iana.Ed25519, Signature: []byte{1, 2, 3}}, "0f 000007 | 0807 | 0003 010203",
	}, {
		"Finished", "TLS 1.2", &wire.Finished{VerifyData: []byte("twelve bytes")}, "14 00000c | 7477656c7665206279746573",
	}, {
		"NewSessionTicket", "without early data",
		&wire.NewSessionTicket{Lifetime: 1, AgeAdd: 2, Nonce: []byte{}, Ticket: []byte{3}},
		"04 00000e | 00000001 | 00000002 | 00 | 0001 03 | 0000",
	}, {
		"NewSessionTicket", "with early data",
		&wire.NewSessionTicket{
			Lifetime: 7200, AgeAdd: 0xffffffff, Nonce: []byte{0, 1}, Ticket: []byte{3}, MaxEarlyData: ptr(uint32(0)),
			Present: []iana.ExtensionType{iana.ExtEarlyData, 0x8a8a}, Unknown: []wire.Extension{{Type: 0x8a8a, Data: []byte{}}},
		},
		"04 00001c | 00001c20 | ffffffff | 02 0001 | 0001 03 | 000c | 002a 0004 00000000 | 8a8a 0000",
	},
	{"KeyUpdate", "alone", &wire.KeyUpdate{}, "18 000001 00"},
	{
		"NewConnectionId", "spare", &wire.NewConnectionID{IDs: [][]byte{{1, 2}, {3}}},
		"0a 000008 | 0005 02 0102 01 03 | 01",
	},
	{
		"NewConnectionId", "immediate", &wire.NewConnectionID{IDs: [][]byte{{7}}, Immediate: true},
		"0a 000005 | 0002 01 07 | 00",
	},
	{"NewConnectionId", "none", &wire.NewConnectionID{IDs: [][]byte{}}, "0a 000003 | 0000 | 01"},
	{"RequestConnectionId", "", &wire.RequestConnectionID{Count: 200}, "09 000001 c8"},
	{
		"ClientHello", "of DTLS, with what TLS does not have",
		&wire.ClientHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{},
			CipherSuites: []iana.CipherSuite{0x1301}, CompressionMethods: []byte{0}, Padding: -1,
			Present:      []iana.ExtensionType{iana.ExtConnectionID, iana.ExtRRC, iana.ExtUseSRTP},
			ConnectionID: []byte{5, 6}, RRC: true,
			SRTP: &wire.SRTP{
				Profiles: []iana.SRTPProfile{iana.SRTP_AEAD_AES_128_GCM, 1}, MKI: []byte{9},
			},
		},
		"01 000042 | 0303" + randomHex + "00 | 0002 1301 | 0100 | 0017" +
			"0036 0003 02 0506 | 003d 0000 | 000e 0008 0004 0007 0001 01 09",
	},
	{
		"ServerHello", "of DTLS, with an empty connection ID",
		&wire.ServerHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{}, CipherSuite: 0xc02f,
			Present:      []iana.ExtensionType{iana.ExtConnectionID, iana.ExtRRC, iana.ExtUseSRTP},
			ConnectionID: []byte{}, RRC: true,
			SRTP: &wire.SRTP{Profiles: []iana.SRTPProfile{1}, MKI: []byte{}},
		},
		"02 00003a | 0303" + randomHex + "00 | c02f | 00 | 0012" +
			"0036 0001 00 | 003d 0000 | 000e 0005 0002 0001 00",
	},
	{"KeyUpdate", "both ways", &wire.KeyUpdate{RequestUpdate: true}, "18 000001 01"},
	{"Certificate12", "none", &wire.Certificate12{Certificates: [][]byte{}}, "0b 000003 000000"},
	{"Certificate12", "two", &wire.Certificate12{Certificates: [][]byte{{1}, {2, 3}}}, "0b 00000c | 000009 000001 01 000002 0203"},
	{"RawKey12", "one", wire.RawKey12{0x30, 0}, "0b 000005 | 000002 3000"},
	{"CertificateStatus12", "one", &wire.CertificateStatus12{Response: []byte{7}}, "16 000005 | 01 000001 07"},
	{
		"ServerKeyExchange12", "ECDHE",
		&wire.ServerKeyExchange12{
			Params: []byte{3, 0, 0x1d, 1, 9}, Group: iana.X25519, Public: []byte{9},
			Algorithm: iana.RSAPSSRSAEWithSHA256, Signature: []byte{5},
		},
		"0c 00000a | 03 001d 01 09 | 0804 0001 05",
	},
	{"ServerKeyExchange12 PSK", "hint", &wire.ServerKeyExchange12{Hint: []byte("h")}, "0c 000003 | 0001 68"},
	{"ServerKeyExchange12 PSK", "no hint", &wire.ServerKeyExchange12{Hint: []byte{}}, "0c 000002 | 0000"},
	{
		"ServerKeyExchange12 ECDHE_PSK", "hint",
		&wire.ServerKeyExchange12{Hint: []byte("h"), Params: []byte{3, 0, 0x17, 1, 9}, Group: iana.SecP256r1, Public: []byte{9}},
		"0c 000008 | 0001 68 | 03 0017 01 09",
	},
	{
		"CertificateRequest12", "one authority",
		&wire.CertificateRequest12{
			CertificateTypes: []byte{1, 64}, SignatureAlgorithms: []iana.SignatureScheme{0x0403, 0x0804}, CertAuthorities: [][]byte{{0x30, 0}},
		},
		"0d 00000f | 02 0140 | 0004 0403 0804 | 0004 0002 3000",
	},
	{"ClientKeyExchange12", "ECDHE", &wire.ClientKeyExchange12{Public: []byte{4}}, "10 000002 | 01 04"},
	{"ClientKeyExchange12 PSK", "identity", &wire.ClientKeyExchange12{Identity: []byte("me")}, "10 000004 | 0002 6d65"},
	{"ClientKeyExchange12 ECDHE_PSK", "both", &wire.ClientKeyExchange12{Identity: []byte{}, Public: []byte{4}}, "10 000004 | 0000 | 01 04"},
	{
		"DatagramClientHello", "DTLS 1.3",
		&wire.ClientHello{
			Datagram: true, LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{},
			LegacyCookie: []byte{9, 9}, CipherSuites: []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256},
			CompressionMethods: []byte{0}, Padding: -1,
			Present:           []iana.ExtensionType{iana.ExtSupportedVersions},
			SupportedVersions: []iana.Version{iana.TLS13, iana.TLS12},
		},
		"01 000037 | fefd" + randomHex + "00 | 02 0909 | 0002 1301 | 0100 | 0009 002b 0005 04 fefc fefd",
	}, {
		"DatagramServerHello", "DTLS 1.3",
		&wire.ServerHello{
			Datagram: true, LegacyVersion: iana.TLS12, Random: random, SessionID: []byte{},
			CipherSuite: iana.TLS_AES_128_GCM_SHA256, SupportedVersion: iana.TLS13,
			Present: []iana.ExtensionType{iana.ExtSupportedVersions},
		},
		"02 00002e | fefd" + randomHex + "00 | 1301 | 00 | 0006 002b 0002 fefc",
	}, {
		"HelloVerifyRequest", "a cookie",
		&wire.HelloVerifyRequest{Cookie: []byte{9}}, "03 000004 | feff | 01 09",
	},
	{"NewSessionTicket12", "one", &wire.NewSessionTicket12{Lifetime: 300, Ticket: []byte{1}}, "04 000007 | 0000012c | 0001 01"},
	{"NewSessionTicket12", "none after all", &wire.NewSessionTicket12{Ticket: []byte{}}, "04 000006 | 00000000 | 0000"},
}

func TestMessagesBothWays(t *testing.T) {
	seen := make(map[string]bool)
	for _, tt := range vectors {
		seen[tt.form] = true
		t.Run(tt.form+"/"+tt.name, func(t *testing.T) {
			want := unhex(t, tt.hex)
			if tt.name == "TLS 1.2 without extensions" && tt.form == "ClientHello" {
				want = want[:len(want)-2] // appending always writes the block
				want[3] -= 2
			}
			parsed, err := forms[tt.form].parse(want[wire.HeaderLen:])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(parsed, tt.msg) {
				t.Errorf("parsed  %+v\nwant    %+v", parsed, tt.msg)
			}
			if hello, ok := tt.msg.(*wire.ClientHello); ok { // AppendTo sets it
				defer func(present []iana.ExtensionType) { hello.Present = present }(hello.Present)
			}
			got, err := tt.msg.AppendTo([]byte("before"))
			if err != nil || !bytes.Equal(got, append([]byte("before"), unhex(t, tt.hex)...)) {
				t.Errorf("%v\nappended %s\nwant     %s", err, hex.EncodeToString(got[6:]), hex.EncodeToString(unhex(t, tt.hex)))
			}
			typ, n, ok := wire.ParseHeader(got[6:])
			if typ != forms[tt.form].typ || n != len(got)-6-wire.HeaderLen || !ok {
				t.Errorf("header %s, %d, %v", typ, n, ok)
			}
		})
	}
	for name := range forms {
		if !seen[name] {
			t.Errorf("no vector for %s", name)
		}
	}
}

// TestCutShort cuts every vector at every byte, and adds one: none of it is a
// message any more.
func TestCutShort(t *testing.T) {
	for _, tt := range vectors {
		t.Run(tt.form+"/"+tt.name, func(t *testing.T) {
			body := unhex(t, tt.hex)[wire.HeaderLen:]
			for n := range body {
				m, err := forms[tt.form].parse(body[:n])
				switch {
				case err == nil && n == withoutExtensions(m), tt.form == "Finished" && n > 0:
				case err == nil:
					t.Errorf("%d bytes of %d parse as %+v", n, len(body), m)
				default:
					if got := alertOf(t, err); got != iana.AlertDecodeError {
						t.Errorf("%d bytes of %d: %s, want decode_error (%v)", n, len(body), got, err)
					}
				}
			}
			if tt.form == "Finished" {
				return
			}
			if _, err := forms[tt.form].parse(append(body, 0)); err == nil {
				t.Error("a byte too many is not noticed")
			}
		})
	}
}

// withoutExtensions returns the length at which a hello may end in TLS 1.2.
func withoutExtensions(m message) int {
	switch m := m.(type) {
	case *wire.ClientHello:
		n := 2 + 32 + 1 + len(m.SessionID) + 2 + 2*len(m.CipherSuites) + 1 + len(m.CompressionMethods)
		if m.Datagram {
			n += 1 + len(m.LegacyCookie)
		}
		return n
	case *wire.ServerHello:
		return 2 + 32 + 1 + len(m.SessionID) + 2 + 1
	}
	return -1
}

func TestTooLongToAppend(t *testing.T) {
	for _, tt := range []struct {
		msg  message
		want string
	}{
		{&wire.ClientHello{SessionID: make([]byte, 256)}, "client_hello: vector of 256 bytes: its length has only 8 bits"},
		{&wire.ClientHello{ALPN: []string{"h2", ""}}, "client_hello: empty protocol name"},
		{&wire.ClientHello{Padding: 1 << 16}, "client_hello: vector of 65536 bytes: its length has only 16 bits"},
		{&wire.ServerHello{SessionID: make([]byte, 256)}, "server_hello: vector of 256 bytes: its length has only 8 bits"},
		{&wire.Certificate{Context: make([]byte, 256)}, "certificate: vector of 256 bytes: its length has only 8 bits"},
		{&wire.CompressedCertificate{UncompressedLength: 1 << 24}, "compressed_certificate: 16777216 does not fit into 24 bits"},
		{&wire.Finished{VerifyData: make([]byte, 1<<24)}, "finished: vector of 16777216 bytes: its length has only 24 bits"},
		{&wire.NewSessionTicket{Ticket: make([]byte, 1<<16)}, "new_session_ticket: vector of 65536 bytes: its length has only 16 bits"},
	} {
		got, err := tt.msg.AppendTo([]byte("before"))
		if err == nil || err.Error() != tt.want || string(got) != "before" {
			t.Errorf("%T: %q, %v; want %s", tt.msg, got, err, tt.want)
		}
	}
}
