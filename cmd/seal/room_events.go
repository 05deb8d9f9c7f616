package main

import (
	"errors"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/talk"
	"github.com/sealsock/sealsock/trust"
)

// talkEvent reports what happens in a room other than texts.
type talkEvent struct {
	What  string `json:"what"` // such as "joined"
	Name  string `json:"name,omitempty"`
	Key   string `json:"key,omitempty"`   // its pin
	Words string `json:"words,omitempty"` // to compare
	New   bool   `json:"new,omitempty"`   // the key was not known
	// Verified is set for a key whose words the user has compared, now or earlier.
	Verified bool   `json:"verified,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func (talkEvent) event() string { return "talk" }

// talkTexts has the texts for the values of What, after the name if there is one.
var talkTexts = map[string]string{
	"entered":      "is your name in the room",
	"joined":       "has joined",
	"away":         "cannot be reached now; lines to it wait",
	"back":         "can be reached again",
	"left":         "has left",
	"refused":      "another member was refused",
	"disconnected": "the connection to the relay has ended, and is tried again",
	"connected":    "connected to the relay",
	"suspect":      "something was received that no member sent, and dropped",
	"irregular":    "is reached by a relay that is not reliable; its lines arrive once and in order",
	"crowded":      "another member was left out, because there are too many",
}

func (e talkEvent) text() string {
	text := talkTexts[e.What]
	if e.Name != "" {
		text = e.Name + " " + text
	}
	switch {
	case e.Verified:
		text += "; its key is verified"
	case e.Words != "":
		text += "; words: " + e.Words
		if e.New {
			text += " (a new key)"
		}
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.What == "refused" || e.What == "suspect" {
		text = "warning: " + text
	}
	return printable.Line("seal: " + text)
}

var talkWhat = map[talk.EventKind]string{
	talk.Joined: "joined", talk.Away: "away", talk.Back: "back", talk.Left: "left",
	talk.Refused: "refused", talk.Lost: "disconnected", talk.Connected: "connected",
	talk.Suspect: "suspect", talk.Irregular: "irregular", talk.Crowded: "crowded",
}

// talkEventOf returns what is reported of an event.
func talkEventOf(e *talk.Event) talkEvent {
	n := talkEvent{What: talkWhat[e.Kind], Name: e.Member.Name}
	if e.Kind == talk.Joined {
		n.Key, n.Words, n.New = e.Member.Key, e.Member.Words, e.Member.FirstUse
		n.Verified = e.Member.Verified
	}
	if e.Err != nil {
		n.Reason = explain(e.Err).text
	}
	var changed *trust.Error
	if errors.As(e.Err, &changed) {
		n.Reason = reason(e.Err)
	}
	return n
}
