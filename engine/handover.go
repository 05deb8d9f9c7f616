package engine

import (
	"cmp"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
)

// HandoverTokenLen is the length in bytes of the token of a [TakeoverKey].
const HandoverTokenLen = 32

// handoverFormat is the version of an encoded state. A program takes over the states of its
// own format alone.
const handoverFormat = 1

const handoverSaltLen = 32

// A TakeoverKey is what one process needs to take over one connection of another: see
// [HandOver]. It is for one goroutine at a time.
type TakeoverKey struct {
	token hidden
	used  bool
}

// NewTakeoverKey returns a key with a token from random.
func NewTakeoverKey(random io.Reader) (*TakeoverKey, error) {
	token := make([]byte, HandoverTokenLen)
	if err := fill(random, token); err != nil {
		return nil, err
	}
	return &TakeoverKey{token: hide(token)}, nil
}

var errNoTakeover = usage("a TakeoverKey comes from NewTakeoverKey")

// Token returns the token, for the process that hands over. It is a secret: with
// the token and the state, the connection can be decrypted. It is nil for nil and for a zero
// value.
func (k *TakeoverKey) Token() []byte {
	if k == nil {
		return nil
	}
	return append([]byte(nil), k.token.bytes()...)
}

// Format keeps the token out of every print and log, for every verb.
func (TakeoverKey) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// MarshalText keeps the token out of logs in JSON.
func (TakeoverKey) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// GobEncode refuses: a token must not be sent by accident.
func (TakeoverKey) GobEncode() ([]byte, error) { return nil, usage("a TakeoverKey is not encoded") }

// A Handover is a connection between two processes. The one that hands over fills in the
// fields; the one that takes over finds them again. Each may be nil, and all of them
// together, with the state of the halves, must stay under 16 MiB.
type Handover struct {
	Unread   []byte // application data that was decrypted and not read
	Received []byte // bytes from the peer that Receiver.Receive has not consumed
	Unsent   []byte // records that were sealed and not written
	Extra    []byte // what the application needs to know of the connection

	state hidden // of the halves
	head  handoverHead
}

// Client reports whether this side of the connection is the client, after
// [TakeoverKey.Open].
func (h *Handover) Client() bool { return h != nil && h.head.has(flagClient) }

// Format keeps the secrets out of every print and log, for every verb.
func (Handover) Format(f fmt.State, _ rune) { io.WriteString(f, "[a connection handed over]") }

// MarshalText keeps the secrets out of logs in JSON.
func (h Handover) MarshalText() ([]byte, error) { return fmt.Append(nil, h), nil }

// GobEncode refuses: the state of a connection must not be sent by accident.
func (Handover) GobEncode() ([]byte, error) {
	return nil, usage("a Handover is encoded by HandOver alone")
}

// HandOver ends both halves of a connection whose handshake is done, and returns their
// state, with which another process continues: keys, numbers of the next records, what was
// negotiated, what the peer has shown, and the fields of h. The halves must not be in use.
// Everything that Receive returned must have been applied, no question may wait for its
// answer and no late authentication may be under way; otherwise the error is a FaultUsage
// and the halves are as before.
//
// The state is sealed to the process whose TakeoverKey has the token, and bound to binding,
// which both processes derive from what travels beside it: the identity of the socket. After
// success the halves do nothing any more, so that no two processes seal with one key.
func HandOver(r *Receiver, s *Sender, h *Handover, token, binding []byte) ([]byte, error) {
	switch {
	case r == nil:
		return nil, errNoReceiver
	case s == nil || s.sealer == nil && !s.closed:
		return nil, errNoSender
	case len(token) != HandoverTokenLen || unset(token):
		return nil, usage("a token of %d bytes: the process that takes over makes one of %d",
			len(token), HandoverTokenLen)
	case h == nil:
		h = new(Handover)
	}
	if err := cmp.Or(s.movable(), r.movable()); err != nil {
		return nil, err
	}
	plain, err := encodeHandover(r, s, h)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	sealed := make([]byte, 1+handoverSaltLen, 1+handoverSaltLen+len(plain)+32)
	sealed[0] = handoverFormat
	if err := s.cfg.fill(sealed[1:]); err != nil {
		return nil, err
	}
	aead, err := handoverKey(token, sealed[1:])
	if err != nil {
		return nil, err
	}
	extra := bound(sealed, binding)
	sealed = aead.Seal(sealed, make([]byte, suites.IVLen), plain, extra)
	r.state, r.fragment, r.err = nil, nil, errHandedOver
	s.sealer, s.traffic, s.tickets, s.closed = nil, keys.TrafficSecret{}, nil, true
	return sealed, nil
}

var errHandedOver = usage("the connection was handed over to another process")

// movable reports why the sending half cannot be handed over.
func (s *Sender) movable() error {
	if _, ok := s.outside(); ok {
		return usage("a connection whose sending key was released cannot be handed over")
	}
	return nil
}

// movable reports why the receiving half cannot be handed over now.
func (r *Receiver) movable() error {
	switch {
	case errors.Is(r.err, errEnded):
	case r.err != nil:
		return r.err
	case !r.info.HandshakeDone:
		return usage("only a connection whose handshake is done can be handed over")
	}
	open := r.err != nil
	switch s := r.state.(type) {
	case *open12:
		open = true
	case *open13:
		open = !s.late.expected()
	}
	if !open || len(r.queue) > 0 || len(r.out) > 0 {
		return usage("a connection cannot be handed over while a late authentication " +
			"or an event is open")
	}
	return nil
}

// handoverKey returns the cipher for one state. The salt makes the key unique even if a
// token is used for two states by mistake.
func handoverKey(token, salt []byte) (aead interface {
	Seal(dst, nonce, plain, extra []byte) []byte
	Open(dst, nonce, sealed, extra []byte) ([]byte, error)
}, err error) {
	key, err := hkdf.Key(sha256.New, token, salt, "sealsock handover", sha256.Size)
	if err == nil {
		aead, err = suites.TLS13(iana.TLS_CHACHA20_POLY1305_SHA256).Cipher(key)
	}
	if err != nil {
		return nil, local("the state of a connection cannot be sealed", err)
	}
	return aead, nil
}

// bound returns what is authenticated beside a state.
func bound(head, binding []byte) []byte { return slices.Concat(head, binding) }

// Open decrypts a state that was sealed to this key, with the binding of the socket that
// came with it. It uses the key up, whatever the result: a state is never opened twice.
func (k *TakeoverKey) Open(sealed, binding []byte) (*Handover, error) {
	switch {
	case k == nil || k.token == nil:
		return nil, errNoTakeover
	case k.used:
		return nil, usage("this TakeoverKey was used: each connection needs its own")
	}
	token := k.token.bytes()
	k.used, k.token = true, nil
	defer clear(token)
	const head = 1 + handoverSaltLen
	switch {
	case len(sealed) == 0:
		return nil, usage("an empty state")
	case sealed[0] != handoverFormat:
		e := usage("the state of a connection has format %d, and this program takes over "+
			"format %d alone", sealed[0], handoverFormat)
		e.Hint = "hand over between programs with the same version of the format, or close the connection"
		return nil, e
	case len(sealed) < head:
		return nil, errState
	}
	aead, err := handoverKey(token, sealed[1:head])
	if err != nil {
		return nil, err
	}
	extra := bound(sealed[:head], binding)
	plain, err := aead.Open(nil, make([]byte, suites.IVLen), sealed[head:], extra)
	if err != nil {
		return nil, usage("the state is for another process or another socket, or it was damaged")
	}
	return parseHandover(plain)
}

var (
	errState      = usage("a truncated or damaged state of a connection")
	errLaterState = &Error{
		Fault:  FaultUsage,
		Reason: "the state of a connection has what this program does not know: a later one made it",
		Hint:   "hand over to a program that is not older, or close the connection",
	}
)

// TakeOver returns the two halves of the connection, with cfg for what they do from now on.
// It works once. It adds to h.Unsent, which must be written before anything else.
//
// In TLS 1.3 the sending half changes its key first and asks the peer to change its own, so
// that two processes never seal data with one key. A peer with crypto/tls of Go 1.27 that
// has closed its sending side ends the connection at this request, if its close_notify was
// not received before HandOver. In TLS 1.2,
// which has no key updates, and where the peer would refuse another update so soon, it
// continues with the number of the next record.
func (h *Handover) TakeOver(cfg *Config) (*Receiver, *Sender, error) {
	if h == nil || h.state == nil {
		return nil, nil, usage("this Handover has no connection: it comes from TakeoverKey.Open, " +
			"and is taken over once")
	}
	if err := cfg.check(h.Client()); err != nil {
		return nil, nil, err
	}
	state := h.state.bytes()
	h.state = nil
	defer clear(state)
	r, s, err := h.restore(cfg, state)
	if err != nil {
		return nil, nil, err
	}
	if !s.traffic.Valid() || s.updates.pace(updateRate, 1, cfg.Now) != nil {
		return r, s, nil
	}
	h.Unsent, err = s.keyUpdate(h.Unsent, r.err == nil)
	return r, s, err
}
