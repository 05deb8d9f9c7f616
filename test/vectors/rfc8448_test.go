package vectors

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// suite is what all the traces use.
var suite = suites.TLS13(iana.TLS_AES_128_GCM_SHA256)

// TestRFC8448 replays each trace: it derives every key of the RFC, decrypts
// every record, computes binders and Finished messages, and encrypts the
// contents again to the same bytes.
func TestRFC8448(t *testing.T) {
	traces := readTraces(t, "testdata/rfc8448.txt")
	if len(traces) != 5 {
		t.Fatalf("%d traces, want 5", len(traces))
	}
	for _, tr := range traces {
		t.Run(tr.title, func(t *testing.T) {
			p := &player{T: t, trace: tr, private: map[string]*ecdh.PrivateKey{}, used: map[string]bool{}}
			p.loadKeys()
			for _, r := range tr.records {
				p.play(r)
			}
			if want := len(tr.records); p.client.records+p.server.records != want {
				t.Errorf("%d records played, want %d", p.client.records+p.server.records, want)
			}
			for _, name := range slices.Sorted(maps.Keys(tr.values)) {
				if !p.used[name] {
					t.Errorf("the trace has a value that nothing was compared with: %s", name)
				}
			}
		})
	}
}

// A player replays one trace with the secrets of both sides.
type player struct {
	*testing.T
	*trace
	used map[string]bool // the values that were compared

	private    map[string]*ecdh.PrivateKey // by side and group
	transcript []byte
	early      keys.EarlySecret
	handshake  keys.HandshakeSecret
	master     keys.MasterSecret
	resumption keys.ResumptionSecret
	appClient  keys.TrafficSecret

	client, server direction
}

// A direction is one side's records.
type direction struct {
	opener  record.Opener
	sealer  record.Sealer
	traffic keys.TrafficSecret // that of its Finished
	records int
}

// play decrypts a record, processes its contents, and encrypts it again.
func (p *player) play(r sent) {
	p.Helper()
	d := &p.client
	if r.from == "server" {
		d = &p.server
	}
	d.records++
	h, ok := record.ParseHeader(r.raw)
	if !ok || h.Length != len(r.raw)-record.HeaderLen {
		p.Fatalf("record %d from %s: header %+v of %d bytes", d.records, r.from, h, len(r.raw))
	}
	opener, sealer := d.opener, d.sealer
	if h.Type != iana.ContentApplicationData {
		plain := &record.Plain{Version: h.Version}
		opener, sealer = plain, plain
	}
	typ, content, err := opener.OpenTo(nil, bytes.Clone(r.raw))
	if err != nil {
		p.Fatalf("record %d from %s: %v", d.records, r.from, err)
	}
	if again, err := sealer.Seal(nil, typ, content, 0); err != nil || !bytes.Equal(again, r.raw) {
		p.Errorf("record %d from %s: sealed again %x, %v\nwant %x", d.records, r.from, again, err, r.raw)
	}
	switch typ {
	case iana.ContentHandshake:
		for len(content) > 0 {
			kind, n, ok := wire.ParseHeader(content)
			if n += wire.HeaderLen; !ok || n > len(content) {
				p.Fatalf("a message that is cut off: %x", content)
			}
			p.message(d, kind, content[:n])
			content = content[n:]
		}
	case iana.ContentAlert:
		if want := []byte{1, 0}; !bytes.Equal(content, want) {
			p.Errorf("alert %x, want close_notify", content)
		}
	}
}

// message applies the effect of a handshake message on the keys.
func (p *player) message(d *direction, kind iana.HandshakeType, msg []byte) {
	p.Helper()
	if kind == iana.HandshakeFinished {
		p.same("verify_data", d.traffic.Finished(nil, p.hash()), msg[wire.HeaderLen:])
	}
	if kind != iana.HandshakeNewSessionTicket {
		p.transcript = append(p.transcript, msg...)
	}
	switch kind {
	case iana.HandshakeClientHello:
		p.clientHello(msg)
	case iana.HandshakeServerHello:
		p.serverHello(msg)
	case iana.HandshakeEndOfEarlyData:
		p.protect(&p.client, p.client.traffic)
	case iana.HandshakeFinished:
		p.finished(d)
	case iana.HandshakeNewSessionTicket:
		ticket, err := wire.ParseNewSessionTicket(msg[wire.HeaderLen:])
		if err != nil {
			p.Fatal(err)
		}
		p.value("psk", p.resumption.PSK(ticket.Nonce))
	}
}

func (p *player) clientHello(msg []byte) {
	hello, err := wire.ParseClientHello(msg[wire.HeaderLen:])
	if err != nil {
		p.Fatal(err)
	}
	for _, share := range hello.KeyShares {
		p.same("the client's key share", p.private["client "+share.Group.String()].PublicKey().Bytes(), share.Data)
	}
	if hello.PSK == nil {
		p.early = keys.NewEarlySecret(suite.Hash, nil)
		return
	}
	p.used["psk"] = true // it comes from the trace before
	p.early = keys.NewEarlySecret(suite.Hash, p.values["psk"])
	truncated := sha256.Sum256(msg[:len(msg)-hello.BindersLen()])
	binder := p.early.Binder(keys.BinderResumption, truncated[:])
	p.value("binder", binder)
	p.same("the binder in the ClientHello", binder, hello.PSK.Binders[0])
	p.value("e exp master", p.early.Exporter(p.hash()).Bytes())
	early := p.early.ClientEarlyTraffic(p.hash())
	p.traffic("c e traffic", early)
	p.protect(&p.client, early)
}

func (p *player) serverHello(msg []byte) {
	hello, err := wire.ParseServerHello(msg[wire.HeaderLen:])
	if err != nil {
		p.Fatal(err)
	}
	if hello.IsHelloRetryRequest() {
		first := sha256.Sum256(p.transcript[:len(p.transcript)-len(msg)])
		p.transcript = append(wire.MessageHash(first[:]), msg...)
		return
	}
	group := hello.KeyShare.Group.String()
	client, server := p.private["client "+group], p.private["server "+group]
	p.same("the server's key share", server.PublicKey().Bytes(), hello.KeyShare.Data)
	shared, err := client.ECDH(server.PublicKey())
	if err != nil {
		p.Fatal(err)
	}
	p.value("shared secret", shared)
	p.handshake = p.early.Handshake(shared)
	c, s := p.handshake.Traffic(p.hash())
	p.traffic("c hs traffic", c)
	p.traffic("s hs traffic", s)
	p.protect(&p.server, s)
	if p.client.opener == nil { // no 0-RTT
		p.protect(&p.client, c)
	}
	p.client.traffic, p.server.traffic = c, s
}

func (p *player) finished(d *direction) {
	if d == &p.client {
		p.resumption = p.handshake.Master().Resumption(p.hash())
		p.sameResumption(p.resumption)
		p.protect(d, p.appClient)
		return
	}
	p.master = p.handshake.Master()
	p.value("exp master", p.master.Exporter(p.hash()).Bytes())
	var s keys.TrafficSecret
	p.appClient, s = p.master.Traffic(p.hash())
	p.traffic("c ap traffic", p.appClient)
	p.traffic("s ap traffic", s)
	p.protect(d, s)
}

// protect changes a direction's keys.
func (p *player) protect(d *direction, secret keys.TrafficSecret) {
	p.Helper()
	opener, err := record.NewOpener13(suite, secret)
	if err != nil {
		p.Fatal(err)
	}
	if d.sealer, err = record.NewSealer13(suite, secret); err != nil {
		p.Fatal(err)
	}
	d.opener = opener
}

// traffic compares a traffic secret, its key and its IV.
func (p *player) traffic(name string, secret keys.TrafficSecret) {
	p.Helper()
	key := make([]byte, suite.KeyLen)
	iv := secret.Keys(key)
	p.value(name, secret.Bytes())
	p.value(name+" key", key)
	p.value(name+" iv", iv[:])
}

// sameResumption compares a resumption secret by the key that it derives,
// because the secret itself is not exported.
func (p *player) sameResumption(got keys.ResumptionSecret) {
	p.Helper()
	info := "\x00\x20\x10tls13 resumption\x02\x00\x07"
	want, err := hkdf.Expand(sha256.New, p.values["res master"], info, 32)
	if err != nil {
		p.Fatal(err)
	}
	p.used["res master"] = true
	p.same("the key of a ticket", got.PSK([]byte{0, 7}), want)
}

// value compares with a value of the trace, if it has one of that name.
func (p *player) value(name string, got []byte) {
	p.Helper()
	if want, ok := p.values[name]; ok {
		p.used[name] = true
		p.same(name, got, want)
	}
}

func (p *player) same(what string, got, want []byte) {
	p.Helper()
	if !bytes.Equal(got, want) {
		p.Errorf("%s: %x, want %x", what, got, want)
	}
}

// hash is the transcript hash so far.
func (p *player) hash() []byte {
	sum := sha256.Sum256(p.transcript)
	return sum[:]
}

// loadKeys reads the private keys of both sides.
func (p *player) loadKeys() {
	for name, curve := range map[string]ecdh.Curve{"x25519": ecdh.X25519(), "secp256r1": ecdh.P256()} {
		for _, side := range []string{"client ", "server "} {
			b, ok := p.values[side+name+" private key"]
			if !ok {
				continue
			}
			key, err := curve.NewPrivateKey(b)
			if err != nil {
				p.Fatal(err)
			}
			p.private[side+name] = key
			p.used[side+name+" private key"] = true
		}
	}
}

// A trace is a section of testdata/rfc8448.txt.
type trace struct {
	title   string
	records []sent
	values  map[string][]byte
}

// sent is a record with its header.
type sent struct {
	from string
	raw  []byte
}

func readTraces(t *testing.T, path string) []*trace {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []*trace
	var name string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "":
		case strings.HasPrefix(line, "# "):
			list = append(list, &trace{title: line[2:], values: map[string][]byte{}})
		case strings.HasPrefix(line, " "):
			b, err := hex.DecodeString(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			list[len(list)-1].add(name, b)
		default:
			name = line
			if from, ok := strings.CutPrefix(name, "record from "); ok {
				last := list[len(list)-1]
				last.records = append(last.records, sent{from: from})
			}
		}
	}
	return list
}

// add appends bytes to the value or record that is being read.
func (tr *trace) add(name string, b []byte) {
	if strings.HasPrefix(name, "record from ") {
		last := &tr.records[len(tr.records)-1]
		last.raw = append(last.raw, b...)
		return
	}
	tr.values[name] = append(tr.values[name], b...)
}
