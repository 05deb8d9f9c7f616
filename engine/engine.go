package engine

import (
	"github.com/sealsock/sealsock/iana"
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
	all := &clientConfig{Config: cfg, Target: to}
	if err := all.checkTarget(); err != nil {
		return nil, nil, err
	}
	r := newReceiver(cfg)
	r.client = true
	r.state = &clientStart{cfg: all, info: &r.info}
	// RFC 9846, Section 5.1: a first ClientHello may have TLS 1.0 in its
	// record header "for compatibility purposes".
	return r, newSender(cfg, iana.TLS10), nil
}

// Server returns the two halves of a server's connection.
func Server(cfg *Config) (*Receiver, *Sender, error) {
	if err := cfg.check(false); err != nil {
		return nil, nil, err
	}
	r := newReceiver(cfg)
	r.state = &awaitClientHello{cfg: cfg, info: &r.info}
	return r, newSender(cfg, iana.TLS12), nil
}

func newReceiver(cfg *Config) *Receiver {
	return &Receiver{cfg: cfg, opener: &record.Plain{}}
}

func newSender(cfg *Config, version iana.Version) *Sender {
	return &Sender{cfg: cfg, sealer: &record.Plain{Version: version}, max: record.MaxPlaintext, perKey: cfg.MaxRecordsPerKey}
}
