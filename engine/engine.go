package engine

import (
	"github.com/sealsock/sealsock/internal/record"
)

// MaxRecord is the length in bytes of the longest record on the wire: the header, the data,
// and what encryption adds at most. RFC 9846, Section 5.2.
const MaxRecord = 5 + 1<<14 + 256

// The record layer has the same length.
var _ [0]int = [MaxRecord - (record.HeaderLen + record.MaxCiphertext)]int{}

// Client returns the two halves of a client's connection to a target. The handshake
// begins with the first call of Receive, with no bytes.
func Client(cfg *Config, to Target) (*Receiver, *Sender, error) {
	if err := cfg.check(true); err != nil {
		return nil, nil, err
	}
	room := new(struct { // whose fields are not embedded: the type would have their methods
		start clientStart
		all   clientConfig
	})
	room.all = clientConfig{Config: cfg, Target: to}
	if err := room.all.checkTarget(); err != nil {
		return nil, nil, err
	}
	// RFC 9846, Section 5.1: a first ClientHello may have TLS 1.0 in its
	// record header "for compatibility purposes".
	r, snd := newHalves(cfg, record.PlainTLS10)
	r.client = true
	room.start = clientStart{cfg: &room.all, info: &r.info}
	r.state = &room.start
	return r, snd, nil
}

// Server returns the two halves of a server's connection.
func Server(cfg *Config) (*Receiver, *Sender, error) {
	if err := cfg.check(false); err != nil {
		return nil, nil, err
	}
	r, s := newHalves(cfg, record.PlainTLS12)
	r.state = &awaitClientHello{cfg: cfg, info: &r.info}
	return r, s, nil
}

// newHalves makes both halves of a connection at once.
func newHalves(cfg *Config, plain *record.Plain) (*Receiver, *Sender) {
	room := new(struct {
		receiver Receiver
		sender   Sender
	})
	room.receiver = Receiver{cfg: cfg, opener: plain}
	room.sender = Sender{
		cfg: cfg, sealer: plain, max: record.MaxPlaintext, perKey: cfg.MaxRecordsPerKey,
	}
	return &room.receiver, &room.sender
}
