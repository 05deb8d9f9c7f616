package natsfleet

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/fleet"
)

// Options of a [Member]. A field that is zero has its default.
type Options struct {
	// Period is how long one ticket key seals; 12 hours. Lifetime is how long tickets live,
	// as engine.Options.TicketLifetime has it; a day. All members have the same.
	Period, Lifetime time.Duration
	// Replicas is how many NATS servers store the buckets when they are made; 1.
	Replicas int
	// Interval is how often the member looks at the keys and at NATS; 5 seconds.
	Interval time.Duration
	// OnState, if set, is called when the state of the member has changed, but for Early,
	// which begins later, and for Close. It must not block.
	OnState func(State)
}

// A State is whether a member shares with the others.
type State struct {
	// Shared is whether the keys of the fleet seal tickets. Early is whether 0-RTT data
	// may be accepted.
	Shared, Early bool
	// Err is why not.
	Err error
}

// A Member is one server of a fleet. It is a sealsock.TicketKeys and an engine.AntiReplay, and is
// safe for concurrent use.
type Member struct {
	nc   *nats.Conn
	opts Options
	id   [16]byte
	derived
	own    sealsock.RotatingKeys
	window time.Duration // without 0-RTT data after a connection to NATS was made
	answer time.Duration // answering, or longer in tests
	asking chan struct{} // holds a value for each attempt that NATS is asked about
	soon   chan struct{} // asks run to look now
	ended  chan struct{}
	done   chan struct{}
	close  sync.Once

	mu       sync.Mutex
	keys     []key                      // the earliest first
	made     map[key]sealsock.TicketKey // of those of keys that were used
	state    State
	checked  time.Time // when the clock was compared with that of NATS
	ahead    time.Duration
	since    time.Time // when NATS was found to work
	renewed  uint64    // the reconnections until then
	replay   jetstream.KeyValue
	limiters []*limiter
	closed   bool
}

// Format prints [redacted] for every verb, so that no output or log shows the keys.
func (*Member) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// derived is what follows from the secret.
type derived struct {
	name      string // of buckets and subjects
	sealKey   []byte // of lists of keys and of limits
	replayKey []byte // of the names of attempts
}

const (
	// quiet is longer than an attempt can be acceptable at any member: twice the 10 seconds
	// that the engine lets the age of a ticket be off, and twice maxDrift.
	quiet = time.Minute
	// remembered is how long a bucket remembers an attempt.
	remembered = 2 * time.Minute
	// maxDrift is how much the clock of a member may differ from that of NATS.
	maxDrift = 5 * time.Second
	// answering bounds the wait for NATS for one attempt.
	answering = time.Second
	// maxAsking bounds the attempts that NATS is asked about at once.
	maxAsking = 64
	// maxMemory bounds the bucket of attempts, which have about 250 bytes each.
	maxMemory = 256 << 20
)

// Join makes a member. The connection stays the caller's and should reconnect forever
// (nats.MaxReconnects(-1)). A connection that is not there yet is no error: see OnState.
func Join(nc *nats.Conn, secret fleet.Secret, opts Options) (*Member, error) {
	if nc == nil || !secret.Valid() {
		return nil, errNotMade
	}
	opts.Period = positive(opts.Period, 12*time.Hour)
	opts.Lifetime = positive(opts.Lifetime, 24*time.Hour)
	opts.Interval = positive(opts.Interval, 5*time.Second)
	opts.Replicas = max(opts.Replicas, 1)
	if opts.OnState == nil {
		opts.OnState = func(State) {}
	}
	m := &Member{
		nc: nc, opts: opts, window: quiet, answer: answering,
		asking: make(chan struct{}, maxAsking), soon: make(chan struct{}, 1),
		ended: make(chan struct{}), done: make(chan struct{}),
	}
	m.own.Period, m.own.Lifetime = opts.Period, opts.Lifetime
	m.state.Err = errStarting
	rand.Read(m.id[:]) // never fails
	if err := m.derive(secret); err != nil {
		return nil, err
	}
	go m.run()
	return m, nil
}

var (
	errNotMade     = fmt.Errorf("natsfleet: a nil or zero value: use Join: %w", os.ErrInvalid)
	errNoJetStream = errors.New("JetStream does not answer: it is not enabled, or has not started")

	errStarting = errors.New("natsfleet: NATS has not answered yet")
	errClosed   = errors.New("natsfleet: the member was closed")
)

func positive(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

func (m *Member) derive(secret fleet.Secret) (err error) {
	b := secret.Bytes()
	expand := func(label string, n int) (out []byte) {
		if err == nil {
			out, err = hkdf.Key(sha256.New, b[:], nil, "sealsock fleet 1 "+label, n)
		}
		return out
	}
	m.name = "sealsock-fleet-" + hex.EncodeToString(expand("name", 16))
	m.sealKey, m.replayKey = expand("seal", 32), expand("replay", 32)
	return err
}

// State returns the state of the member.
func (m *Member) State() State {
	if m == nil || m.nc == nil {
		return State{Err: errNotMade}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current(time.Now())
}

// current returns the state now: 0-RTT data may have become acceptable. The caller holds the
// lock.
func (m *Member) current(now time.Time) State {
	s := m.state
	s.Early = s.Shared && m.early(now) == nil
	return s
}

// Close ends the use of NATS. The member remains as one that has lost NATS.
func (m *Member) Close() error {
	if m == nil || m.nc == nil {
		return errNotMade
	}
	m.close.Do(func() {
		m.mu.Lock()
		m.closed, m.state = true, State{Err: errClosed}
		m.mu.Unlock()
		close(m.ended)
		<-m.done
	})
	return nil
}

// run looks at NATS in each interval, and when the connection changes.
func (m *Member) run() {
	defer close(m.done)
	changes := m.nc.StatusChanged()
	defer m.nc.RemoveStatusListener(changes)
	tick := time.NewTicker(m.opts.Interval)
	defer tick.Stop()
	flush := time.NewTicker(telling)
	defer flush.Stop()
	watched := changes
	for {
		m.look()
		for again := true; again; {
			select {
			case <-flush.C:
				m.tell()
				continue
			case <-tick.C:
			case <-m.soon:
			case _, ok := <-watched:
				if !ok {
					watched = nil
				}
			case <-m.ended:
				m.stopLimiters()
				return
			}
			again = false
		}
	}
}

// look finds out whether NATS works, and brings the keys up to date.
func (m *Member) look() {
	if !m.nc.IsConnected() {
		m.fail(nats.ErrDisconnected)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(m.opts.Interval, 5*time.Second))
	defer cancel()
	go func() { // a connection that is lost is known at once
		select {
		case <-m.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := m.synchronize(ctx)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) {
		err = errNoJetStream
	}
	if err != nil {
		m.fail(fmt.Errorf("natsfleet: NATS does not store what the fleet shares: %w", err))
	}
}

// synchronize reads and writes each bucket once.
func (m *Member) synchronize(ctx context.Context) error {
	count := m.reconnections()
	js, err := jetstream.New(m.nc)
	if err != nil {
		return err
	}
	shared, err := m.bucket(ctx, js, jetstream.KeyValueConfig{
		Bucket: m.name + "-keys", Description: "ticket keys, encrypted", MaxValueSize: maxList,
	})
	if err != nil {
		return err
	}
	attempts, err := m.bucket(ctx, js, jetstream.KeyValueConfig{
		Bucket: m.name + "-early", Description: "0-RTT attempts", TTL: remembered,
		MaxBytes: maxMemory,
	})
	if err != nil {
		return err
	}
	drift, err := m.drift(ctx, attempts)
	if err != nil {
		return err
	}
	keys, err := m.exchangeKeys(ctx, shared, skew(drift))
	if err != nil {
		return err
	}
	problem := drifted(drift)
	if problem == nil {
		if problem, err = forgetful(ctx, attempts); err != nil {
			return err
		}
	}
	m.succeed(keys, attempts, skew(drift), problem, count)
	return nil
}

// forgetful returns why a bucket may forget attempts too early: another program has made or changed
// it. Clients could make it forget what it has no space for, and repeat that.
func forgetful(ctx context.Context, kv jetstream.KeyValue) (problem, err error) {
	status, err := kv.Status(ctx)
	if err != nil {
		return nil, err
	}
	b, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return nil, nil
	}
	cfg := b.StreamInfo().Config
	switch {
	case cfg.MaxAge != 0 && cfg.MaxAge < remembered:
		problem = fmt.Errorf("natsfleet: the bucket %s forgets attempts after %v and not %v, so that no "+
			"0-RTT data is accepted: delete it", kv.Bucket(), cfg.MaxAge, remembered)
	case cfg.Discard != jetstream.DiscardNew || cfg.Retention != jetstream.LimitsPolicy:
		problem = fmt.Errorf("natsfleet: the bucket %s discards old attempts for new ones, so that no "+
			"0-RTT data is accepted: delete it", kv.Bucket())
	}
	return problem, nil
}

// drifted returns what is wrong with the clock of this member.
func drifted(drift [2]time.Duration) error {
	if drift[0] <= maxDrift && drift[1] >= -maxDrift {
		return nil
	}
	return fmt.Errorf("natsfleet: the clock of this machine differs by %v from that of NATS, so that "+
		"no 0-RTT data is accepted", drift[0].Round(time.Second))
}

// reconnections changes whenever NATS may have been started again.
func (m *Member) reconnections() uint64 { return m.nc.Stats().Reconnects }

// bucket opens a bucket, or makes it.
func (m *Member) bucket(
	ctx context.Context, js jetstream.JetStream, cfg jetstream.KeyValueConfig,
) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, cfg.Bucket)
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return kv, err
	}
	cfg.History, cfg.Storage, cfg.Replicas = 1, jetstream.FileStorage, m.opts.Replicas
	kv, err = js.CreateKeyValue(ctx, cfg)
	if errors.Is(err, jetstream.ErrBucketExists) {
		return js.KeyValue(ctx, cfg.Bucket) // another member was faster
	}
	return kv, err
}

// drift returns how much the clock of this member is ahead of that of NATS, at least and at
// most: NATS tells the time within one call.
func (m *Member) drift(
	ctx context.Context, kv jetstream.KeyValue,
) (drift [2]time.Duration, err error) {
	name := "clock." + hex.EncodeToString(m.id[:])
	before := time.Now()
	if _, err := kv.Put(ctx, name, nil); err != nil {
		return drift, err
	}
	after := time.Now()
	e, err := kv.Get(ctx, name)
	if err != nil {
		return drift, err
	}
	return [2]time.Duration{
		before.Round(0).Sub(e.Created()), after.Round(0).Sub(e.Created()),
	}, nil
}

// skew returns how much the clock of a member is ahead of that of NATS, if it is.
func skew(drift [2]time.Duration) time.Duration {
	return max(drift[0], min(drift[1], 0))
}

// fail makes the member careful.
func (m *Member) fail(err error) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	before := m.state
	m.state = State{Err: err}
	m.mu.Unlock()
	if before.Shared || errors.Is(before.Err, errStarting) {
		m.opts.OnState(State{Err: err})
	}
}

// succeed makes the member share. problem is why it may accept no 0-RTT data, or nil.
func (m *Member) succeed(
	keys []key, attempts jetstream.KeyValue, ahead time.Duration, problem error, count uint64,
) {
	now := time.Now()
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	before := m.state
	m.setKeys(keys)
	m.replay = attempts
	if !before.Shared || count != m.renewed {
		m.since, m.renewed = now, count
	}
	m.checked, m.ahead = now, ahead
	m.state = State{Shared: true, Err: problem}
	if problem != nil {
		m.checked = time.Time{}
	}
	after := m.current(now)
	m.mu.Unlock()
	if !before.Shared || (before.Err == nil) != (after.Err == nil) {
		m.opts.OnState(after)
	}
}
