package engine

import (
	"crypto"
	"hash"

	"github.com/sealsock/sealsock/internal/wire"
)

// A transcript is the running hash of the handshake messages. Until the hash
// is known it keeps the messages themselves. RFC 9846, Section 4.4.1.
type transcript struct {
	id     crypto.Hash
	hash   hash.Hash
	buffer []byte
	result [48]byte // of sum: SHA-384 is the longest
}

// add takes a whole message, header included, as it stood on the wire.
func (t *transcript) add(message []byte) {
	if t.hash == nil {
		t.buffer = append(t.buffer, message...)
		return
	}
	t.hash.Write(message)
}

// choose fixes the hash and feeds it what was kept.
func (t *transcript) choose(id crypto.Hash) {
	t.id, t.hash = id, id.New()
	t.hash.Write(t.buffer)
	t.buffer = nil
}

// sum returns the hash of the messages so far, which is valid until the next call.
func (t *transcript) sum() []byte { return t.hash.Sum(t.result[:0]) }

// clone returns an independent copy.
func (t *transcript) clone() *transcript {
	c, err := t.hash.(hash.Cloner).Clone()
	if err != nil {
		panic("tls: internal error: the hash of a suite cannot be cloned: " + err.Error())
	}
	return &transcript{id: t.id, hash: c}
}

// retry replaces the first ClientHello by its hash, as HelloRetryRequest asks.
//
//	Transcript-Hash(ClientHello1, HelloRetryRequest, ... Mn) =
//	    Hash(message_hash || 00 00 Hash.length || Hash(ClientHello1) || HelloRetryRequest || ...)
func (t *transcript) retry() {
	first := t.sum()
	t.hash.Reset()
	t.hash.Write(wire.MessageHash(first))
}
