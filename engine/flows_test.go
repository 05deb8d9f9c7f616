package engine

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

var update = flag.Bool("update", false, "record testdata/flows anew, with OpenSSL and GnuTLS")

// A flow is one or more connections with another project's program. It was
// recorded once, and is replayed from testdata/flows/NAME.txt: with the peer's
// bytes, this side must send and do what it did then, byte for byte.
type flow struct {
	name, title string
	// peer is the program: see programs. It gets options in front of args; of
	// a client, which is started for each connection, args[i] are those of the
	// i-th, or of all if there is one.
	peer string
	args []string
	// client: this side is the client. config changes its defaults, for each
	// connection.
	client bool
	config func(c *config, connection int)
	// acts is what this side does: see conversation.do.
	acts []string
}

// The acts that most flows consist of.
var (
	asClient = []string{"handshake", "say there", "hear and back", "close", "end"}
	asServer = []string{"handshake", "hear there", "say and back", "end"}
)

// TestFlows replays every flow, or records it. Go's randomness is one for the
// whole process here, so they run one after the other.
func TestFlows(t *testing.T) {
	var rec *recorder
	if *update {
		rec = newRecorder(t)
	}
	for _, f := range flows() {
		t.Run(f.name, func(t *testing.T) {
			path := filepath.Join("testdata", "flows", f.name+".txt")
			if rec != nil {
				text := converse(t, f, rec.start(t, f))
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(want) > 30<<10 {
				t.Errorf("the recording has %d bytes", len(want))
			}
			play, err := newReplay(string(want))
			if err != nil {
				t.Fatal(err)
			}
			compareTexts(t, converse(t, f, play), string(want))
			if n := len(play.blocks); n > 0 {
				t.Errorf("%d blocks were not read", n)
			}
		})
	}
}

// TestFlowFiles checks that no recording is left over.
func TestFlowFiles(t *testing.T) {
	known := map[string]bool{}
	for _, f := range flows() {
		if known[f.name+".txt"] {
			t.Errorf("two flows have the name %s", f.name)
		}
		known[f.name+".txt"] = true
	}
	files, err := os.ReadDir(filepath.Join("testdata", "flows"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".txt") && !known[file.Name()] {
			t.Errorf("%s belongs to no flow", file.Name())
		}
	}
}

// compareTexts finds the first line that differs.
func compareTexts(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Fatalf("line %d is missing: %s", i+1, w[i])
		case i >= len(w):
			t.Fatalf("line %d is one too many: %s", i+1, g[i])
		case g[i] != w[i]:
			t.Fatalf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
}

// flows lists them all. Both roles, and OpenSSL and GnuTLS, take turns.
func flows() []*flow {
	var list []*flow
	for _, part := range [][]*flow{exchanges(), features(), sessions13(), flows12()} {
		list = append(list, part...)
	}
	return list
}

// exchanges are handshakes with each suite and group.
func exchanges() []*flow {
	var list []*flow
	for _, x := range []struct {
		peer  string
		suite iana.CipherSuite
		group iana.NamedGroup
	}{
		{"openssl+", iana.TLS_AES_128_GCM_SHA256, iana.X25519MLKEM768},
		{"openssl+", iana.TLS_AES_256_GCM_SHA384, iana.SecP256r1MLKEM768},
		{"openssl+", iana.TLS_CHACHA20_POLY1305_SHA256, iana.SecP384r1MLKEM1024},
		{"openssl", iana.TLS_AES_128_GCM_SHA256, iana.X25519},
		{"gnutls", iana.TLS_AES_256_GCM_SHA384, iana.SecP384r1},
		{"openssl", iana.TLS_CHACHA20_POLY1305_SHA256, iana.SecP256r1},
		{"gnutls", iana.TLS_AES_128_GCM_SHA256, iana.SecP521r1},
	} {
		for _, client := range []bool{true, false} {
			list = append(list, &flow{
				name:  fmt.Sprintf("%s-%s-%s", role(client), short(x.suite), strings.ToLower(x.group.String())),
				title: fmt.Sprintf("TLS 1.3 with %v and %v", x.suite, x.group),
				peer:  x.peer, client: client, args: programArgs(x.peer, x.suite, x.group),
				config: func(c *config, _ int) {
					c.CipherSuites, c.Groups = []iana.CipherSuite{x.suite}, []iana.NamedGroup{x.group}
				},
				acts: acts(client),
			})
		}
	}
	return list
}

// features are the ways a handshake of TLS 1.3 can go, and what can follow it.
func features() []*flow {
	compress := func(c *config, _ int) { c.Compressors = []Compressor{zlibCompressor()} }
	ask := func(c *config, _ int) { c.ClientAuth = RequireClientCert }
	// A chain that repeats its certificate shrinks under any version of compress/zlib.
	compressOwn := func(c *config, n int) {
		compress(c, n)
		own := ownP256()
		own.Chain = append(own.Chain, own.Chain[0])
		c.Credentials = []*Credential{own}
	}
	show := func(c *config, _ int) { c.Credentials = []*Credential{ownP256()} }
	retry := func(c *config, _ int) { c.KeyShares = []iana.NamedGroup{iana.X25519} }
	cookie := func(c *config, _ int) { c.HelloRetryCookie = func() []byte { return []byte("a cookie") } }
	alpn := func(c *config, _ int) { c.ALPN = []string{"h2", "http/1.1"} }
	raw := func(c *config, _ int) { c.OnlyRawKeys = true }
	rawOwn := func(c *config, _ int) { c.Credentials = []*Credential{rawP256()} }
	psk := func(c *config, _ int) { c.PSKs, c.Verifier = []*PSK{flowPSK}, nil }
	find := func(c *config, _ int) {
		c.Credentials, c.FindPSK = nil, func(id []byte) (*PSK, error) {
			if bytes.Equal(id, flowPSK.Identity) {
				return flowPSK, nil
			}
			return nil, nil
		}
	}
	limit := func(c *config, _ int) { c.RecordSizeLimit = 600 }
	late := func(c *config, n int) { show(c, n); c.PostHandshakeAuth = true }
	keyArgs := "-psk 00112233445566778899aabbccddeeff -psk_identity device -ciphersuites TLS_AES_128_GCM_SHA256"
	return []*flow{
		{name: "client-retry", title: "HelloRetryRequest, because the server takes P-384 alone", peer: "openssl", client: true,
			args: []string{"-groups P-384"}, config: retry, acts: asClient},
		{name: "server-retry", title: "HelloRetryRequest with a cookie, because the client has no share of P-384", peer: "openssl",
			args: []string{"-groups X25519:P-384"}, config: func(c *config, n int) { cookie(c, n); c.Groups = []iana.NamedGroup{iana.SecP384r1} }, acts: asServer},
		{name: "client-alpn", title: "ALPN: the server prefers http/1.1", peer: "gnutls", client: true,
			args: []string{"--alpn http/1.1"}, config: alpn, acts: asClient},
		{name: "server-alpn", title: "ALPN: the server prefers h2", peer: "openssl", args: []string{"-alpn http/1.1,h2"}, config: alpn, acts: asServer},
		{name: "client-certificate", title: "the server requires a client certificate", peer: "gnutls", client: true,
			args: []string{"--require-client-cert"}, config: show, acts: asClient},
		{name: "server-certificate", title: "the server requires a client certificate", peer: "openssl",
			args: []string{"-cert {dir}/p256.pem -key {dir}/p256.key"}, config: ask, acts: asServer},
		{name: "client-psk", title: "an external pre-shared key with a key exchange", peer: "openssl", client: true,
			args: []string{keyArgs + " -nocert"}, config: psk, acts: asClient},
		{name: "server-psk", title: "an external pre-shared key with a key exchange", peer: "openssl", args: []string{keyArgs}, config: find, acts: asServer},
		{name: "client-update", title: "both sides change their keys, and ask the other to", peer: "openssl", client: true, args: []string{""},
			acts: []string{"handshake", "say there", "hear one", "rekey", "say there again", "tell K", "hear and back", "say the end", "close", "end"}},
		{name: "server-update", title: "both sides change their keys, and ask the other to", peer: "openssl", args: []string{""},
			acts: []string{"handshake", "hear one", "rekey", "say and back", "tell K", "hear there again", "say the end", "end"}},
		{name: "client-late", title: "the server asks for a certificate after the handshake", peer: "openssl", client: true, args: []string{"-verify 1"}, config: late,
			acts: []string{"handshake", "say there", "hear one", "tell c", "hear and back", "say the end", "close", "end"}},
		{name: "server-late", title: "the server asks for a certificate after the handshake", peer: "openssl",
			args: []string{"-enable_pha -cert {dir}/p256.pem -key {dir}/p256.key"}, acts: []string{"handshake", "hear there", "ask", "proved", "say and back", "end"}},
		{name: "client-raw", title: "a raw public key of the server's", peer: "openssl+", client: true, args: []string{"-enable_server_rpk"}, config: raw, acts: asClient},
		{name: "server-raw", title: "a raw public key of the server's", peer: "openssl+", args: []string{"-enable_server_rpk"}, config: rawOwn, acts: asServer},
		{name: "client-compressed", title: "the server's certificate is compressed with zlib", peer: "openssl+", client: true,
			args: []string{"-cert_comp"}, config: compress, acts: asClient},
		{name: "server-compressed", title: "the server's certificate is compressed with zlib", peer: "openssl+", args: []string{""}, config: compressOwn,
			acts: asServer},
		{name: "client-rsa", title: "the server signs with RSA-PSS", peer: "gnutls", client: true, args: []string{"--x509certfile {dir}/rsa.pem --x509keyfile {dir}/rsa.key"}, acts: asClient},
		{name: "client-limit", title: "each side says how large records may be", peer: "gnutls", client: true,
			args: []string{"--recordsize 512"}, config: limit, acts: asClient},
		{name: "server-limit", title: "each side says how large records may be", peer: "gnutls", args: []string{"--recordsize 512"}, config: limit, acts: asServer},
		{name: "client-raw-both", title: "raw public keys of both sides", peer: "openssl+", client: true,
			args: []string{"-enable_server_rpk -enable_client_rpk -Verify 1"}, config: func(c *config, n int) { raw(c, n); rawOwn(c, n) }, acts: asClient},
		{name: "client-no-middlebox", title: "without the disguise for middleboxes", peer: "openssl", client: true,
			args: []string{"-no_middlebox"}, config: func(c *config, _ int) { c.NoCompatibilityMode = true }, acts: asClient},
		{name: "server-ed25519", title: "the server signs with Ed25519", peer: "gnutls", args: []string{""},
			config: func(c *config, _ int) { c.Credentials = []*Credential{ownEd25519()} }, acts: asServer},
	}
}

// sessions13 are connections that resume.
func sessions13() []*flow {
	twice := func(early bool) []string {
		list := []string{"handshake", "say there", "hear one", "session", "close", "end", "again"}
		if early {
			list = append(list, "early bird")
		}
		return append(list, asClient...)
	}
	back := append(append(append([]string{}, asServer...), "again"), asServer...)
	refuse := tickets()
	return []*flow{
		{name: "client-resumption", title: "resumption with a ticket", peer: "gnutls", client: true, args: []string{""}, acts: twice(false)},
		{name: "server-resumption", title: "resumption with a ticket", peer: "openssl",
			args: []string{"-sess_out {dir}/session", "-sess_in {dir}/session"}, config: tickets(), acts: back},
		{name: "client-early", title: "0-RTT data with a ticket", peer: "openssl", client: true, args: []string{"-early_data"},
			config: func(c *config, n int) { c.EarlyData = n > 0 }, acts: twice(true)},
		{name: "server-early", title: "0-RTT data with a ticket", peer: "openssl",
			args: []string{"-sess_out {dir}/session", "-sess_in {dir}/session -early_data {dir}/early"}, config: tickets(), acts: back},
		{name: "server-early-refused", title: "0-RTT data with a ticket, which the server refuses", peer: "openssl",
			args:   []string{"-sess_out {dir}/session", "-sess_in {dir}/session -early_data {dir}/early"},
			config: func(c *config, n int) { refuse(c, n); c.MaxEarlyData = uint32(1000 * (1 - n)) }, acts: back},
	}
}

// tickets lets a server's clients resume, with 0-RTT data. Every replay
// begins with an empty memory.
func tickets() func(*config, int) {
	var m *memory
	return func(c *config, connection int) {
		if connection == 0 {
			m = newMemory()
		}
		c.Tickets, c.AntiReplay, c.MaxEarlyData, c.NumTickets = m, m, 1000, 1
	}
}

func acts(client bool) []string {
	if client {
		return asClient
	}
	return asServer
}

func role(client bool) string {
	if client {
		return "client"
	}
	return "server"
}

// short names a suite for a file.
func short(id iana.CipherSuite) string {
	return map[iana.CipherSuite]string{
		iana.TLS_AES_128_GCM_SHA256: "aes128", iana.TLS_AES_256_GCM_SHA384: "aes256", iana.TLS_CHACHA20_POLY1305_SHA256: "chacha20",
	}[id]
}

// seed makes a flow's randomness its own, so that a new flow changes no other.
func (f *flow) seed() uint64 {
	h := fnv.New64a()
	h.Write([]byte(f.name))
	return h.Sum64()
}
