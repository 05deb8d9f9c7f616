package sealsock

import (
	"errors"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/panics"
	"github.com/sealsock/sealsock/internal/stream"
)

// verifyConnection calls Config.VerifyConnection with c.
func (a *answers) verifyConnection(c *Conn) error {
	if a.cfg.VerifyConnection == nil {
		return nil
	}
	err := a.cfg.VerifyConnection(c)
	var own *engine.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	refused := &engine.Error{
		Fault: engine.FaultCertificate, Alert: iana.AlertBadCertificate,
		Reason: "VerifyConnection refuses the connection", Err: err,
	}
	var knows interface{ Alert() iana.Alert }
	if errors.As(err, &knows) {
		refused.Alert = knows.Alert()
	}
	return refused
}

// verifyState calls Config.VerifyConnection for a connection without a stream, of which it
// knows the state. A panic in it is an error.
func (a *answers) verifyState(s engine.State) (failed error) {
	if a.cfg.VerifyConnection == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			failed = &engine.Error{
				Fault: engine.FaultLocal, Alert: iana.AlertInternalError,
				Reason: "the callback VerifyConnection panicked", Err: panics.New(v),
			}
		}
	}()
	c := &Conn{view: &view{state: s}, answers: answers{cfg: a.cfg, to: a.to}}
	c.peer.Store(a.peer.Load())
	return a.verifyConnection(c)
}

// A view is what Config.VerifyConnection sees of a connection without a stream. What is not of
// the state is an error, as for the zero Conn.
type view struct {
	*stream.Conn // nil
	state        engine.State
}

var _ transport = (*view)(nil)

// Made reports that there is something to see.
func (v *view) Made() bool { return true }

// State returns the state.
func (v *view) State() engine.State { return v.state }

// HandshakeDone reports whether the peer is proved.
func (v *view) HandshakeDone() bool { return v.state.HandshakeDone }

// Export derives keying material.
func (v *view) Export(label string, context []byte, length int) ([]byte, error) {
	return v.state.Export(label, context, length)
}

// ExportEarly derives keying material for 0-RTT data.
func (v *view) ExportEarly(label string, context []byte, length int) ([]byte, error) {
	return v.state.ExportEarly(label, context, length)
}
