package engine

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// standardLacks is why a test that compares with crypto/tls is left out in FIPS 140 mode.
const standardLacks = "crypto/tls leaves out X25519 and ChaCha20-Poly1305, which are compared"

// A difference is a case in which this package and crypto/tls may differ: the words
// of the error of the one that refuses, and why the other need not refuse.
type difference struct{ words, why string }

// FuzzDifferentialServer gives a ClientHello to our server and to crypto/tls's:
// both must answer, or both refuse.
func FuzzDifferentialServer(f *testing.F) {
	fipstest.Skip(f, standardLacks)
	compare := differentialServer(f)
	for _, hello := range hellos(f) {
		f.Add(hello)
	}
	f.Fuzz(compare)
}

// differentialServer returns what compares our server with crypto/tls's on the body of a
// ClientHello.
func differentialServer(tb testing.TB) func(t *testing.T, body []byte) {
	cred := newCredential(tb, ed25519.NewKeyFromSeed(make([]byte, 32)))
	own := &config{
		Credentials: []*Credential{cred}, Rand: zeros{}, ALPN: []string{"a", "http/1.1"},
		CipherSuites: differentialSuites, Groups: differentialGroups, SignatureSchemes: differentialSchemes,
	}
	standard := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: cred.Chain, PrivateKey: cred.Signer}}, NextProtos: own.ALPN,
		CipherSuites: standardSuites, CurvePreferences: standardGroups, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS12,
	}
	return func(t *testing.T, body []byte) {
		if len(body) > 1<<15 {
			return
		}
		flight := frame(headed(iana.HandshakeClientHello, body))
		r, s, err := startServer(own)
		if err != nil {
			t.Fatal(err)
		}
		answer, oursErr := judge(r, s, flight)
		conn := &deaf{in: bytes.NewReader(flight)}
		theirs := verdict(tls.Server(conn, standard).Handshake())
		if oursErr == nil && theirs != nil && (otherStatus(body) || leavesShare(answer, theirs)) {
			return
		}
		agree(t, oursErr, theirs, stricterServer, laxerServer)
	}
}

// leavesShare reports whether our server asks for a share of a group that costs less than that of
// the share which is there, see chooseGroup13. crypto/tls takes any share.
func leavesShare(answer []byte, theirs error) bool {
	return bytes.Contains(answer, wire.HelloRetryRequestRandom[:]) &&
		(strings.Contains(theirs.Error(), "invalid client key share") ||
			strings.Contains(theirs.Error(), "support any of the certificate's signature algorithms"))
}

// FuzzDifferentialClient gives what a server sends before it needs an answer, or
// before encryption begins, to our client and to crypto/tls's. Both send the same
// random bytes, so that signatures hold for both.
func FuzzDifferentialClient(f *testing.F) {
	fipstest.Skip(f, standardLacks)
	compare, flights := differentialClient(f)
	for _, flight := range flights {
		f.Add(flight)
	}
	f.Fuzz(compare)
}

// differentialClient returns what compares our client with crypto/tls's on the messages of a
// server, and such messages.
func differentialClient(tb testing.TB) (func(t *testing.T, messages []byte), [][]byte) {
	cred := newCredential(tb, ed25519.NewKeyFromSeed(make([]byte, 32)))
	own := &config{
		Verifier: acceptAll{}, Rand: zeros{}, ALPN: []string{"a"}, ServerName: "example.com",
		CipherSuites: differentialSuites, Groups: differentialGroups, SignatureSchemes: differentialSchemes,
		KeyShares: []iana.NamedGroup{iana.X25519},
	}
	standard := &tls.Config{
		//lint:ignore SA1019 both clients must send the same random bytes, and only one of them
		Rand:               zeros{},
		InsecureSkipVerify: true, NextProtos: own.ALPN, ServerName: own.ServerName,
		CipherSuites: standardSuites, CurvePreferences: standardGroups, MinVersion: tls.VersionTLS12,
	}
	return func(t *testing.T, messages []byte) {
		if len(messages) > 1<<15 {
			return
		}
		flight := frame(messages)
		r, s, err := startClient(own)
		if err != nil {
			t.Fatal(err)
		}
		_, oursErr := judge(r, s, flight)
		conn := &deaf{in: bytes.NewReader(flight)}
		agree(t, oursErr, verdict(tls.Client(conn, standard).Handshake()), stricterClient, laxerClient)
	}, firstFlights(tb, own, cred)
}

// TestDifferentialExtensions puts each extension of the registry, with bodies of several
// lengths, into a ClientHello, a ServerHello and a HelloRetryRequest, so that no list of
// exceptions waits for the fuzzer to find what it lacks.
func TestDifferentialExtensions(t *testing.T) {
	fipstest.Skip(t, standardLacks)
	server := differentialServer(t)
	client, flights := differentialClient(t)
	bodies := []string{
		"", "\x00", "\x01", "\x00\x00", "\x01\x00", "\x00\x01\x00", "\x00\x00\x00", "\x02\x00\x00\x00",
		"\x00\x04abcd", "abcdefgh", strings.Repeat("\x00", 40),
	}
	for typ := range 1 << 16 {
		if _, err := iana.ParseExtensionType(iana.ExtensionType(typ).String()); err != nil {
			continue
		}
		for _, body := range bodies {
			for i, hello := range hellos(t) {
				if i < 2 {
					server(t, withExtension(hello, helloExtensions(hello), uint16(typ), body))
				}
			}
			for _, flight := range flights {
				n := wire.HeaderLen + int(flight[2])<<8 + int(flight[3])
				hello := flight[wire.HeaderLen:n]
				first := withExtension(hello, 2+32+1+int(hello[34])+3, uint16(typ), body)
				client(t, append(headed(iana.HandshakeServerHello, first), flight[n:]...))
			}
		}
	}
}

// helloExtensions returns where the extensions of a ClientHello begin.
func helloExtensions(hello []byte) int {
	n := 2 + 32
	n += 1 + int(hello[n])
	n += 2 + int(hello[n])<<8 + int(hello[n+1])
	return n + 1 + int(hello[n])
}

// withExtension returns a message whose extensions, which begin at start, have typ with body
// and nothing else of that type. pre_shared_key stays last.
func withExtension(message []byte, start int, typ uint16, body string) []byte {
	list := binary.BigEndian.AppendUint16(nil, typ)
	list = append(binary.BigEndian.AppendUint16(list, uint16(len(body))), body...)
	if typ == uint16(iana.ExtPreSharedKey) {
		list = nil
	}
	if rest := message[start:]; len(rest) > 2 {
		for rest = rest[2:]; len(rest) > 0; {
			n := 4 + int(binary.BigEndian.Uint16(rest[2:]))
			if binary.BigEndian.Uint16(rest) != typ {
				list = append(list, rest[:n]...)
			}
			rest = rest[n:]
		}
	}
	if typ == uint16(iana.ExtPreSharedKey) {
		list = append(binary.BigEndian.AppendUint16(list, typ), byte(len(body)>>8), byte(len(body)))
		list = append(list, body...)
	}
	out := binary.BigEndian.AppendUint16(bytes.Clone(message[:start]), uint16(len(list)))
	return append(out, list...)
}

// What both sides are left with: crypto/tls has fewer groups, and no choice of
// suites in TLS 1.3.
var (
	differentialSuites = []iana.CipherSuite{
		iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384, iana.TLS_CHACHA20_POLY1305_SHA256,
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	standardSuites      = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
	differentialGroups  = []iana.NamedGroup{iana.X25519, iana.SecP256r1, iana.SecP384r1}
	standardGroups      = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	differentialSchemes = []iana.SignatureScheme{
		iana.RSAPSSRSAEWithSHA256, iana.ECDSAWithP256AndSHA256, iana.Ed25519, iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512,
		iana.RSAPKCS1WithSHA256, iana.RSAPKCS1WithSHA384, iana.RSAPKCS1WithSHA512, iana.ECDSAWithP384AndSHA384, iana.ECDSAWithP521AndSHA512,
	}
)

// The exceptions, by the words of the error of the one that refuses.
var (
	stricterServer = []difference{
		{"which is of QUIC", "RFC 9001, Section 8.2: unsupported_extension; crypto/tls looks for it in TLS 1.3 alone"},
		{"client_hello: pre_shared_key", "without tickets crypto/tls looks at its form alone"},
		{"client_hello: psk_key_exchange_modes", "RFC 9846, Section 4.2.9: at least one; crypto/tls takes none"},
		{"client_hello: legacy_session_id", "RFC 9846, Section 4.1.2: at most 32 bytes; crypto/tls takes more"},
		{"no application protocol in common", "crypto/tls asks for another key share first, and lets clients of h2 meet servers of http/1.1 without a protocol"},
		{"fell back to an older version", "crypto/tls compares legacy_version, which may say anything, and not the version that was agreed on"},
		{"two shares for one group", "RFC 9846, Section 4.2.8: clients MUST NOT; crypto/tls takes the first"},
		{"no type of server certificate in common", "crypto/tls does not read server_certificate_type"},
		{"client_hello: server_name", "crypto/tls takes any bytes for a name, and passes over other kinds of name"},
		{"did not send the key_share extension", "RFC 9846, Section 9.2: missing_extension; crypto/tls asks again"},
		{"did not send the psk_key_exchange_modes extension", "RFC 9846, Section 4.2.9: a server MUST abort; crypto/tls passes over the keys"},
		{"did not send the signature_algorithms extension", "RFC 9846, Section 9.2; in TLS 1.2 its absence means SHA-1"},
		{"the ClientHello is of SSL 3.0 or older", "RFC 9846, Appendix D.5: a server MUST abort; crypto/tls does not compare"},
		{"has legacy_version", "RFC 9846, Section 4.1.2: a server MUST abort; crypto/tls does not compare"},
		{"is not in the order of supported_groups", "RFC 9846, Section 4.2.8: in the same order; crypto/tls does not compare"},
		{"which is not offered", "a share for a group that is not offered: RFC 9846, Section 4.2.8 lets servers check"},
	}
	laxerServer = []difference{
		{"no cipher suite supported by both", "RFC 8422, Section 4: without supported_groups a server may choose any; crypto/tls takes none"},
		{"client sent unexpected early data", "without QUIC crypto/tls takes no 0-RTT data; RFC 9846, Section 4.2.10 lets a server pass it over"},
	}
	stricterClient = []difference{
		{"malformed message: certificate: ", "crypto/tls looks at a certificate when the message behind it has come"},
		{"a handshake message continues after a key change or the end of the peer's flight", "RFC 9846, Section 5.1; crypto/tls notices at a later message"},
		{"the peer's key has an unknown type, or the Verifier returned no key", "crypto/tls looks at a certificate when the message behind it has come"},
		{"the peer's certificate is not accepted", "crypto/tls looks at a certificate when the message behind it has come"},
		{"which was not offered", "RFC 9846, Section 4.2: unsupported_extension; crypto/tls passes over what it does not know"},
		{"extension, which is not allowed in it", "RFC 9846, Section 4.2: illegal_parameter; crypto/tls passes over what it does not expect"},
		{
			"server_hello: key_share",
			"RFC 9846, Section 4.2.8: a key; crypto/tls reads two bytes, or an empty key, " +
				"and looks at them in TLS 1.3 alone",
		},
		{
			"server_hello: supported_versions: version 0",
			"crypto/tls takes it for an extension that is not there",
		},
	}
	laxerClient = []difference{
		{"exceeds maximum", "each sets the length of a message that it accepts"},
	}
)

// standardReads are the extensions of hellos that crypto/tls parses; it passes over the others.
var standardReads = []iana.ExtensionType{
	iana.ExtServerName, iana.ExtStatusRequest, iana.ExtSupportedGroups, iana.ExtECPointFormats,
	iana.ExtSignatureAlgorithms, iana.ExtALPN, iana.ExtSCT, iana.ExtExtendedMasterSecret,
	iana.ExtSessionTicket, iana.ExtPreSharedKey, iana.ExtEarlyData, iana.ExtSupportedVersions,
	iana.ExtCookie, iana.ExtPSKModes, iana.ExtSignatureAlgorithmsCert, iana.ExtKeyShare,
	iana.ExtQUICTransportParameters, iana.ExtRenegotiationInfo,
}

var inHello = regexp.MustCompile(`(?:client|server)_hello: ([a-z_]+)`)

// aboutUnread reports whether an error is about an extension of a hello that crypto/tls does
// not parse.
func aboutUnread(err error) bool {
	m := inHello.FindStringSubmatch(err.Error())
	if m == nil {
		return false
	}
	typ, parseErr := iana.ParseExtensionType(m[1])
	return parseErr == nil && !slices.Contains(standardReads, typ)
}

// otherStatus reports whether status_request asks for something else than OCSP. RFC 6066, Section
// 8 defines status type 1 alone; crypto/tls reads others as if they were it.
func otherStatus(hello []byte) bool {
	for rest := hello; ; {
		_, after, ok := bytes.Cut(rest, []byte{0, byte(iana.ExtStatusRequest), 0})
		if !ok || len(after) < 2 {
			return false
		}
		if after[0] == 0 || after[1] != 1 {
			return true
		}
		rest = after
	}
}

// agree fails unless both accept, both refuse, or the refusal is a known difference:
// stricter lists words of our errors, laxer those of crypto/tls.
func agree(t *testing.T, ours, theirs error, stricter, laxer []difference) {
	t.Helper()
	if (ours == nil) == (theirs == nil) {
		return
	}
	refusal, list := ours, stricter
	if ours == nil {
		refusal, list = theirs, laxer
	}
	if ours != nil && aboutUnread(ours) {
		return
	}
	for _, d := range list {
		if strings.Contains(refusal.Error(), d.words) {
			return
		}
	}
	t.Errorf("ours says %v; crypto/tls %v", ours, theirs)
}

// judge returns what we answer to what comes in, and our refusal of it.
func judge(r *Receiver, s *Sender, in []byte) (out []byte, err error) {
	_, ev, err := r.Receive(nil) // a client begins
	for {
		var aerr error
		if out, aerr = s.Apply(out, ev.Reply); err != nil || aerr != nil {
			return out, errors.Join(err, aerr)
		}
		var n int
		n, ev, err = r.Receive(in)
		in = in[n:]
		if err == nil && ev.Kind == EventWantRead {
			return out, nil
		}
	}
}

// deaf is a connection with a fixed input, whose output is discarded.
type deaf struct {
	net.Conn
	in *bytes.Reader
}

// errMore means that the whole input was read without an error.
var errMore = errors.New("more is needed")

func (d *deaf) Read(p []byte) (int, error) {
	if n, _ := d.in.Read(p); n > 0 {
		return n, nil
	}
	return 0, errMore
}

func (d *deaf) Write(p []byte) (int, error)      { return len(p), nil }
func (d *deaf) Close() error                     { return nil }
func (d *deaf) SetDeadline(time.Time) error      { return nil }
func (d *deaf) SetReadDeadline(time.Time) error  { return nil }
func (d *deaf) SetWriteDeadline(time.Time) error { return nil }

// verdict is nil for an input that was taken.
func verdict(err error) error {
	if errors.Is(err, errMore) {
		return nil
	}
	if err == nil {
		return errors.New("the handshake is done, which cannot be")
	}
	return err
}

// headed puts a header before a body.
func headed(kind iana.HandshakeType, body []byte) []byte {
	n := len(body)
	return append([]byte{byte(kind), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// frame puts messages into records.
func frame(messages []byte) []byte {
	var out []byte
	for len(messages) > 0 {
		n := min(len(messages), record.MaxPlaintext)
		out = append(record.AppendHeader(out, iana.ContentHandshake, iana.TLS12, n), messages[:n]...)
		messages = messages[n:]
	}
	return out
}

// hellos are the bodies of what clients of several kinds send, those of the
// recorded flows among them.
func hellos(f testing.TB) [][]byte {
	var list [][]byte
	for _, cfg := range []*config{
		{}, {MaxVersion: iana.TLS12}, {ALPN: []string{"a", "b"}}, {ALPN: []string{"z"}}, {KeyShares: []iana.NamedGroup{}},
		{PSKs: []*PSK{NewPSK([]byte("x"), []byte("y"))}, PSKWithoutDHE: true}, {ECHGREASE: true},
		{NoCompatibilityMode: true, RecordSizeLimit: 100, MaxFragmentLength: 512, AcceptRawKeys: true, PostHandshakeAuth: true},
	} {
		cfg.Verifier, cfg.Rand, cfg.ServerName = acceptAll{}, zeros{}, "example.com"
		r, s, err := startClient(cfg)
		if err != nil {
			f.Fatal(err)
		}
		out, err := (&side{r: r, s: s}).step()
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, out[record.HeaderLen+wire.HeaderLen:])
	}
	files, err := filepath.Glob(filepath.Join("testdata", "flows", "server-*.txt"))
	if err != nil || len(files) == 0 {
		f.Fatal("no flows: ", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		play, err := newReplay(string(text))
		if err != nil {
			f.Fatal(err)
		}
		h, _ := record.ParseHeader(play.blocks[0])
		list = append(list, play.blocks[0][record.HeaderLen+wire.HeaderLen:record.HeaderLen+h.Length])
	}
	return list
}

// firstFlights are what our server answers the client, without the encrypted part.
func firstFlights(f testing.TB, client *config, cred *Credential) [][]byte {
	var list [][]byte
	for _, server := range []*config{
		{}, {MaxVersion: iana.TLS12}, {MaxVersion: iana.TLS12, ClientAuth: RequestClientCert, ALPN: []string{"a"}},
		{Groups: []iana.NamedGroup{iana.SecP256r1}}, {CipherSuites: differentialSuites[1:2], ALPN: []string{"a"}},
	} {
		server.Verifier, server.Rand, server.Credentials = acceptAll{}, zeros{}, []*Credential{cred}
		c, s := newPair(f, client, server)
		var err error
		if s.in, err = c.step(); err != nil {
			f.Fatal(err)
		}
		out, err := s.step()
		if err != nil {
			f.Fatal(err)
		}
		var messages []byte
		for len(out) > 0 {
			h, _ := record.ParseHeader(out)
			if h.Type == iana.ContentHandshake {
				messages = append(messages, out[record.HeaderLen:record.HeaderLen+h.Length]...)
			}
			out = out[record.HeaderLen+h.Length:]
		}
		list = append(list, messages)
	}
	return list
}
