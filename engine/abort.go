package engine

import "github.com/sealsock/sealsock/iana"

// Abort ends the connection with err, for a failure outside of the engine, and
// returns the alert for the peer, see EndWith. Receive then returns that error. A
// connection that has ended already stays as it is.
func (r *Receiver) Abort(err error) Outgoing {
	if r == nil || r.err != nil {
		return Outgoing{}
	}
	r.fail(err)
	return r.reply()
}

// EndWith returns the alert that is sent to a peer for err: the one of an *Error, or of
// an error with a method Alert() iana.Alert, and else internal_error. It is for a
// failure of the sending half; a Receiver makes its own alerts.
func EndWith(err error) Outgoing {
	alert := asError(err).Alert
	if alert == iana.AlertCloseNotify || alert == iana.AlertUserCanceled {
		alert = iana.AlertInternalError // an error is no orderly end
	}
	return Outgoing{[]step{{kind: stepAlert, alert: alert}}}
}
