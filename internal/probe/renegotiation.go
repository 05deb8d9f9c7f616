package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A recording keeps what a client needs to continue a connection of TLS 1.2 outside of the
// engine, which never renegotiates.
type recording struct {
	log        strings.Builder // in the format of a key log
	client     [32]byte
	server     [32]byte
	verifyData []byte // of the client's Finished
	suite      iana.CipherSuite
}

func (c *recording) trace(t engine.Trace) {
	typ, _, ok := wire.ParseHeader(t.Data)
	if t.Type != iana.ContentHandshake || !ok {
		return
	}
	body := t.Data[wire.HeaderLen:]
	switch {
	case typ == iana.HandshakeClientHello && len(body) > 34:
		copy(c.client[:], body[2:])
	case typ == iana.HandshakeServerHello && len(body) > 34:
		copy(c.server[:], body[2:])
	case typ == iana.HandshakeFinished && t.Sent:
		c.verifyData = slices.Clone(body)
	}
}

// sealer returns the client's sealer, past its Finished.
func (c *recording) sealer() (*record.Sealer12, error) {
	suite := suites.TLS12(c.suite)
	fields := strings.Fields(c.log.String())
	if suite == nil || len(fields) < 3 {
		return nil, errors.New("the keys of the connection are not known")
	}
	master, err := hex.DecodeString(fields[2])
	if err != nil {
		return nil, err
	}
	secret := keys.RestoreMaster12(suite.Hash, master)
	ours, _ := secret.Keys(c.client[:], c.server[:], suite.KeyLen, suite.IVLen)
	sealer, err := record.NewSealer12(suite, ours)
	if err != nil {
		return nil, err
	}
	_, err = sealer.Seal(nil, iana.ContentHandshake, nil, 0) // the number of Finished
	return sealer, err
}

// clientRenegotiation notes whether the server lets a client renegotiate: each time it pays
// with a whole handshake. It needs a suite of the engine in TLS 1.2.
func (p *prober) clientRenegotiation(ctx context.Context) {
	if !p.speaks(iana.TLS12) {
		return
	}
	connected := false
	var r reaction
	err := p.insist(ctx, func(ctx context.Context, _ int) (err error) {
		connected = false
		r, err = unlessBroken(func() (reaction, error) { return p.renegotiates(ctx, &connected) })
		return err
	})
	verdict := "refused"
	switch {
	case err == errDropped && connected:
		verdict = "ignored"
		p.dropped(flawRenegotiation)
	case err != nil:
		p.failed(flawRenegotiation, err, flawRenegotiation)
		return
	case r.typ == iana.ContentHandshake:
		verdict = "accepted"
	}
	p.note(func(r *Report) { r.ClientRenegotiation = verdict })
}

// renegotiates returns the reaction to a ClientHello after the handshake, and sets connected when
// that is complete.
func (p *prober) renegotiates(ctx context.Context, connected *bool) (r reaction, err error) {
	c := new(recording)
	cfg := sealsock.Config{MaxVersion: iana.TLS12, KeyLog: &c.log, Trace: c.trace}
	_, err = p.shakeAnd(ctx, cfg, func(raw net.Conn, conn *sealsock.Conn, _ *seen) error {
		*connected = true
		c.suite = conn.State().CipherSuite
		var err error
		r, err = c.renegotiate(raw)
		return err
	})
	return r, err
}

// renegotiate sends a ClientHello under the keys of the connection. RFC 5746, Section 3.5.
func (c *recording) renegotiate(raw net.Conn) (reaction, error) {
	sealer, err := c.sealer()
	if err != nil {
		return reaction{}, err
	}
	h := &wire.ClientHello{
		LegacyVersion: iana.TLS12, CipherSuites: []iana.CipherSuite{c.suite},
		CompressionMethods: []byte{0}, Padding: -1, RenegotiationInfo: c.verifyData,
		SupportedGroups: iana.NamedGroups(), SignatureAlgorithms: iana.SignatureSchemes(),
		ECPointFormats: []byte{0}, ExtendedMasterSecret: true,
	}
	rand.Read(h.Random[:])
	message, err := h.AppendTo(nil)
	if err != nil {
		return reaction{}, err
	}
	sealed, err := sealer.Seal(nil, iana.ContentHandshake, message, 0)
	if err != nil {
		return reaction{}, err
	}
	return react(raw, sealed)
}
