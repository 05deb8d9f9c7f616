package engine

import "errors"

// What the receiving half does with the effects of its states.

// advance applies the effects of a state that succeeded and takes the next
// state; then it asks the questions of that state that have an answer now.
func (r *Receiver) advance(next state, do *effects, err error) error {
	for err == nil {
		r.ccsAllowed = true
		if len(r.fragment) > 0 && (do.turn || len(do.keys) > 0) {
			// RFC 9846, Section 5.1: "Handshake messages MUST NOT span key changes."
			err = unconsumed()
			break
		}
		r.out = do.out
		r.enqueue(do)
		if do.skip > 0 {
			r.skip = do.skip
		}
		if do.cfg != nil {
			r.cfg = do.cfg
		}
		if do.maxInner > 0 {
			r.maxInner = int32(do.maxInner)
			r.limitOpener()
		}
		r.changeKeys(do)
		r.state = next
		w, ok := next.(waiter)
		if !ok {
			return nil
		}
		do.reset(r.out)
		next, err = w.ask(do)
		if errors.Is(err, ErrPending) {
			return nil
		}
	}
	do.undo(r.out)
	return err
}

// enqueue takes the events of do.
func (r *Receiver) enqueue(do *effects) {
	switch {
	case len(do.events) == 0:
	case r.queue == nil:
		r.queue, do.events = do.events, nil
	default:
		r.queue = append(r.queue, do.events...)
	}
}

// changeKeys applies the changes of the receiving key.
func (r *Receiver) changeKeys(do *effects) {
	if d, ok := r.opener.(keySet); ok {
		d.add(do.keys, r)
		return
	}
	for _, k := range do.keys {
		if r.phase == phasePlain {
			r.skip = do.skip // what was passed over in the clear has ended
		}
		dropKey(r.opener)
		r.opener, r.phase, r.early = k.opener, k.phase, int32(k.limit)
		r.limitOpener()
		if k.phase == phaseApplication {
			r.scratch = nil
		}
	}
}

// dropKey erases a key of TLS 1.3 that another one replaces.
func dropKey(key any) {
	if k, ok := key.(interface{ Drop() }); ok {
		k.Drop()
	}
}

// A keySet stands in place of the one receiving key of a stream where there are several.
type keySet interface {
	// add takes keys into use. The Receiver follows the newest.
	add(keys []readKey, r *Receiver)
}

// effects returns what a state fills. It is kept during the handshake, which has many
// states, and not by an open connection.
func (r *Receiver) effects() *effects {
	switch {
	case r.phase == phaseApplication:
		return new(effects).reset(r.out)
	case r.scratch == nil:
		r.scratch = newEffects()
		r.out = append(r.scratch.out, r.out...)
	}
	return r.scratch.reset(r.out)
}

// reply returns what is to be sent. During the handshake what comes next goes into the
// memory behind it, which the caller does not change: see Outgoing.Add.
func (r *Receiver) reply() Outgoing {
	n := len(r.out)
	o := Outgoing{r.out}
	if r.out = r.out[n:]; cap(r.out) == 0 || r.phase == phaseApplication {
		r.out = nil
	}
	if n == 0 {
		return Outgoing{}
	}
	return o
}
