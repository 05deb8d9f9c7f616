package main

import (
	"context"
	"strings"
	"sync"
	"time"
)

// The escapes: what a user types on a terminal, alone on a line, to control the
// connection. Escapes are not sent.
const (
	escapeRekey     = "~k"
	escapeRekeyBoth = "~K"
	escapeHelp      = "~?"
	escapeLiteral   = "~~"
)

const escapesHelp = `these lines are not sent:
  ~k  update the sending key
  ~K  update the sending key, and request a key update from the peer
  ~?  this help
a line that begins with ~~ is sent without the first ~; other lines are sent unchanged`

// rekeyTime bounds how long a key update may wait for the peer to read.
const rekeyTime = 10 * time.Second

// A rekeyer is a connection whose keys can be changed.
type rekeyer interface {
	Rekey(ctx context.Context, both bool) error
}

// escapes executes the escapes that a user types.
type escapes struct {
	out *output

	mu   sync.Mutex
	conn rekeyer // nil while there is none that can
	any  bool    // there is a connection
}

// attach makes conn the connection that the escapes are for, until detach.
func (e *escapes) attach(conn tlsConn) (detach func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conn, _ = conn.(rekeyer)
	e.any = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.conn, e.any = nil, false
	}
}

// line returns what is to be sent of a typed line, and whether anything is to be sent.
func (e *escapes) line(typed string) (send string, ok bool) {
	switch typed {
	case escapeRekey, escapeRekeyBoth:
		// In a goroutine, so that reading continues: the peer may not read.
		go e.rekey(typed == escapeRekeyBoth)
		return "", false
	case escapeHelp:
		e.out.write(escapesNote{}, "")
		return "", false
	}
	if rest, literal := strings.CutPrefix(typed, escapeLiteral); literal {
		return "~" + rest, true
	}
	return typed, true
}

func (e *escapes) rekey(both bool) {
	e.mu.Lock()
	conn, there := e.conn, e.any
	e.mu.Unlock()
	switch {
	case !there:
		e.out.warn("the keys cannot be updated: there is no connection")
		return
	case conn == nil:
		e.out.warn("the keys cannot be updated: this connection is not TLS 1.3")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), rekeyTime)
	defer cancel()
	if err := conn.Rekey(ctx, both); err != nil {
		e.out.warn("the keys cannot be updated: %s", explain(err).text)
		return
	}
	e.out.print(rekeyed{both})
}

// escapesNote is the answer to ~?.
type escapesNote struct{}

func (escapesNote) event() string { return "help" }
func (escapesNote) text() string  { return escapesHelp }

// rekeyed reports that the keys were changed.
type rekeyed struct {
	Both bool `json:"both"` // the peer was asked for a new key too
}

func (rekeyed) event() string { return "rekeyed" }

func (r rekeyed) text() string {
	if r.Both {
		return "seal: updated the sending key, and requested a key update from the peer"
	}
	return "seal: updated the sending key"
}
