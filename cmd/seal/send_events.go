package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/transfer"
)

// transferEvent reports what happens in a transfer.
type transferEvent struct {
	What     string   `json:"what"`               // such as "offered"
	Receiver int      `json:"receiver,omitempty"` // of several, at the sender
	Name     string   `json:"name,omitempty"`     // of a file
	Names    []string `json:"names,omitempty"`
	Folders  []string `json:"folders,omitempty"` // of names: those that are there already
	Route    string   `json:"route,omitempty"`   // "relay" or "direct"
	Files    int      `json:"files,omitempty"`
	Bytes    int64    `json:"bytes,omitempty"`
	Present  int64    `json:"present,omitempty"` // bytes of an earlier attempt
	Done     int64    `json:"done,omitempty"`    // bytes
	Total    int64    `json:"total,omitempty"`
	Command  string   `json:"command,omitempty"` // for the receiver
	Reason   string   `json:"reason,omitempty"`
}

func (transferEvent) event() string { return "transfer" }

// transferTexts has the texts for the values of What.
var transferTexts = map[string]string{
	"skipped":      "is neither a file nor a folder, and is not sent",
	"connected":    "connected to the relay",
	"disconnected": "the connection to the relay has ended, and is tried again",
	"met":          "the other side has proved the code",
	"away":         "the other side cannot be reached now",
	"back":         "the other side can be reached again",
	"fallback":     "the direct connection has ended; the relay carries the rest",
	"finished":     "the receiver has everything",
	"failed":       "the transfer has failed; the receiver can try again with the same code",
	"waiting":      "no sender has answered yet: is seal send running, with the same relay?",
	"guessed":      "warning: a wrong code was tried",
	"suspect":      "warning: something was received that the other side did not send, and dropped",
}

func (e transferEvent) text() string {
	var text string
	switch e.What {
	case "offered":
		text = fmt.Sprintf("%s; the receiver runs: %s", e.amount(), e.Command)
	case "offer":
		text = fmt.Sprintf("%s: %s", e.amount(), listed(e.Names))
		if len(e.Folders) > 0 {
			text += "; files are added to what is in " + listed(e.Folders)
		}
		if e.Present > 0 {
			text += fmt.Sprintf("; %s of it are here", byteText(float64(e.Present)))
		}
	case "started":
		text = "the files pass through the relay"
		if e.Route == transfer.RouteDirect {
			text = "the files take a direct connection"
		}
	case "received":
		text = e.amount() + " received, and compared with the sender's checksums"
	case "progress":
		text = fmt.Sprintf("%d of %d bytes", e.Done, e.Total)
	default:
		text = strings.TrimSpace(e.Name + " " + transferTexts[e.What])
	}
	if e.Receiver > 0 {
		text = fmt.Sprintf("receiver %d: %s", e.Receiver, text)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return oneLine("seal: " + text)
}

// amount is such as "3 files, 12.5 MiB".
func (e transferEvent) amount() string {
	files := "files"
	if e.Files == 1 {
		files = "file"
	}
	return fmt.Sprintf("%d %s, %s", e.Files, files, byteText(float64(e.Bytes)))
}

var transferWhat = map[transfer.EventKind]string{
	transfer.Connected: "connected", transfer.Lost: "disconnected", transfer.Met: "met",
	transfer.Started: "started", transfer.Away: "away", transfer.Back: "back",
	transfer.Fallback: "fallback", transfer.Finished: "finished", transfer.Failed: "failed",
	transfer.Guessed: "guessed", transfer.Suspect: "suspect", transfer.FileDone: "file",
	transfer.Waiting: "waiting",
}

// progressEvent is how often --json shows the progress.
const progressEvent = time.Second

// A shownTransfer shows what happens in a transfer, and its progress.
type shownTransfer struct {
	out     *output
	what    string // "sending" or "receiving"
	several bool

	mu     sync.Mutex
	meters map[int]*transferMeter // by receiver
	closed bool
}

// A transferMeter is the progress to one receiver.
type transferMeter struct {
	since time.Time
	first int64 // bytes that were there at the start
	drawn time.Time
}

func newShownTransfer(out *output, what string, receivers int) *shownTransfer {
	return &shownTransfer{out: out, what: what, several: receivers > 1,
		meters: make(map[int]*transferMeter)}
}

// notify prints an event.
func (s *shownTransfer) notify(e transfer.Event) {
	what := transferWhat[e.Kind]
	if what == "file" && !s.out.json || what == "" {
		return // the list of all files would be long
	}
	n := transferEvent{What: what, Name: e.Name, Route: e.Route}
	if s.several {
		n.Receiver = e.Receiver
	}
	if e.Err != nil {
		n.Reason = explain(e.Err).text
	}
	if e.Kind == transfer.Started {
		s.mu.Lock()
		delete(s.meters, e.Receiver)
		s.mu.Unlock()
	}
	s.out.print(n)
}

// progress shows how much of a transfer is done, from time to time.
func (s *shownTransfer) progress(receiver int, done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	m := s.meters[receiver]
	if m == nil {
		m = &transferMeter{since: now, first: done, drawn: now}
		s.meters[receiver] = m
	}
	every := progressEvery
	if s.out.json {
		every = progressEvent
	}
	if s.closed || now.Sub(m.drawn) < every || total == 0 {
		return
	}
	m.drawn = now
	what := s.what
	if s.several {
		what = fmt.Sprintf("receiver %d", receiver)
	}
	if s.out.json {
		s.out.print(transferEvent{What: "progress", Receiver: receiver, Done: done, Total: total})
		return
	}
	s.out.progress("%s", m.text(what, done, total, now))
}

// text is that of a meter, whose rate counts what was not there at the start.
func (m *transferMeter) text(what string, done, total int64, now time.Time) string {
	rate := float64(done-m.first) / max(now.Sub(m.since).Seconds(), 0.001)
	text := fmt.Sprintf("%s: %s of %s (%d%%), %s/s", what, byteText(float64(done)),
		byteText(float64(total)), int(float64(done)/float64(total)*100), byteText(rate))
	if rate < 1 {
		return text + ", stalled"
	}
	left := time.Duration(float64(total-done) / rate * float64(time.Second))
	return text + ", " + left.Round(time.Second).String() + " left"
}

// end removes the progress.
func (s *shownTransfer) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.out.erase()
}
