package engine

import (
	"crypto"
	"hash"

	"github.com/sealsock/sealsock/internal/wire"
)

// A transcript is the running hash of the handshake messages. Until the hash
// is known it keeps the messages themselves. RFC 9846, Section 4.4.1.
type transcript struct {
	hash   hash.Hash
	buffer []byte
	result [48]byte // of sum: SHA-384 is the longest
	known  int      // bytes of result, 0 if a message was added since
}

// add takes a whole message, header included, as it stood on the wire.
func (t *transcript) add(message []byte) {
	t.known = 0
	if t.hash == nil {
		t.buffer = append(t.buffer, message...)
		return
	}
	t.hash.Write(message)
}

// choose fixes the hash and feeds it what was kept.
func (t *transcript) choose(id crypto.Hash) {
	t.hash, t.known = id.New(), 0
	t.hash.Write(t.buffer)
	t.buffer = nil
}

// sum returns the hash of the messages so far, which is valid until the next message. Two values
// depend on that of the server's Finished: the application secrets and the client's Finished.
func (t *transcript) sum() []byte {
	if t.known == 0 {
		t.known = len(t.hash.Sum(t.result[:0]))
	}
	return t.result[:t.known:t.known]
}

// clone returns an independent copy.
func (t *transcript) clone() *transcript {
	c, err := t.hash.(hash.Cloner).Clone()
	if err != nil {
		panic("tls: internal error: the hash of a suite cannot be cloned: " + err.Error())
	}
	return &transcript{hash: c}
}

// retry replaces the first ClientHello by its hash, as HelloRetryRequest asks.
//
//	Transcript-Hash(ClientHello1, HelloRetryRequest, ... Mn) =
//	    Hash(message_hash || 00 00 Hash.length || Hash(ClientHello1) || HelloRetryRequest || ...)
func (t *transcript) retry() {
	first := t.sum()
	t.known = 0
	t.hash.Reset()
	t.hash.Write(wire.MessageHash(first))
}
