package engine

// Abort ends the connection with err, for a failure outside of the engine, and
// returns the alert for the peer: the one of an *Error, or of an error with a
// method Alert() iana.Alert, and else internal_error. Receive then returns that
// error. A connection that has ended already stays as it is.
func (r *Receiver) Abort(err error) Outgoing {
	if r.err != nil {
		return Outgoing{}
	}
	r.fail(err)
	o := Outgoing{r.out}
	r.out = nil
	return o
}
