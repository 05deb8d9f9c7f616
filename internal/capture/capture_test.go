package capture

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/fipstest"
)

// read reads a capture that has one connection with TLS.
func read(t *testing.T, file []byte, log *KeyLog) (*Result, *Connection) {
	t.Helper()
	r, err := Read(t.Context(), bytes.NewReader(file), log)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Connections) != 1 || r.Cut != "" {
		t.Fatalf("%d connections, cut: %q", len(r.Connections), r.Cut)
	}
	return r, r.Connections[0]
}

func keyLog(t *testing.T, r *recorded) *KeyLog {
	t.Helper()
	log, err := ParseKeyLog(r.log.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// Every form of file and of network that is read has the same connection.
func TestForms(t *testing.T) {
	r := connect(t, nil)
	log := keyLog(t, r)
	v6 := ethernet
	v6.client = netip.MustParseAddrPort("[2001:db8::1]:50000")
	v6.server = netip.MustParseAddrPort("[2001:db8::2]:443")
	on := func(n network, link uint32) network { n.link = link; return n }
	small := ethernet
	small.size = 7
	for _, test := range []struct {
		name string
		n    network
	}{
		{"Ethernet", ethernet}, {"IPv6", v6}, {"small segments", small}, {"raw", on(ethernet, linkRaw)},
		{"raw IPv6", on(v6, linkIPv6)}, {"loopback", on(ethernet, linkNull)},
		{"cooked", on(ethernet, linkSLL)}, {"cooked, second form", on(v6, linkSLL2)},
	} {
		packets := test.n.packets(r)
		for form, file := range map[string][]byte{
			"pcap":               pcap(test.n.link, packets, binary.LittleEndian, false),
			"pcap, big endian":   pcap(test.n.link, packets, binary.BigEndian, true),
			"pcapng":             pcapng(test.n.link, packets, binary.LittleEndian),
			"pcapng, big endian": pcapng(test.n.link, packets, binary.BigEndian),
			"pcapng, two sections": slices.Concat(pcapng(1, nil, binary.BigEndian),
				pcapng(test.n.link, packets, binary.LittleEndian)),
			"pcap with a short packet": pcap(test.n.link, append([][]byte{{1}}, packets...),
				binary.LittleEndian, false),
		} {
			result, c := read(t, file, log)
			if c.Client != test.n.client || c.Server != test.n.server || c.Start.Unix() != 1_700_000_000 ||
				c.ServerHello == nil || !c.Decrypted || c.Incomplete != "" || c.ALPN != "http/1.1" {
				t.Errorf("%s, %s: %+v", test.name, form, c)
			}
			if !IsCapture(file) || len(result.LeftOut) > 1 {
				t.Errorf("%s, %s: left out: %v", test.name, form, result.LeftOut)
			}
		}
	}
}

// What each version of TLS shows, with a key log and without.
func TestVersions(t *testing.T) {
	fipstest.Skip(t, "crypto/tls, which is captured, leaves out suites and groups")
	old := func(client, server *tls.Config) { client.MaxVersion = tls.VersionTLS12 }
	retry := func(client, server *tls.Config) {
		client.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
		server.CurvePreferences = []tls.CurveID{tls.CurveP384}
	}
	cbc := func(client, server *tls.Config) {
		client.MaxVersion = tls.VersionTLS12
		client.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	}
	for _, test := range []struct {
		name     string
		change   func(client, server *tls.Config)
		version  string
		reads    bool // with the key log
		chain    bool // without the key log
		retried  bool
		messages int // with the key log, at least
	}{
		{"1.3", nil, "TLS 1.3", true, false, false, 7},
		{"1.2", old, "TLS 1.2", true, true, false, 8},
		{"retry", retry, "TLS 1.3", true, false, true, 9},
		{"CBC", cbc, "TLS 1.2", false, true, false, 6},
	} {
		r := connect(t, test.change)
		file := pcap(linkEthernet, ethernet.packets(r), binary.LittleEndian, false)
		_, plain := read(t, file, nil)
		if plain.Decrypted || plain.NotDecrypted != "" || (plain.Chain != nil) != test.chain ||
			plain.ServerHello == nil || plain.ServerHello.Version != test.version ||
			plain.Retried != test.retried ||
			plain.ClientHello.ServerName != "a.test" || plain.Incomplete != "" {
			t.Errorf("%s, without keys: %+v", test.name, plain)
		}
		_, c := read(t, file, keyLog(t, r))
		if c.Decrypted != test.reads || len(c.Messages) < test.messages ||
			(c.NotDecrypted == "") != test.reads {
			t.Errorf("%s: %+v", test.name, c)
		}
		if !test.reads {
			continue
		}
		if c.FromClient.Bytes != 7 || c.FromServer.Bytes != 8 || len(c.Certificates) != 1 ||
			c.ALPN != "http/1.1" {
			t.Errorf("%s: %+v", test.name, c)
		}
		if a := c.Alerts; len(a) == 0 || a[len(a)-1].Name != "close_notify" {
			t.Errorf("%s: alerts %+v", test.name, a)
		}
	}
}

// A session that is resumed, and a key log of another connection.
func TestResumption(t *testing.T) {
	cache := tls.NewLRUClientSessionCache(1)
	var client, server *tls.Config
	connect(t, func(c, s *tls.Config) { c.ClientSessionCache, client, server = cache, c, s })
	again := new(recorded)
	client.KeyLogWriter = &again.log
	again.exchange(t, client, server)
	file := pcap(linkEthernet, ethernet.packets(again), binary.LittleEndian, false)
	_, c := read(t, file, keyLog(t, again))
	if !c.ServerHello.Resumed || !c.Decrypted || c.Chain != nil {
		t.Errorf("%+v", c)
	}
	_, c = read(t, file, keyLog(t, connect(t, nil)))
	if c.Decrypted || c.NotDecrypted != "the key log does not have its keys" {
		t.Errorf("with another key log: %+v", c)
	}
}

// Segments that come twice, late, or not at all.
func TestOrder(t *testing.T) {
	r := connect(t, nil)
	log := keyLog(t, r)
	n := ethernet
	n.size = 100
	packets := n.packets(r)
	for i := 2; i+5 < len(packets); i += 4 { // before SYN nothing can be put in order
		packets[i], packets[i+3] = packets[i+3], packets[i]
		packets[i+1] = slices.Clone(packets[i+1])
	}
	packets = slices.Insert(packets, 9, packets[3:9]...)
	_, c := read(t, pcap(linkEthernet, packets, binary.LittleEndian, false), log)
	if !c.Decrypted || c.FromServer.Bytes != 8 || c.Incomplete != "" {
		t.Errorf("in another order: %+v", c)
	}
	missing := slices.Delete(n.packets(r), 12, 13)
	_, c = read(t, pcap(linkEthernet, missing, binary.LittleEndian, false), log)
	if !strings.Contains(c.Incomplete, "packets are missing") {
		t.Errorf("without a packet: %+v", c)
	}
}

// What waits for a missing segment is bounded.
func TestWaitingIsBounded(t *testing.T) {
	for _, size := range []int{1, 1400} {
		s := new(stream)
		s.add(&segment{seq: 0, syn: true}, nil)
		for i := range 2 * maxWaiting / size {
			s.add(&segment{seq: uint32(2 + i*size), payload: make([]byte, size)}, nil)
			if len(s.waiting) > maxPieces || s.size > maxWaiting {
				t.Fatalf("%d pieces, %d bytes", len(s.waiting), s.size)
			}
		}
		if !s.lost || !s.gap() {
			t.Error("the stream is not given up")
		}
	}
}

// STARTTLS: plaintext before the handshake is passed over.
func TestSTARTTLS(t *testing.T) {
	r := connect(t, nil)
	n := ethernet
	n.before = []chunk{
		{false, []byte("220 mail\r\n")}, {true, []byte("EHLO a\r\n")},
		{false, []byte("250 STARTTLS\r\n")}, {true, []byte("STARTTLS\r\n")},
		{false, []byte("220 go\r\n")},
	}
	_, c := read(t, pcap(linkEthernet, n.packets(r), binary.LittleEndian, false), keyLog(t, r))
	if !c.Decrypted || c.FromServer.Bytes != 8 {
		t.Errorf("%+v", c)
	}
}

// A server that refuses, and a connection without TLS.
func TestRefusal(t *testing.T) {
	r := connect(t, func(client, server *tls.Config) {
		server.MaxVersion, client.MinVersion = tls.VersionTLS12, tls.VersionTLS13
	})
	_, c := read(t, pcap(linkEthernet, ethernet.packets(r), binary.LittleEndian, false), nil)
	want := SentAlert{false, true, "protocol_version"}
	if c.ServerHello != nil || len(c.Alerts) != 1 || c.Alerts[0] != want {
		t.Errorf("%+v", c)
	}
	plain := &recorded{chunks: []chunk{
		{true, []byte("GET / HTTP/1.1\r\n\r\n")}, {false, []byte("HTTP/1.1 200\r\n")},
	}}
	file := pcap(linkEthernet, ethernet.packets(plain), binary.LittleEndian, false)
	result, err := Read(t.Context(), bytes.NewReader(file), nil)
	if err != nil || len(result.Connections) != 0 || result.Other != 1 {
		t.Errorf("without TLS: %+v, %v", result, err)
	}
}

// Two connections of one client from one port.
func TestSamePort(t *testing.T) {
	packets := slices.Concat(ethernet.packets(connect(t, nil)), ethernet.packets(connect(t, nil)))
	file := pcap(linkEthernet, packets, binary.LittleEndian, false)
	result, err := Read(t.Context(), bytes.NewReader(file), nil)
	if err != nil || len(result.Connections) != 2 || result.Connections[1].ServerHello == nil {
		t.Errorf("%+v, %v", result, err)
	}
}

// Files that are none, or end early, and a context that is canceled.
func TestBrokenFiles(t *testing.T) {
	good := pcap(linkEthernet, ethernet.packets(connect(t, nil)), binary.LittleEndian, false)
	section := []byte("\n\r\r\n\x1c\x00\x00\x00abcd")
	for _, file := range [][]byte{nil, []byte("GIF89a"), good[:20], section} {
		r, err := Read(t.Context(), bytes.NewReader(file), nil)
		if !errors.Is(err, ErrFormat) && (r == nil || r.Cut == "") {
			t.Errorf("%q: %+v, %v", file, r, err)
		}
	}
	r, err := Read(t.Context(), bytes.NewReader(good[:len(good)-30]), nil)
	if err != nil || r.Cut != "the file ends within a packet" || len(r.Connections) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	huge := slices.Clone(good[:24+16])
	binary.LittleEndian.PutUint32(huge[24+8:], maxFrame+1)
	r, err = Read(t.Context(), bytes.NewReader(huge), nil)
	if err != nil || !strings.Contains(r.Cut, "at most 1048576") {
		t.Errorf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, bytes.NewReader(good), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A capture of OpenSSL that tcpdump wrote, with 0-RTT data.
func TestTcpdump(t *testing.T) {
	file, err := os.ReadFile("testdata/openssl.pcap")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/openssl.keys")
	if err != nil {
		t.Fatal(err)
	}
	log, err := ParseKeyLog(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Read(t.Context(), bytes.NewReader(file), log)
	if err != nil || len(r.Connections) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, version := range []string{"TLS 1.3", "TLS 1.3", "TLS 1.2"} {
		c := r.Connections[i]
		if c.ServerHello.Version != version || !c.Decrypted || c.Incomplete != "" ||
			c.NotDecrypted != "" {
			t.Errorf("%d: %+v", i, c)
		}
	}
	early := r.Connections[1]
	isEnd := func(m Message) bool { return m.Name == "end_of_early_data" }
	if !early.ServerHello.Resumed || early.FromClient.Bytes < 10 ||
		!slices.ContainsFunc(early.Messages, isEnd) {
		t.Errorf("0-RTT: %+v", early)
	}
	if r.Connections[0].Start.Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("start: %v", r.Connections[0].Start)
	}
}

func TestKeyLogErrors(t *testing.T) {
	random := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		"":                                 "no line is a secret",
		"# only a comment\nRSA x y\n":      "no line is a secret",
		"CLIENT_RANDOM " + random:          "line 1: not LABEL RANDOM SECRET",
		"\nCLIENT_RANDOM xx " + random:     "line 2: the random value",
		"CLIENT_RANDOM " + random + " abc": "line 1: the secret",
		"CLIENT_RANDOM " + strings.Repeat("a", 1e5): "a line is too long",
	} {
		_, err := ParseKeyLog([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "abc") {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	r := connect(f, nil)
	log, err := ParseKeyLog(r.log.Bytes())
	if err != nil {
		f.Fatal(err)
	}
	packets := ethernet.packets(r)
	f.Add(pcap(linkEthernet, packets, binary.LittleEndian, false))
	f.Add(pcap(linkEthernet, packets[:5], binary.BigEndian, true))
	f.Add(pcapng(linkEthernet, packets, binary.LittleEndian))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := Read(t.Context(), bytes.NewReader(file), log)
		if (r == nil) != (err != nil) {
			t.Errorf("%v, %v", r, err)
		}
	})
}

func FuzzParseKeyLog(f *testing.F) {
	random, secret := strings.Repeat("ab", 32), strings.Repeat("cd", 48)
	f.Add([]byte("CLIENT_RANDOM " + random + " " + secret + "\n# x\n"))
	f.Fuzz(func(t *testing.T, text []byte) { ParseKeyLog(text) })
}

// Descriptions take more memory than the messages, and are bounded too.
func TestDescriptionsAreBounded(t *testing.T) {
	r := connect(t, func(client, _ *tls.Config) { client.MaxVersion = tls.VersionTLS12 })
	file := pcap(linkEthernet, ethernet.packets(r), binary.BigEndian, false)
	for _, full := range []bool{false, true} {
		source, err := open(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		c := newReader(nil)
		if full {
			c.described = maxDescribed - 300
		}
		for f, err := source.next(); err == nil; f, err = source.next() {
			c.frame(f)
		}
		c.finish()
		got := c.result.Connections[0]
		if full != (got.ClientHello == nil) || full != (len(got.Certificates) == 0) ||
			full != (c.result.LeftOut["messages beyond the bounds of what is described"] == 2) {
			t.Errorf("full: %v: %+v, left out %v", full, got, c.result.LeftOut)
		}
	}
}

// A time that JSON cannot have does not spoil the result.
func TestOddTime(t *testing.T) {
	file := pcapng(linkEthernet, ethernet.packets(connect(t, nil)), binary.LittleEndian)
	resolution := []byte{9, 0, 1, 0, 9}
	if !bytes.Contains(file, resolution) {
		t.Fatal("the file has no resolution of nanoseconds")
	}
	for digits := range byte(9) {
		odd := bytes.Replace(file, resolution, append(resolution[:4:4], digits), 1)
		r, _ := read(t, odd, nil)
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%d digits: %v", digits, err)
		}
	}
}
