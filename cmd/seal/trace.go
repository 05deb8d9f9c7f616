package main

import (
	"strings"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/inspect"
)

// tracing returns the function for --trace: it shows each handshake message and alert
// as it is sent or received. --quiet does not silence it.
func tracing(talk *talker) func(engine.Trace) {
	return func(t engine.Trace) {
		m := traced{Sent: t.Sent, Type: t.Type.String(), Bytes: len(t.Data), Text: strings.TrimRight(inspect.Message(t), "\n")}
		talk.say(m, "")
	}
}

// traced is one message of a connection.
type traced struct {
	Sent  bool   `json:"sent"` // else received
	Type  string `json:"type"`
	Bytes int    `json:"bytes"`
	Text  string `json:"text"`
}

func (traced) event() string  { return "message" }
func (t traced) text() string { return t.Text }
