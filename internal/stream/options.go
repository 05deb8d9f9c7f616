package stream

import (
	"context"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// Options are the settings of a Conn.
type Options struct {
	// Owner, if set, answers what the engine asks and is told of what happens. Without
	// one, each question is refused.
	Owner Owner
	// Work, if set, bounds how many of the connections that share it compute for
	// a handshake at once: each holds a place in it while the engine works, and
	// none while it waits for the peer, or for an answer.
	Work chan struct{}
	// Timeout, if positive, bounds the handshake from the first call that runs it, and
	// TimedOut is the error at its end, which is final.
	Timeout  time.Duration
	TimedOut error
	// AllowTruncation makes Read return io.EOF if the connection below ends between two
	// records without close_notify.
	AllowTruncation bool
	// KernelTLS has the kernel seal what is sent from the first SendFile on, if it can.
	KernelTLS bool
	// Checks makes Check be called.
	Checks bool
}

// An Owner is what a Conn belongs to. Only Answer may block.
type Owner interface {
	// Answer is called when a callback of the engine's configuration returned
	// engine.ErrPending. An error refuses.
	Answer(context.Context, engine.Question) (engine.Answer, error)
	// Session is called on a client with each session that the server offers for
	// resumption.
	Session(*engine.Session)
	// EarlyRefused decides on a client what is sent in place of 0-RTT data that the server
	// has refused: the same, something else, or nothing. If it does not decide, the data is
	// sent again for the same application protocol, and else the connection ends.
	EarlyRefused(data []byte, s engine.State) (instead []byte, decided bool)
	// Proved is called when the peer is proved: when the handshake is done, and, on a
	// server, with each late certificate.
	Proved()
	// Check is called, with Options.Checks, when the handshake is done, before any data is
	// exchanged but 0-RTT data. An error ends the connection. It must call no method but
	// State and Export.
	Check() error
	// Failed is called with each final error before a caller receives it.
	Failed(error)
}
