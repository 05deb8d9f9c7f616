package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// The escapes: what a user types on a terminal, alone on a line, to control the
// connection. Escapes are not sent.
const (
	escapeRekey     = "~k"
	escapeRekeyBoth = "~K"
	escapeStatus    = "~s"
	escapeReconnect = "~r"
	escapeHelp      = "~?"
	escapeLiteral   = "~~"
)

const escapesHelp = `these lines are not sent:
  ~k  update the sending key
  ~K  update the sending key, and request a key update from the peer
  ~s  show the state of the connection
  ~r  end the connection and connect again, with resumption
  ~?  this help
Ctrl-Z suspends the program, and Ctrl-D ends the input
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
	now  *status // of the connection; nil for none

	again chan struct{} // receives ~r; nil where this side does not connect
}

// A status is what ~s shows: the facts about a connection, and what it has carried.
type status struct {
	facts   *facts
	traffic *traffic
}

func (status) event() string { return "status" }

func (s status) text() string {
	return fmt.Sprintf("%s\n%d bytes received, %d sent, in %v", s.facts.text(),
		s.traffic.received.Load(), s.traffic.sent.Load(),
		time.Since(s.traffic.since).Round(time.Second))
}

// MarshalJSON returns the facts with the counts.
func (s status) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		*facts
		Received int64   `json:"received"`
		Sent     int64   `json:"sent"`
		Seconds  float64 `json:"seconds"`
	}{
		s.facts, s.traffic.received.Load(), s.traffic.sent.Load(),
		time.Since(s.traffic.since).Seconds(),
	})
}

// describe sets what ~s shows.
func (e *escapes) describe(f *facts, t *traffic) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = &status{f, t}
}

func (e *escapes) showStatus() {
	e.mu.Lock()
	now := e.now
	e.mu.Unlock()
	if now == nil {
		e.out.warn("there is no connection")
		return
	}
	e.out.write(*now, "")
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
		e.conn, e.any, e.now = nil, false, nil
	}
}

// line returns what is to be sent of a typed line, and whether anything is to be sent.
func (e *escapes) line(typed string) (send string, ok bool) {
	switch typed {
	case escapeRekey, escapeRekeyBoth:
		// In a goroutine, so that reading continues: the peer may not read.
		go e.rekey(typed == escapeRekeyBoth)
		return "", false
	case escapeStatus:
		e.showStatus()
		return "", false
	case escapeReconnect:
		e.reconnect()
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

// reconnect asks the exchange to end the connection.
func (e *escapes) reconnect() {
	if e.again == nil {
		e.out.warn("the other side has connected: only it can connect again")
		return
	}
	select {
	case e.again <- struct{}{}:
	default: // asked before
	}
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

// unsureText warns that a peer which has received all data has not closed the connection.
const unsureText = "all data was sent, but the other side has not closed the connection: " +
	"a failure to store the data would go unnoticed; --framed tells whether a file is on its disk"

// endedByPeer reports, on a terminal, that the other side has ended in order.
type endedByPeer struct{}

func (endedByPeer) event() string { return "closed" }
func (endedByPeer) text() string  { return "seal: the other side has ended the connection" }
