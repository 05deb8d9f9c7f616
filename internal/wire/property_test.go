package wire_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// fields sets one field of a ClientHello each.
var fields = []func(*wire.ClientHello, *rand.Rand){
	func(m *wire.ClientHello, _ *rand.Rand) { m.ServerName = "host.test" },
	func(m *wire.ClientHello, _ *rand.Rand) { m.StatusRequest = true },
	func(m *wire.ClientHello, r *rand.Rand) { m.SupportedGroups = some[iana.NamedGroup](r) },
	func(m *wire.ClientHello, r *rand.Rand) { m.ECPointFormats = bytesOf(r, 1) },
	func(m *wire.ClientHello, r *rand.Rand) { m.SignatureAlgorithms = some[iana.SignatureScheme](r) },
	func(m *wire.ClientHello, r *rand.Rand) { m.SignatureAlgsCert = some[iana.SignatureScheme](r) },
	func(m *wire.ClientHello, _ *rand.Rand) { m.ALPN = []string{"h2", "x"} },
	func(m *wire.ClientHello, _ *rand.Rand) { m.SCT = true },
	func(m *wire.ClientHello, r *rand.Rand) { m.Padding = 1 + r.IntN(500) },
	func(m *wire.ClientHello, _ *rand.Rand) { m.ExtendedMasterSecret = true },
	func(m *wire.ClientHello, r *rand.Rand) {
		m.CompressCertificate = some[iana.CertificateCompression](r)
		slices.Sort(m.CompressCertificate)
		m.CompressCertificate = slices.Compact(m.CompressCertificate) // none may stand twice
	},
	func(m *wire.ClientHello, r *rand.Rand) { m.RecordSizeLimit = uint16(64 + r.IntN(16321)) },
	func(m *wire.ClientHello, r *rand.Rand) { m.MaxFragmentLength = uint8(1 + r.IntN(4)) },
	func(m *wire.ClientHello, r *rand.Rand) { m.DelegatedCredential = some[iana.SignatureScheme](r) },
	func(m *wire.ClientHello, r *rand.Rand) { m.SessionTicket = bytesOf(r, 0) },
	func(m *wire.ClientHello, r *rand.Rand) { m.SupportedVersions = some[iana.Version](r) },
	func(m *wire.ClientHello, r *rand.Rand) { m.Cookie = bytesOf(r, 1) },
	func(m *wire.ClientHello, _ *rand.Rand) { m.PSKModes = []iana.PSKMode{iana.PSKKE, iana.PSKDHEKE} },
	func(m *wire.ClientHello, r *rand.Rand) { m.CertAuthorities = [][]byte{bytesOf(r, 1), bytesOf(r, 1)} },
	func(m *wire.ClientHello, _ *rand.Rand) { m.PostHandshakeAuth = true },
	func(m *wire.ClientHello, r *rand.Rand) {
		m.KeyShares = []wire.KeyShare{{Group: 1, Data: bytesOf(r, 1)}, {Group: 2, Data: bytesOf(r, 1)}}
	},
	func(m *wire.ClientHello, _ *rand.Rand) { m.ClientCertTypes = []iana.CertificateType{2, 0} },
	func(m *wire.ClientHello, _ *rand.Rand) { m.ServerCertTypes = []iana.CertificateType{2} },
	func(m *wire.ClientHello, _ *rand.Rand) { m.EarlyData = true },
	func(m *wire.ClientHello, r *rand.Rand) {
		m.TicketRequest = &wire.TicketRequest{NewSession: uint8(r.Uint32())}
	},
	func(m *wire.ClientHello, _ *rand.Rand) { m.CertWithExternPSK = true },
	func(m *wire.ClientHello, r *rand.Rand) { m.RenegotiationInfo = bytesOf(r, 0) },
	func(m *wire.ClientHello, r *rand.Rand) {
		m.ECH = &wire.ECHClientHello{KDF: 1, AEAD: 2, ConfigID: 3, Enc: bytesOf(r, 0), Payload: bytesOf(r, 1)}
	},
	func(m *wire.ClientHello, r *rand.Rand) { m.ECHOuterExtensions = some[iana.ExtensionType](r) },
	func(m *wire.ClientHello, r *rand.Rand) {
		m.PSK = &wire.OfferedPSKs{
			Identities: []wire.PSKIdentity{{Identity: bytesOf(r, 1), ObfuscatedTicketAge: r.Uint32()}},
			Binders:    [][]byte{make([]byte, 32+r.IntN(17))},
		}
	},
	func(m *wire.ClientHello, r *rand.Rand) {
		m.Unknown = []wire.Extension{{Type: 0x9999, Data: bytesOf(r, 0)}}
	},
}

func some[T ~uint16](r *rand.Rand) []T {
	list := make([]T, 1+r.IntN(20))
	for i := range list {
		list[i] = T(r.Uint32())
	}
	return list
}

func bytesOf(r *rand.Rand, least int) []byte {
	b := make([]byte, least+r.IntN(40))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestAnyClientHello sets fields in random combinations: each is the same after
// appending and parsing, and pre_shared_key stays last.
func TestAnyClientHello(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 448))
	for round := range 3000 {
		m := &wire.ClientHello{
			LegacyVersion: iana.TLS12, Random: random, SessionID: bytesOf(r, 0)[:0], Padding: -1,
			CipherSuites: some[iana.CipherSuite](r), CompressionMethods: []byte{0},
		}
		set := 0
		for i, field := range fields {
			if round < len(fields) && i == round || round >= len(fields) && r.IntN(3) > 0 {
				field(m, r)
				set++
			}
		}
		msg := appended(t, m)
		got, err := wire.ParseClientHello(msg[wire.HeaderLen:])
		if err != nil {
			t.Fatalf("round %d: %v\n%+v", round, err, m)
		}
		if len(got.Present) != set || m.PSK != nil && got.Present[set-1] != iana.ExtPreSharedKey {
			t.Fatalf("round %d: %d set, present %v", round, set, got.Present)
		}
		m.Present = got.Present
		if !reflect.DeepEqual(got, m) && set > 0 {
			t.Fatalf("round %d\nparsed %+v\nwant   %+v", round, got, m)
		}
		if again := appended(t, got); !bytes.Equal(again, msg) {
			t.Fatalf("round %d\nappended %x\nwant     %x", round, again, msg)
		}
	}
}

// TestAnyCompression compresses any part of the inner hello that stands
// together in the outer one, and gets it back.
func TestAnyCompression(t *testing.T) {
	outer := appended(t, outerHello())[wire.HeaderLen:]
	want := appended(t, innerHello())
	m, err := wire.ParseClientHello(want[wire.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	differs := []iana.ExtensionType{iana.ExtServerName, iana.ExtECH, iana.ExtSupportedVersions}
	tried := 0
	for from := range m.Present {
		for to := from + 1; to < len(m.Present); to++ { // the last one is in Unknown
			part := m.Present[from:to]
			if slices.ContainsFunc(part, func(e iana.ExtensionType) bool { return slices.Contains(differs, e) }) {
				continue
			}
			tried++
			encoded, err := wire.EncodeInner(innerHello(), part, to)
			if err != nil {
				t.Fatalf("%v: %v", part, err)
			}
			got, err := wire.DecodeInner(encoded, outer, false)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v: %v\ndecoded %x\nwant    %x", part, err, got, want)
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d parts tried", tried)
	}
}

// TestAliases: a parsed message points into its input and nowhere past it.
func TestAliases(t *testing.T) {
	body := traces(t)[7].msg[wire.HeaderLen:]
	m, err := wire.ParseClientHello(body)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(body)
	_ = append(m.KeyShares[0].Data, 0xff)
	_ = append(m.PSK.Identities[0].Identity, 0xff)
	_ = append(m.CompressionMethods, 0xff)
	if !bytes.Equal(body, before) {
		t.Error("appending to a field wrote into its neighbour")
	}
}

// helloAllocations is what a browser-like ClientHello may cost: one for the
// message, one for each list in it, one for each name.
const helloAllocations = 16

func TestParseClientHelloAllocations(t *testing.T) {
	body := typicalHello(t)
	n := testing.AllocsPerRun(100, func() {
		if _, err := wire.ParseClientHello(body); err != nil {
			t.Fatal(err)
		}
	})
	if n > helloAllocations {
		t.Errorf("%v allocations, at most %d wanted", n, helloAllocations)
	}
}

func typicalHello(t testing.TB) []byte {
	m := &wire.ClientHello{
		LegacyVersion: iana.TLS12, SessionID: make([]byte, 32), CompressionMethods: []byte{0}, Padding: -1,
		CipherSuites: []iana.CipherSuite{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8},
		ServerName:   "www.example.test", ALPN: []string{"h2", "http/1.1"}, StatusRequest: true, SCT: true,
		SupportedGroups:      []iana.NamedGroup{iana.X25519MLKEM768, iana.X25519, iana.SecP256r1, iana.SecP384r1},
		KeyShares:            []wire.KeyShare{{Group: iana.X25519MLKEM768, Data: make([]byte, 1216)}, {Group: iana.X25519, Data: make([]byte, 32)}},
		SignatureAlgorithms:  []iana.SignatureScheme{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
		SupportedVersions:    []iana.Version{iana.TLS13, iana.TLS12},
		ExtendedMasterSecret: true, SessionTicket: []byte{}, RenegotiationInfo: []byte{}, ECPointFormats: []byte{0},
		PSKModes: []iana.PSKMode{iana.PSKDHEKE}, CompressCertificate: []iana.CertificateCompression{2},
	}
	return appended(t, m)[wire.HeaderLen:]
}

func BenchmarkParseClientHello(b *testing.B) {
	body := typicalHello(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.ParseClientHello(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendClientHello(b *testing.B) {
	m, err := wire.ParseClientHello(typicalHello(b))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.AppendTo(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseServerHello(b *testing.B) {
	body := traces(b)[1].msg[wire.HeaderLen:]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.ParseServerHello(body); err != nil {
			b.Fatal(err)
		}
	}
}
