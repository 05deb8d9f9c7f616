package engine

import (
	"crypto"
	"errors"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/pubkey"
	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A baseFlow is what both roles carry through a handshake of either version.
type baseFlow struct {
	cfg        *Config
	info       *State
	kinds      certKinds
	random     []byte // the client's
	transcript transcript
}

// An encoder is a message of package wire.
type encoder interface{ AppendTo([]byte) ([]byte, error) }

// The messages that are encoded at once, or of which nothing is kept but what points into the bytes
// that came. Their encoder is an interface, and their parser a function value, so that each would be
// an allocation.
var (
	serverHellos reuse.Pool[serverHelloRoom]
	extensions   reuse.Pool[wire.EncryptedExtensions]
	certificates reuse.Pool[certificateRoom]
	shareRooms   reuse.Pool[suites.ShareRoom] // of a ServerHello, and its secret
)

// A serverHelloRoom has the memory of a ServerHello with a key share.
type serverHelloRoom struct {
	wire.ServerHello
	share wire.KeyShare
}

// encode writes a message. An error names it.
func encode(m encoder) ([]byte, error) {
	raw, err := m.AppendTo(make([]byte, 0, roomFor(m)))
	if err != nil {
		return nil, errWrite(err)
	}
	return raw, nil
}

func errWrite(err error) error { return local("a message cannot be written", err) }

// roomFor is how long a message is in most cases, in bytes, so that it is written without
// being copied.
func roomFor(m encoder) int {
	const small, parameters = 96, 384
	switch m := m.(type) {
	case *wire.ClientHello:
		n := parameters
		for _, s := range m.KeyShares {
			n += len(s.Data)
		}
		if m.PSK != nil {
			for i, key := range m.PSK.Identities {
				n += len(key.Identity) + len(m.PSK.Binders[i]) + 16
			}
		}
		return n
	case *wire.ServerHello:
		if m.KeyShare != nil {
			return small + len(m.KeyShare.Data)
		}
	case *wire.NewSessionTicket:
		return small + len(m.Ticket)
	case *wire.Certificate:
		n := small
		for _, e := range m.Entries {
			n += len(e.Data) + len(e.OCSPResponse)
		}
		return n
	}
	return small
}

// fill fills b from the random source.
func (c *Config) fill(b []byte) error { return fill(c.random(), b) }

func fill(random io.Reader, b []byte) error {
	if random == nil {
		return usage("a random source is missing")
	}
	if _, err := io.ReadFull(random, b); err != nil {
		return local("the random source failed", err)
	}
	return nil
}

// sign continues with a signature over content by the credential, which it makes now, or
// waits for if another machine has the key.
func (f *baseFlow) sign(c *Credential, scheme *suites.Scheme, content []byte, do *effects,
	then func(signature []byte, do *effects) (state, error)) (state, error) {
	if c.Sign != nil {
		return f.awaitSignature(c, scheme, content, then), nil
	}
	sig, err := scheme.Sign(f.cfg.random(), c.Signer, content)
	if err != nil {
		return nil, local("this side's key cannot sign", err)
	}
	return f.signed(scheme, sig, do, then)
}

func (f *baseFlow) awaitSignature(c *Credential, scheme *suites.Scheme, content []byte,
	then func(signature []byte, do *effects) (state, error)) state {
	request := &SignRequest{Scheme: scheme.ID, Message: content}
	return &wait[[]byte]{
		what: "this side's signature",
		q:    request,
		try:  func() ([]byte, error) { return c.Sign(request) },
		then: func(sig []byte, do *effects) (state, error) { return f.signed(scheme, sig, do, then) },
	}
}

func (f *baseFlow) signed(scheme *suites.Scheme, sig []byte, do *effects,
	then func(signature []byte, do *effects) (state, error)) (state, error) {
	if len(sig) == 0 {
		return nil, usage("this side's signature is empty")
	}
	f.info.OwnScheme = scheme.ID
	return then(sig, do)
}

// checkSignature checks a signature of the peer's. offered lists the schemes that
// this side offered. RFC 5246, Section 7.4.3, and RFC 9846, Section 4.4.3: the algorithm
// must be one that was offered and go with the key.
func (f *baseFlow) checkSignature(v iana.Version, id iana.SignatureScheme,
	offered []iana.SignatureScheme, key crypto.PublicKey, content, signature []byte) error {
	scheme := suites.SchemeByID(id)
	switch {
	case !scheme.In(v) || !slices.Contains(offered, id):
		return illegal("the peer signed with %v, which was not offered", id)
	case !scheme.Fits(key, v):
		return illegal("the peer signed with %v, which does not match its %T", id, key)
	}
	if err := scheme.Verify(key, v, content, signature); err != nil {
		return &Error{Fault: FaultPeer, Alert: iana.AlertDecryptError, Reason: "the peer's signature does not verify with the key of its certificate", Err: err}
	}
	f.info.PeerScheme = id
	return nil
}

// verify waits for the Verifier's decision about the peer.
func (f *baseFlow) verify(peer *PeerCertificate, then func(key crypto.PublicKey, do *effects) (state, error)) state {
	return &verifying{f: f, peer: peer, then: then}
}

// verifying waits for the Verifier's decision about the peer.
type verifying struct {
	f    *baseFlow
	peer *PeerCertificate
	then func(key crypto.PublicKey, do *effects) (state, error)
}

func (w *verifying) question() Question { return w.peer }

func (w *verifying) ask(do *effects) (state, error) {
	key, err := w.f.cfg.Verifier.VerifyPeer(w.peer)
	if errors.Is(err, ErrPending) {
		return nil, err
	} else if err != nil {
		return nil, certificateError(err)
	}
	return w.accept(key, do)
}

func (w *verifying) resume(a Answer, do *effects) (state, error) {
	if a.err != nil {
		return nil, certificateError(a.err)
	}
	if err := a.answers("the verification of the peer", w.peer); err != nil {
		return nil, err
	}
	key, _ := a.value.(crypto.PublicKey)
	return w.accept(key, do)
}

// accept continues only with a key that is accepted and that a signature can be
// checked with: that of a resumed peer is not used, but an answer without one does not
// accept the peer. The key is checked here because the next message may be a signature,
// and verifying one with a key of any size would let an unauthenticated peer occupy a
// processor for seconds.
func (w *verifying) accept(key crypto.PublicKey, do *effects) (state, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return w.then(key, do)
}

// checkKey refuses what no signature can be checked with.
func checkKey(key crypto.PublicKey) error {
	if key == nil {
		return &Error{
			Fault: FaultCertificate, Alert: iana.AlertUnsupportedCertificate,
			Reason: "the peer's key has an unknown type, or the Verifier returned no key",
		}
	}
	if err := pubkey.Check(key); err != nil {
		return &Error{
			Fault: FaultCertificate, Alert: iana.AlertUnsupportedCertificate,
			Reason: "the peer's key is not accepted: " + err.Error(),
			Hint:   "the peer needs a certificate with another key: " + pubkey.Good,
		}
	}
	return nil
}

// checkVerifyData compares a Finished with what it must be. One of another length than
// the hash's is not a Finished at all. RFC 9846, Section 6.2: decode_error is for a
// message whose length is incorrect.
func checkVerifyData(m message, want []byte) error {
	data, err := wire.VerifyData(m.body)
	switch {
	case err != nil:
		return err
	case len(data) != len(want):
		return broken(iana.AlertDecodeError, "a Finished message of %d bytes, expected %d",
			len(data), len(want))
	case !keys.Equal(data, want):
		return broken(iana.AlertDecryptError, "Finished does not match the handshake messages")
	}
	return nil
}
