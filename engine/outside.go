package engine

import (
	"fmt"
	"io"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// A SendingKey is the key of one direction of a connection, for something that seals the records
// in place of this package, such as the kernel: see [Release].
type SendingKey struct {
	Version     iana.Version
	CipherSuite iana.CipherSuite
	Sequence    uint64 // number of the next record

	derive func(use func(key, iv []byte) error) error
}

// Use calls use with the key and with what the suite keeps of the nonce: 12 bytes, and 4 in
// TLS 1.2 with AES. Both are erased when use returns.
func (k SendingKey) Use(use func(key, iv []byte) error) error {
	if k.derive == nil || use == nil {
		return usage("a SendingKey comes from Release or Sender.NextKey, and needs a function")
	}
	return k.derive(use)
}

// Format keeps the key out of every print and log, for every verb.
func (SendingKey) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// MarshalText keeps the key out of logs in JSON.
func (SendingKey) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// GobEncode refuses: a key must not be sent by accident.
func (SendingKey) GobEncode() ([]byte, error) { return nil, usage("a SendingKey is not encoded") }

// Release gives the sending key of a connection to install, which takes it into use for what is
// sent from then on. An error of install is returned, and changes nothing.
//
// Then the methods of s append frames in place of records, which [NextFrame] takes apart. The
// holder of the key makes records of them, in their order: one record of each, but data may be
// divided in other ways. Limits, key updates, tickets and alerts remain with s. Data that the
// holder takes by other ways is counted by Pass and Passed. Such a connection is not handed over.
//
// Release refuses a connection whose records have padding, are small to begin with, or must be
// smaller than 16 KiB for the peer: the holder would not know of it. r is not changed, and may be
// in use.
func Release(r *Receiver, s *Sender, install func(SendingKey) error) error {
	if r == nil {
		return errNoReceiver
	}
	key, limit, err := s.releasable(r)
	if err != nil {
		return err
	}
	if install == nil {
		return usage("Release needs a function that takes the key")
	}
	if err := install(key); err != nil {
		return err
	}
	dropKey(s.sealer)
	s.sealer = &released{Outside: record.NewOutside(key.Sequence, limit)}
	return nil
}

// mayRelease returns why the key cannot be released.
func (s *Sender) mayRelease() error {
	switch {
	case s == nil || s.sealer == nil && !s.closed:
		return errNoSender
	case s.closed:
		return ErrClosed
	case !s.ready:
		return usage("a key is released on an open connection")
	case !s.plain():
		return usage("the records of this connection have padding, or are small at first")
	case s.max < record.MaxPlaintext:
		return usage("the peer takes records of %d bytes at most", s.max)
	}
	return s.wake()
}

// releasable returns the key, and how many records it may protect.
func (s *Sender) releasable(r *Receiver) (key SendingKey, limit uint64, err error) {
	if err := s.mayRelease(); err != nil {
		return key, 0, err
	}
	switch sealer := s.sealer.(type) {
	case *record.Sealer13:
		return releaseKey13(s.suite, s.traffic, sealer.Sequence()), s.suite.RecordLimit, nil
	case *record.Sealer12:
		suite := suites.TLS12(r.info.CipherSuite)
		if suite == nil || r.info.master == nil {
			return key, 0, usage("the key of this connection is not known")
		}
		return releaseKey12(suite, r.info.master, r.client, sealer.Sequence()), suite.RecordLimit, nil
	}
	return key, 0, usage("the key of this connection was released, or is not one of a stream")
}

func releaseKey13(suite *suites.Suite, secret keys.TrafficSecret, seq uint64) SendingKey {
	key := SendingKey{Version: iana.TLS13, CipherSuite: suite.ID, Sequence: seq}
	key.derive = func(use func(key, iv []byte) error) error {
		b := make([]byte, suite.KeyLen)
		defer clear(b)
		iv := secret.Keys(b)
		defer clear(iv[:])
		return use(b, iv[:])
	}
	return key
}

func releaseKey12(
	suite *suites.Suite12, master *keys.Exporter12, client bool, seq uint64,
) SendingKey {
	key := SendingKey{Version: iana.TLS12, CipherSuite: suite.ID, Sequence: seq}
	key.derive = func(use func(key, iv []byte) error) error {
		own, other := master.Keys(suite.KeyLen, suite.IVLen)
		if !client {
			own, other = other, own
		}
		for _, b := range [][]byte{own.Key, own.IV, other.Key, other.IV} {
			defer clear(b)
		}
		return use(own.Key, own.IV)
	}
	return key
}

// NextFrame takes the first frame off what a Sender has appended after Release. A frame of the
// type 0 has no payload: behind it the key of [Sender.NextKey] is in use. ok is false at the end.
func NextFrame(frames []byte) (typ iana.ContentType, payload, rest []byte, ok bool) {
	h, ok := record.ParseHeader(frames)
	if !ok || len(frames) < record.HeaderLen+h.Length {
		return 0, nil, frames, false
	}
	payload, rest = frames[record.HeaderLen:], frames[record.HeaderLen+h.Length:]
	return h.Type, payload[:h.Length:h.Length], rest, true
}

// ShortenFrame takes n bytes, of which there must be more, off the payload of the first frame. It
// writes the header that is left into frames.
func ShortenFrame(frames []byte, n int) []byte {
	typ, payload, _, ok := NextFrame(frames)
	if !ok || n <= 0 || n >= len(payload) {
		return frames
	}
	record.AppendHeader(frames[n:n], typ, iana.TLS12, len(payload)-n)
	return frames[n:]
}

// NextKey returns the key for what follows a frame of the type 0, each once.
func (s *Sender) NextKey() (k SendingKey, ok bool) {
	o, ok := s.outside()
	if !ok || len(o.next) == 0 {
		return SendingKey{}, false
	}
	k, o.next = o.next[0], o.next[1:]
	return k, true
}

// A released stands in place of a key that was released.
type released struct {
	*record.Outside
	next []SendingKey // that follow, and are not in use yet
}

// Format keeps the keys out of every print and log, for every verb.
func (released) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

func (s *Sender) outside() (*released, bool) {
	if s == nil {
		return nil, false
	}
	o, ok := s.sealer.(*released)
	return o, ok
}

// rekey has the holder of the key change it behind what dst has.
func (o *released) rekey(s *Sender, dst []byte, next keys.TrafficSecret) ([]byte, error) {
	o.next = append(o.next, releaseKey13(s.suite, next, 0))
	o.Outside, s.traffic = record.NewOutside(0, s.suite.RecordLimit), next
	return record.PlainTLS12.Seal(dst, record.TypeNewKey, nil, 0)
}

// Pass appends the frames that have to be in front of n bytes of data which the holder of the
// key, after Release, takes from elsewhere, and returns how many of them may follow: fewer if the
// key has to be changed first. The frames must be written before, and Passed must be called
// after.
func (s *Sender) Pass(dst []byte, n int) (out []byte, allowed int, err error) {
	o, ok := s.outside()
	switch {
	case s == nil:
		return dst, 0, errNoSender
	case s.closed:
		return dst, 0, ErrClosed
	case !ok:
		return dst, 0, usage("the key of this connection was not released")
	}
	if dst, err = s.waitingTickets(dst); err != nil {
		return dst, 0, err
	}
	left := o.Left()
	if s.traffic.Valid() {
		if s.spent() {
			if dst, err = s.keyUpdate(dst, false); err != nil {
				return dst, 0, err
			}
		}
		left = s.untilSpent()
	}
	if left == 0 {
		return dst, 0, local("a record cannot be encrypted", record.ErrExhausted)
	}
	// The holder may make more records than the data needs.
	return dst, min(n, int(max(1, min(left/2, passRecords)))*s.max), nil
}

// passRecords is how many records Pass allows at once, at most.
const passRecords = 256

// untilSpent returns how many records the key may protect before it is changed, at least one
// if it is not near its end.
func (s *Sender) untilSpent() uint64 {
	left := s.sealer.Left()
	if s.perKey > 0 {
		left = min(left, reserve+s.perKey-min(s.perKey, s.suite.RecordLimit-left))
	}
	return left - min(left, reserve)
}

// Passed counts n bytes that the holder of the key has taken. next is the number of its next
// record.
func (s *Sender) Passed(n int, next uint64) {
	if o, ok := s.outside(); ok && !s.closed && n >= 0 {
		_ = s.spend(n) // refuses only before the handshake is done
		o.SetSequence(next)
	}
}
