package capture

import (
	"bytes"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A stage is which keys of TLS 1.3 a side sends with.
type stage uint8

const (
	stagePlain stage = iota // or TLS 1.2
	stageEarly
	stageHandshake
	stageData
)

// A decryption has the secrets of a connection.
type decryption struct {
	suite   *suites.Suite
	secrets map[string][]byte
	// current is the traffic secret of each side, the client's first.
	current [2]keys.TrafficSecret
	openers [2]record.Opener // of TLS 1.2, from change_cipher_spec on
}

// secrets returns what the key log has about the connection, or nil.
func (t *tracker) secrets() map[string][]byte {
	if t.reader.keys == nil {
		return nil
	}
	return t.reader.keys.secrets[t.random]
}

// waits reports whether an encrypted record of a client has to wait for the ServerHello,
// which tells the cipher suite: 0-RTT data.
func (t *tracker) waits(d *side, typ iana.ContentType) bool {
	return d.client && typ == iana.ContentApplicationData && t.c.ServerHello == nil &&
		t.secrets() != nil && len(d.pending) <= maxPending
}

// start13 prepares decryption after a ServerHello, of either version.
func (t *tracker) start13(h *wire.ServerHello) {
	secrets := t.secrets()
	v := versionOf(h)
	if v >= iana.TLS13 {
		for i := range t.sides {
			t.sides[i].stage = stageHandshake
		}
	}
	if secrets == nil {
		return
	}
	t.crypt = &decryption{secrets: secrets, suite: suites.TLS13(h.CipherSuite)}
	switch {
	case v == iana.TLS13 && t.crypt.suite != nil:
		for i := range t.sides {
			if d := &t.sides[i]; d.client && secrets[labelEarly] != nil && t.hello.EarlyData {
				d.stage = stageEarly
			}
			t.use(&t.sides[i])
		}
	case v == iana.TLS12:
		t.start12(h, secrets[labelMaster])
	default:
		t.notDecrypted(h.CipherSuite.String() + " of " + v.String() + " is not implemented")
	}
}

// start12 derives the keys of TLS 1.2.
func (t *tracker) start12(h *wire.ServerHello, master []byte) {
	suite := suites.TLS12(h.CipherSuite)
	if suite == nil {
		t.notDecrypted(h.CipherSuite.String() + " is not implemented")
		return
	}
	if len(master) != 48 {
		return
	}
	secret := keys.RestoreMaster12(suite.Hash, master)
	client, server := secret.Keys(t.random[:], h.Random[:], suite.KeyLen, suite.IVLen)
	for i, k := range []keys.Keys12{client, server} {
		if o, err := record.NewOpener12(suite, k); err == nil {
			t.crypt.openers[i] = o
		}
	}
}

func (t *tracker) notDecrypted(why string) {
	t.crypt = nil
	if t.c.NotDecrypted == "" {
		t.c.NotDecrypted = why
	}
}

// index is the place of a side: the client's is 0.
func (d *side) index() int {
	if d.client {
		return 0
	}
	return 1
}

// afterChange takes the keys of TLS 1.2 into use.
func (t *tracker) afterChange(d *side) {
	if d.stage == stagePlain && t.crypt != nil {
		d.opener = t.crypt.openers[d.index()]
	}
}

// use takes the keys of a side's stage into use.
func (t *tracker) use(d *side) {
	d.opener = nil
	if t.crypt == nil || t.crypt.suite == nil {
		return
	}
	labels := map[stage][2]string{
		stageEarly:     {labelEarly, labelEarly},
		stageHandshake: {labelClientHandshake, labelServerHandshake},
		stageData:      {labelClientTraffic, labelServerTraffic},
	}
	i := d.index()
	secret := t.crypt.secrets[labels[d.stage][i]]
	if len(secret) != t.crypt.suite.Hash.Size() {
		return
	}
	t.crypt.current[i] = keys.RestoreTraffic(t.crypt.suite.Hash, secret)
	d.opener = t.opener(t.crypt.current[i])
}

func (t *tracker) opener(secret keys.TrafficSecret) record.Opener {
	o, err := record.NewOpener13(t.crypt.suite, secret)
	if err != nil {
		return nil
	}
	return o
}

// changeKeys follows a message after which a side sends with other keys.
func (t *tracker) changeKeys(d *side, typ iana.HandshakeType) {
	switch {
	case typ == iana.HandshakeEndOfEarlyData && d.stage == stageEarly:
		d.stage = stageHandshake
		t.use(d)
	case typ == iana.HandshakeFinished && d.stage == stageHandshake:
		d.stage = stageData
		t.use(d)
	case typ == iana.HandshakeKeyUpdate && d.stage == stageData && t.crypt != nil:
		if secret := t.crypt.current[d.index()]; secret.Valid() {
			t.crypt.current[d.index()] = secret.Next()
			d.opener = t.opener(t.crypt.current[d.index()])
		}
	}
}

// decrypt decrypts a record. Early data that the server refused is followed by handshake
// keys without EndOfEarlyData.
func (t *tracker) decrypt(d *side, whole []byte) (iana.ContentType, []byte, bool) {
	if d.opener == nil {
		return 0, nil, false
	}
	typ, plain, err := d.opener.OpenTo(nil, bytes.Clone(whole))
	if err != nil && d.stage == stageEarly {
		d.stage = stageHandshake
		if t.use(d); d.opener != nil {
			typ, plain, err = d.opener.OpenTo(nil, bytes.Clone(whole))
		}
	}
	if err != nil {
		d.opener = nil
		t.c.NotDecrypted = "a record does not decrypt: the key log does not fit, or packets are missing"
		return 0, nil, false
	}
	t.c.Decrypted = true
	return typ, plain, true
}
