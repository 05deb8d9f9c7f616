package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/measure"
)

// The names of the sides in this process.
var ours, standard = measure.Sealsock().Name(), measure.Standard().Name()

// A report is the results of a run.
type report struct {
	Go         string        `json:"go"`
	System     string        `json:"system"`
	Processors int           `json:"processors"`
	Date       string        `json:"date"`
	Rounds     int           `json:"rounds"`
	OpenSSL    string        `json:"openssl,omitempty"` // the name of its side
	Rows       []measure.Row `json:"rows"`
}

func newReport(rounds int, third string) *report {
	return &report{
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Processors: runtime.NumCPU(), Date: time.Now().Format("2006-01-02"),
		Rounds: rounds, OpenSSL: third,
	}
}

// write writes the three files.
func (r *report) write(folder string) error {
	all, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	write := func(name, text string) error {
		return os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644)
	}
	runs, err := longRuns(folder)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(filepath.Join(folder, "performance.md"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(write("performance.md", r.markdown()+loopsChapter(string(old))+runs),
		write("performance.json", string(all)+"\n"), write("performance.svg", r.chart()))
}

// line is a line of the table.
func (r *report) line(row *measure.Row) string {
	cell := func(side string) string {
		if v, ok := row.Median(side); ok {
			return measure.Figure(v)
		}
		return ""
	}
	ratio := func(side string) string {
		if v, ok := row.Ratio(ours, side); ok {
			return fmt.Sprintf("**%.2f**", v)
		}
		return ""
	}
	limit := ""
	if v, ok := row.Ratio(ours, measure.LimitName); ok {
		limit = fmt.Sprintf("%.0f %%", 100*v)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |", row.Name, row.Unit, cell(ours),
		cell(standard), ratio(standard), cell(r.OpenSSL), ratio(r.OpenSSL), limit)
}

const explanation = `
![How many times better than crypto/tls](performance.svg)

What is measured:

- **full handshake**: client and server on one processor over memory. The leaf has an ECDSA
  P-256 key, or the named one, under a P-256 root. The client verifies it; there are no
  tickets. A chain of 2 has one authority between. The share of an end is the time on its
  own clock.
- **resumption**: the same with a ticket, which the server replaces each time.
- **limit**: the share of what the cryptography alone allows, in the same run, with the code
  that sealsock has: for a handshake random values, the key exchange, the hash of the messages,
  the key schedule, a signature and its verification with a key that was seen before, and the
  protection of the records, at both ends, and the connection in memory that the bytes pass; in
  the rows of public keys alone two key pairs, two shared secrets, a signature and its
  verification. For bulk it is the AEAD and the connection in memory or, in the rows to the AEAD
  alone and of the engine alone, the AEAD in place, on 16 KiB that stay in the cache. Over TCP it
  is a connection without encryption; bulk data can be faster than that, because Read looks again
  before it waits.
- **allocations**: what a full handshake and the first byte of the server allocate at both
  ends, without the connection in memory between them.
- **first byte**: from the start of a connection over loopback to the first byte of the
  answer to a request, with a real listener.
- **bulk**: 16 KiB writes with AES-128-GCM; in memory both ends on one processor. The connection
  in memory copies each byte once: a Read that waits lends its memory to the writer, and OpenSSL's
  reader runs within the write. What is written while no Read waits is copied twice, as through a
  socket. With io.Copy, a connection takes as much at once as it likes: ours has a method
  ReadFrom, and crypto/tls gets 32 KiB at a time. The engine alone is what an event loop calls:
  one end seals into its output, and the other opens it there. crypto/tls and OpenSSL need a
  connection in between.
- **connections of wrk**: requests a second of the program wrk, which makes a connection for
  each, to a listener. Its own work, on the same processors, is in the figure.
- **idle end**: the heap of one end over loopback TCP, both ends in one process, after a
  message in each direction, and once our connections rest, as they do after some quiet seconds.
  What a goroutine or a thread costs is not in it. OpenSSL has SSL_MODE_RELEASE_BUFFERS, and is
  measured without threads.

docs/performance.json has the figures of all turns.

## One connection on several processors

A large Write is sealed on several processors if sealing is what takes its time: see "The stream" in
ARCHITECTURE.md. A benchmark seals Writes of several sizes on one processor and on all, in alternating
turns, and discards what it has sealed. It prints the ratio of the best turns, and the ratio that the
cipher alone reaches in two goroutines, which is less than 2 where the two processors are threads of
one core:

	go test ./internal/stream -run '^$' -bench Spread -benchtime 1s

Two processors seal one connection at least 1.7 times as fast as one, for Writes of 256 KiB and more.
The machine has to be quiet: where other programs use the processors, the system may run both threads
on the same one, and the ratio is about 1. Through a socket the ratio is about 1 too, because the
system call takes several times as long as AES-GCM.
`

// markdown returns docs/performance.md.
func (r *report) markdown() string {
	var b strings.Builder
	third := r.OpenSSL
	if third == "" {
		third = "OpenSSL"
	}
	fmt.Fprintf(&b, `# Performance

This page compares sealsock with crypto/tls and OpenSSL in one run, in alternating turns. A
figure is the median of %d turns. A ratio is the median of the ratios of the turns; more than
1 means that sealsock is better. Absolute figures depend on the machine: run `+"`make bench`"+` on
yours. `+"`seal bench`"+` measures the part that needs no OpenSSL.

%s, %s, %d processors, %s.

| what | unit | sealsock | crypto/tls | ratio | %s | ratio | of the limit |
|---|---|---|---|---|---|---|---|
`, r.Rounds, r.Go, r.System, r.Processors, r.Date, third)
	var kinds strings.Builder
	for i := range r.Rows {
		if name, ok := strings.CutPrefix(r.Rows[i].Name, measure.Certificate); ok {
			row := r.Rows[i]
			row.Name = name
			kinds.WriteString(r.line(&row) + "\n")
			continue
		}
		b.WriteString(r.line(&r.Rows[i]) + "\n")
	}
	b.WriteString(explanation)
	if kinds.Len() > 0 {
		fmt.Fprintf(&b, certificates, third, kinds.String())
	}
	return b.String()
}

// The marks of the figures that "bench loops" writes into docs/performance.md.
const (
	loopsBegin = "<!-- The event loops: go run ./bench loops writes them. -->\n"
	loopsEnd   = "<!-- End of the event loops. -->\n"
)

// loopsChapter returns the chapter for them, with the figures that the file has already.
func loopsChapter(old string) string {
	_, rest, _ := strings.Cut(old, loopsBegin)
	figures, _, ended := strings.Cut(rest, loopsEnd)
	if !ended {
		figures = ""
	}
	return "\n## Event loops of other libraries\n\n" + loopsBegin + figures + loopsEnd
}

// certificates is the second table.
const certificates = `
## Kinds of certificates

A full handshake with X25519MLKEM768 and one certificate, under a root of P-256, or of the
same kind for ML-DSA. Allocations are those of both ends. docs/post-quantum.md tells when to
use which.

| certificate | unit | sealsock | crypto/tls | ratio | %s | ratio | of the limit |
|---|---|---|---|---|---|---|---|
%s`

// The sizes of the chart, in pixels.
const (
	barHeight, barGap  = 16, 8
	labelWidth, length = 300, 420
)

// chart returns an SVG with a bar for the ratio of each row to crypto/tls.
func (r *report) chart() string {
	var bars strings.Builder
	y, most := barGap, 1.0
	for i := range r.Rows {
		if v, ok := r.Rows[i].Ratio(ours, standard); ok {
			most = max(most, min(v, 5))
		}
	}
	scale := length / most
	for i := range r.Rows {
		v, ok := r.Rows[i].Ratio(ours, standard)
		if !ok || strings.HasPrefix(r.Rows[i].Name, measure.Certificate) {
			continue
		}
		fmt.Fprintf(&bars, `<text x="%d" y="%d" text-anchor="end">%s</text>`+
			`<rect x="%d" y="%d" width="%.0f" height="%d" fill="#4a7"/>`+
			`<text x="%.0f" y="%d">%.2f</text>`+"\n",
			labelWidth-8, y+barHeight-4, html.EscapeString(r.Rows[i].Name), labelWidth, y,
			min(v, most)*scale, barHeight, float64(labelWidth)+min(v, most)*scale+4, y+barHeight-4, v)
		y += barHeight + barGap
	}
	line := float64(labelWidth) + scale
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`font-family="sans-serif" font-size="12">
<title>How many times better than crypto/tls</title>
%s<line x1="%.0f" x2="%.0f" y1="0" y2="%d" stroke="#555" stroke-dasharray="4"/>
</svg>
`, labelWidth+length+60, y, bars.String(), line, line, y)
}
