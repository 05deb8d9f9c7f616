package main

import (
	"strings"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/inspect"
)

// traceFunc returns the function for --trace: it shows each handshake message and alert
// as it is sent or received. --quiet does not silence it.
func traceFunc(out *output) func(engine.Trace) {
	return func(t engine.Trace) {
		m := traceNote{Sent: t.Sent, Type: t.Type.String(), Bytes: len(t.Data), Text: strings.TrimRight(inspect.Message(t), "\n")}
		out.write(m, "")
	}
}

// traceNote is one message of a connection.
type traceNote struct {
	Sent  bool   `json:"sent"` // else received
	Type  string `json:"type"`
	Bytes int    `json:"bytes"`
	Text  string `json:"text"`
}

func (traceNote) event() string  { return "message" }
func (t traceNote) text() string { return t.Text }
