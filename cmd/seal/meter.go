package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/sealsock/sealsock/internal/printable"
)

// A meter is a line on the terminal about a transfer whose size is known. A nil one
// shows nothing.
type meter struct {
	out   *output
	what  string // a name, or "" for none
	total int64
	since time.Time
	done  atomic.Int64

	stop     chan struct{}
	finished sync.WaitGroup
}

// How often the line is drawn, and when it is drawn first: short transfers have none.
const (
	progressStart = 500 * time.Millisecond
	progressEvery = 200 * time.Millisecond
)

// clearLine returns to the start of the line and erases it.
const clearLine = "\r\x1b[K"

// meter starts the line about a transfer of total bytes, where standard error is a
// terminal. end removes it.
func (t *output) meter(what string, total int64) *meter {
	if !t.terminal || t.json || t.quiet || total <= 0 {
		return nil
	}
	p := &meter{out: t, what: what, total: total, since: time.Now(), stop: make(chan struct{})}
	p.finished.Go(p.run)
	return p
}

// add counts n more bytes.
func (p *meter) add(n int) {
	if p != nil {
		p.done.Add(int64(n))
	}
}

// end removes the line.
func (p *meter) end() {
	if p == nil {
		return
	}
	close(p.stop)
	p.finished.Wait()
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.out.clear()
}

func (p *meter) run() {
	for wait := progressStart; ; wait = progressEvery {
		select {
		case <-p.stop:
			return
		case <-time.After(wait):
			p.out.draw(meterText(p.what, p.done.Load(), p.total, time.Since(p.since)))
		}
	}
}

// draw replaces the line of a transfer. The next note erases it first.
func (t *output) draw(text string) {
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil || width < 1 {
		width = 80
	}
	line := []rune(printable.Line(text))
	line = line[:min(len(line), width-1)]
	t.mu.Lock()
	defer t.mu.Unlock()
	io.WriteString(t.w, clearLine+string(line))
	t.drawn = true
}

// progress shows what a long command does, where standard error is a terminal.
func (t *output) progress(format string, args ...any) {
	if t.terminal && !t.json && !t.quiet {
		t.draw(fmt.Sprintf(format, args...))
	}
}

// erase removes what progress shows.
func (t *output) erase() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
}

// clear erases the line of a transfer, if there is one. The caller holds t.mu.
func (t *output) clear() {
	if t.drawn {
		io.WriteString(t.w, clearLine)
		t.drawn = false
	}
}

// meterText is "name: 12.5 MiB of 1.0 GiB (1%), 5.0 MiB/s, 3m22s left".
func meterText(what string, done, total int64, elapsed time.Duration) string {
	rate := float64(done) / max(elapsed.Seconds(), 0.001)
	text := fmt.Sprintf("%s of %s (%d%%), %s/s", byteText(float64(done)), byteText(float64(total)),
		int(float64(done)/float64(total)*100), byteText(rate))
	if what != "" {
		text = what + ": " + text
	}
	if rate < 1 {
		return text + ", stalled"
	}
	left := time.Duration(float64(total-done) / rate * float64(time.Second))
	return text + ", " + left.Round(time.Second).String() + " left"
}

// byteText is a number of bytes with a unit.
func byteText(n float64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n >= step && i < len(units)-1; i++ {
		n /= step
	}
	if i == 0 {
		return fmt.Sprintf("%.0f B", n)
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}
