package engine

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// acceptKeys is acceptAll for raw keys and delegated credentials too.
type acceptKeys struct{ seen *PeerCertificate }

func (a *acceptKeys) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) {
	a.seen = p
	if p.RawPublicKey != nil {
		return x509.ParsePKIXPublicKey(p.RawPublicKey)
	}
	if p.Delegation != nil {
		var err error
		if p.Delegation.PublicKey, err = x509.ParsePKIXPublicKey(p.Delegation.SPKI); err != nil {
			return nil, err
		}
	}
	return acceptAll{}.VerifyPeer(p)
}

func rawKey(t *testing.T, signer crypto.Signer) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	return spki
}

func TestRawPublicKeys(t *testing.T) {
	both := newCredential(t, nil)
	both.RawPublicKey = rawKey(t, both.Signer)
	rawOnly := &Credential{Signer: both.Signer, RawPublicKey: both.RawPublicKey}
	chainOnly := newCredential(t, nil)
	for _, c := range []struct {
		name            string
		client, server  *Credential
		accept, only    bool // the client's, of raw keys
		sAccept, sOnly  bool // the server's
		cRaw, sRaw, bad bool // shown by client, by server; failure
	}{
		{name: "nobody offers", client: both, server: both},
		{name: "server", client: chainOnly, server: both, accept: true, sRaw: true},
		{name: "server has none", client: chainOnly, server: chainOnly, accept: true},
		{name: "server has none and must", client: chainOnly, server: chainOnly, only: true, bad: true},
		{name: "server has nothing else", client: chainOnly, server: rawOnly, bad: true},
		{name: "both ways", client: both, server: rawOnly, only: true, sOnly: true, cRaw: true, sRaw: true},
		{name: "client", client: rawOnly, server: chainOnly, sAccept: true, cRaw: true},
		{name: "client has nothing else", client: rawOnly, server: chainOnly, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cv, sv := new(acceptKeys), new(acceptKeys)
			client, server := newPair(t,
				&config{Verifier: cv, Credentials: []*Credential{c.client}, AcceptRawKeys: c.accept, OnlyRawKeys: c.only},
				&config{Verifier: sv, Credentials: []*Credential{c.server}, AcceptRawKeys: c.sAccept, OnlyRawKeys: c.sOnly, ClientAuth: RequireClientCert})
			err := pump(client, server)
			if (err != nil) != c.bad {
				t.Fatal(err)
			}
			if c.bad {
				return
			}
			if got := cv.seen.RawPublicKey != nil; got != c.sRaw {
				t.Errorf("the server showed a raw key: %v", got)
			}
			if got := sv.seen.RawPublicKey != nil; got != c.cRaw {
				t.Errorf("the client showed a raw key: %v", got)
			}
			if got := len(client.r.State().OwnChain) == 0; got != c.cRaw {
				t.Errorf("the client says that it showed no chain: %v", got)
			}
			if got := len(server.r.State().OwnChain) == 0; got != c.sRaw {
				t.Errorf("the server says that it showed no chain: %v", got)
			}
			send(t, client, server, "hello")
		})
	}
}

func zlibCompressor() Compressor {
	return Compressor{
		ID: iana.CompressionZlib,
		Compress: func(data []byte) ([]byte, error) {
			var b bytes.Buffer
			w := zlib.NewWriter(&b)
			w.Write(data)
			err := w.Close()
			return b.Bytes(), err
		},
		Decompress: func(data []byte, n int) ([]byte, error) {
			r, err := zlib.NewReader(bytes.NewReader(data))
			if err != nil {
				return nil, err
			}
			out, err := io.ReadAll(io.LimitReader(r, int64(n)+1))
			if len(out) != n {
				return nil, errors.New("wrong length")
			}
			return out, err
		},
	}
}

func TestCertificateCompression(t *testing.T) {
	cred := newCredential(t, nil)
	cred.Chain = append(cred.Chain, bytes.Repeat([]byte{0}, 2000)) // compresses well
	var seen []iana.HandshakeType
	trace := func(tr Trace) {
		if tr.Type == iana.ContentHandshake && !tr.Sent {
			seen = append(seen, iana.HandshakeType(tr.Data[0]))
		}
	}
	algorithm := []Compressor{zlibCompressor()}
	c, s := newPair(t,
		&config{Verifier: acceptAll{}, Credentials: []*Credential{cred}, Compressors: algorithm, Trace: trace},
		&config{Verifier: acceptAll{}, Credentials: []*Credential{cred}, Compressors: algorithm, Trace: trace, ClientAuth: RequireClientCert})
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	send(t, c, s, "hello")
	if n := len(slices.DeleteFunc(seen, func(m iana.HandshakeType) bool { return m != iana.HandshakeCompressedCertificate })); n != 2 {
		t.Errorf("%d compressed certificates were received", n)
	}
	bomb := zlibCompressor()
	bomb.Compress = func([]byte) ([]byte, error) { return zlibCompressor().Compress(make([]byte, 10<<20)) }
	c, s = newPair(t, &config{Verifier: acceptAll{}, Compressors: algorithm}, &config{Credentials: []*Credential{cred}, Compressors: []Compressor{bomb}})
	cred.Chain[1] = make([]byte, 50_000)
	rand.Read(cred.Chain[1])
	var e *Error
	if err := pump(c, s); !errors.As(err, &e) || !strings.Contains(err.Error(), "decompressed") {
		t.Errorf("a bomb: %v", err)
	}
}

func TestDelegatedCredentials(t *testing.T) {
	cred := newCredential(t, nil)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cred.Delegated, err = NewDelegated(rand.Reader, cred, iana.ECDSAWithP256AndSHA256, key, rawKey(t, key), iana.ECDSAWithP384AndSHA384, 1000)
	if err != nil {
		t.Fatal(err)
	}
	v := new(acceptKeys)
	accept := &config{Verifier: v, DelegatedSchemes: []iana.SignatureScheme{iana.ECDSAWithP384AndSHA384}}
	c, s := newPair(t, accept, &config{Credentials: []*Credential{cred}})
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if v.seen.Delegation == nil || v.seen.Delegation.ValidTime != 1000 || c.r.State().PeerScheme != iana.ECDSAWithP384AndSHA384 {
		t.Errorf("the client saw %+v", v.seen.Delegation)
	}
	c, s = newPair(t, &config{Verifier: v}, &config{Credentials: []*Credential{cred}})
	if err := pump(c, s); err != nil || v.seen.Delegation != nil {
		t.Errorf("a client that does not take delegation: %v", err)
	}
	other := *newCredential(t, nil) // the delegation of another certificate
	other.Delegated = cred.Delegated
	c, s = newPair(t, accept, &config{Credentials: []*Credential{&other}})
	var e *Error
	if err := pump(c, s); !errors.As(err, &e) || e.Alert != iana.AlertIllegalParameter {
		t.Errorf("a stolen delegation: %v", err)
	}
}

func TestRecordLimits(t *testing.T) {
	cred := newCredential(t, nil)
	big := bytes.Repeat([]byte("x"), 10_000)
	for _, c := range []struct {
		name           string
		client, server config
		toClient       int // the largest record to the client, in bytes of data
		toServer       int
	}{
		{"none", config{}, config{}, 10_000, 10_000},
		{"client's", config{RecordSizeLimit: 100}, config{}, 100, 10_000},
		{"both", config{RecordSizeLimit: 1000}, config{RecordSizeLimit: 64}, 1000, 64},
		{"server's alone is not asked for", config{}, config{RecordSizeLimit: 64}, 10_000, 10_000},
		{"fragment", config{MaxFragmentLength: 512}, config{}, 512, 512},
		{"both kinds", config{MaxFragmentLength: 512, RecordSizeLimit: 2000}, config{}, 2000, 10_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, padding := range []func(int) int{nil, func(n int) int { return 5000 }} {
				client, server := c.client, c.server
				client.Verifier, client.Padding = acceptAll{}, padding
				server.Credentials, server.Padding = []*Credential{cred}, padding
				cs, ss := newPair(t, &client, &server)
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
					for len(way.to.in) > 0 {
						n, ev, err := way.to.r.Receive(way.to.in)
						if err != nil {
							t.Fatal(err)
						}
						if len(ev.Data) > way.max {
							t.Fatalf("a record of %d bytes", len(ev.Data))
						}
						if n > way.max+5+1+16 && padding != nil && way.max < 10_000 {
							t.Fatalf("a record of %d bytes on the wire", n)
						}
						way.to.in = way.to.in[n:]
					}
				}
			}
		})
	}
	// A peer that does not keep to it.
	cs, ss := newPair(t, &config{Verifier: acceptAll{}, RecordSizeLimit: 64}, &config{Credentials: []*Credential{cred}})
	if err := pump(cs, ss); err != nil {
		t.Fatal(err)
	}
	ss.s.max = 65
	out, err := ss.s.Seal(nil, big[:65])
	if err != nil {
		t.Fatal(err)
	}
	cs.in = out
	var e *Error
	if _, err := cs.step(); !errors.As(err, &e) || e.Alert != iana.AlertRecordOverflow {
		t.Errorf("a record over the limit: %v", err)
	}
}
