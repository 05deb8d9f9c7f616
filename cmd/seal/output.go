package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sealsock/sealsock/internal/printable"
)

// An output prints notes to standard error: as text, or with --json as one JSON object
// a line. It replaces or escapes the control characters in every note.
type output struct {
	json, quiet bool           // set by the flags before the first note
	journal     *journal       // of --log; nil for none
	flags       *pflag.FlagSet // of the command; nil before it is known

	connections atomic.Int64 // that were numbered

	mu     sync.Mutex
	w      io.Writer
	colour bool

	terminal bool // w is one that can erase a line
	drawn    bool // the line of a transfer is on it
}

// A note is a message to the user. Its fields are what --json shows; event is the
// value of the key "event".
type note interface {
	event() string
	// text is what people read: lines without the last line feed.
	text() string
}

func newOutput(f *os.File) *output {
	terminal := term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	return &output{w: f, terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == ""}
}

// print prints n, unless --quiet.
func (t *output) print(n note) {
	t.log(n)
	if !t.quiet {
		t.write(n, "")
	}
}

// log writes n to the log alone, if there is one.
func (t *output) log(n note) {
	if t.journal == nil {
		return
	}
	if err := t.journal.record(n, time.Now()); err != nil {
		w := warning{fmt.Sprintf("--log %s cannot be written, and lacks events: %v", t.journal.name,
			cause(err))}
		t.write(w, yellow)
	}
}

// warn prints a warning. --quiet does not silence it.
func (t *output) warn(format string, args ...any) {
	w := warning{fmt.Sprintf(format, args...)}
	t.log(w)
	t.write(w, yellow)
}

// fail prints an error and its hint, and returns the exit code for it.
func (t *output) fail(err error) int {
	p := explain(err)
	f := failure{Message: p.text, List: p.list,
		Hint: ownFlags(p.hint, t.flags), Code: p.code, Exit: p.exit}
	t.log(f)
	t.write(f, red)
	return p.exit
}

// redirect prints to w until the function it returns is called.
func (t *output) redirect(w io.Writer) (back func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.w
	t.w = w
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.w = old
	}
}

const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	normal = "\x1b[0m"
)

// A note is written under the lock, so that the notes of connections that are served
// at the same time do not mix.
func (t *output) write(n note, colour string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	if t.json {
		t.w.Write(asJSON(n))
		return
	}
	text := printable.Block(n.text())
	if colour != "" && t.colour {
		text = colour + strings.ReplaceAll(text, "\nhint:", normal+"\nhint:")
		if !strings.Contains(text, normal) {
			text += normal
		}
	}
	io.WriteString(t.w, text+"\n")
}

// asJSON returns a note as one line, the event first.
func asJSON(n note) []byte {
	body, err := marshal(n)
	if err != nil {
		body, _ = marshal(map[string]string{"problem": err.Error()})
	}
	head := fmt.Sprintf(`{"event":%q`, n.event())
	if len(body) > 2 {
		head += ","
	}
	return append([]byte(head), append(body[1:], '\n')...)
}

// hinted puts a message and its hint into a line each.
func hinted(message, hint string) string {
	text := oneLine(message)
	if hint != "" {
		text += "\nhint: " + oneLine(hint)
	}
	return text
}

// oneLine is text as one line. A line feed in it stands between errors that were
// joined, or is text of the peer, which must not begin a line of its own.
func oneLine(text string) string { return printable.Line(strings.ReplaceAll(text, "\n", "; ")) }

type warning struct {
	Message string `json:"message"`
}

func (warning) event() string  { return "warning" }
func (w warning) text() string { return "seal: warning: " + oneLine(w.Message) }

type failure struct {
	Message string   `json:"message"`
	List    []string `json:"list,omitempty"`
	Hint    string   `json:"hint,omitempty"`
	Code    string   `json:"code,omitempty"`
	Exit    int      `json:"exit"`
}

func (failure) event() string { return "error" }

func (f failure) text() string {
	text, hint, hasHint := strings.Cut(hinted("seal: "+f.Message, f.Hint), "\n")
	for _, line := range f.List {
		text += "\n  " + oneLine(line)
	}
	if hasHint {
		text += "\n" + hint
	}
	return text
}

// marshal is json.Marshal that also escapes the characters that a terminal may obey or
// hide: the control characters above ASCII, and those that change the text direction.
func marshal(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	safe := make([]byte, 0, len(body))
	for _, r := range string(body) {
		switch {
		case printable.Safe(r):
			safe = utf8.AppendRune(safe, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
	}
	return safe, nil
}
