package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
)

// logFlags holds the flags of the log for machines.
type logFlags struct{ file, format string }

func (l *logFlags) register(f *pflag.FlagSet) {
	f.StringVar(&l.file, "log", "",
		"append each event with its time to this `file`: connections, refusals, requests, errors")
	f.StringVar(&l.format, "log-format", "json", "a `word`: json, one object a line, or text")
}

// open makes out write its notes to the log too.
func (l *logFlags) open(ctx context.Context, out *output) error {
	if l.format != "json" && l.format != "text" {
		return usage("--log-format %q is not known", l.format).hinted("it is json or text")
	}
	if l.file == "" {
		return nil
	}
	const private = 0o600                                      // addresses of clients are in it
	file, err := interruptibly(ctx, func() (*os.File, error) { // a pipe may have no reader
		return os.OpenFile(l.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, private)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return failed(err, "--log %s cannot be opened: %v", l.file, cause(err)).
			hinted("name a file that this user may write")
	}
	out.journal = &journal{name: l.file, json: l.format == "json", w: file}
	return nil
}

// A journal is the log: a line for each note, with its time.
type journal struct {
	name string
	json bool

	mu     sync.Mutex
	w      *os.File
	failed bool // a line could not be written
}

// close closes the file; the end of the process does too.
func (j *journal) close() {
	if j != nil {
		j.w.Close()
	}
}

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// record writes a note. It returns an error for the first line that cannot be written,
// and nil for the next ones.
func (j *journal) record(n note, now time.Time) error {
	at := now.UTC().Format(timeFormat)
	var line []byte
	if j.json {
		line = append([]byte(`{"time":"`+at+`",`), asJSON(n)[1:]...)
	} else {
		line = []byte(at + " " + logText(n) + "\n")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err := j.w.Write(line)
	if first := err != nil && !j.failed; first {
		j.failed = true
		return err
	}
	return nil
}

// logText is a note as one line of text, with the number of its connection.
func logText(n note) string {
	text := n.text()
	if d, ok := n.(interface{ details() string }); ok {
		text += d.details()
	}
	text = oneLine(strings.TrimPrefix(text, "seal: "))
	if c, ok := n.(interface{ connection() int64 }); ok && c.connection() > 0 {
		return fmt.Sprintf("[%d] %s", c.connection(), text)
	}
	return text
}
