package natsfleet

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

var (
	errYoung = errors.New("natsfleet: the connection to NATS is too young")
	errClock = errors.New("natsfleet: the clock was set, or differs from that of NATS")
)

// early returns why no 0-RTT data may be accepted now. The caller holds the lock.
func (m *Member) early(now time.Time) error {
	elapsed := now.Sub(m.checked)
	wall := now.Round(0).Sub(m.checked.Round(0))
	switch {
	case !m.state.Shared || m.replay == nil:
		return m.state.Err
	case now.Sub(m.since) < m.window:
		return errYoung
	case m.checked.IsZero() || (wall-elapsed).Abs() > maxDrift:
		return errClock
	}
	return nil
}

// Fresh implements engine.AntiReplay: no two members accept the same attempt. Attempts with
// external pre-shared keys are refused. It waits for NATS for at most a second, and for no more
// than 64 attempts at once.
func (m *Member) Fresh(id []byte, until time.Time) bool {
	if m == nil || m.nc == nil || until.IsZero() {
		return false
	}
	now := time.Now()
	m.mu.Lock()
	err, attempts, renewed, answer := m.early(now), m.replay, m.renewed, m.answer
	m.mu.Unlock()
	if err != nil || until.Sub(now) > remembered-2*maxDrift || !m.nc.IsConnected() {
		return false
	}
	select {
	case m.asking <- struct{}{}:
		defer func() { <-m.asking }()
	default:
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), answer)
	defer cancel()
	_, err = attempts.Create(ctx, m.attempt(id), nil)
	if err != nil && !errors.Is(err, jetstream.ErrKeyExists) && !full(err) {
		m.doubt(err)
	}
	return err == nil && m.reconnections() == renewed
}

// full reports whether a bucket has no space for one more name. That is no reason to doubt NATS:
// clients alone can fill the bucket, and would keep the members from sharing ticket keys.
func full(err error) bool {
	const storeFailed = 10077 // JSStreamStoreFailedF of nats-server, which has texts for the causes
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == storeFailed &&
		api.Description == "maximum bytes exceeded"
}

// attempt returns the name of an attempt, which tells NATS nothing.
func (m *Member) attempt(id []byte) string {
	h := hmac.New(sha256.New, m.replayKey)
	h.Write(id)
	return hex.EncodeToString(h.Sum(nil))
}

// doubt makes the member careful until NATS has answered again.
func (m *Member) doubt(err error) {
	m.fail(err)
	select {
	case m.soon <- struct{}{}:
	default:
	}
}
