package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestFileNames checks which names a file may be received under.
func TestFileNames(t *testing.T) {
	for _, name := range []string{"a", "photo.jpg", "Überblick 2026.pdf", "console", "com", "a..b",
		strings.Repeat("n", 255)} {
		if err := checkFileName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", ".ssh", "a/b", `a\b`, "/etc/passwd", "c:x", "a\nb",
		"a\x00b", "a\u202eb", "a\u200bb", "\xff", "-rf", " a", "a ", "a.", "NUL", "con.txt", "Com1",
		"lpt9.x", "a*", strings.Repeat("n", 256)} {
		if checkFileName(name) == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

// TestMeterText checks the text of the line of a transfer.
func TestMeterText(t *testing.T) {
	for _, test := range []struct {
		done, total int64
		elapsed     time.Duration
		want        string
	}{
		{50 << 20, 100 << 20, 10 * time.Second, "f: 50.0 MiB of 100.0 MiB (50%), 5.0 MiB/s, 10s left"},
		{512, 1000, time.Second, "f: 512 B of 1000 B (51%), 512 B/s, 1s left"},
		{0, 1 << 40, time.Second, "f: 0 B of 1.0 TiB (0%), 0 B/s, stalled"},
	} {
		if got := meterText("f", test.done, test.total, test.elapsed); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// TestMeter draws a line on a terminal. A note erases it first, and so does the end. There
// is none with --quiet, with --json, or without a terminal.
func TestMeter(t *testing.T) {
	var shown bytes.Buffer
	out := &output{w: &shown, terminal: true}
	m := out.meter("file", 1000)
	m.add(10)
	out.draw(meterText(m.what, m.done.Load(), m.total, time.Second))
	out.warn("noted")
	out.draw("again")
	m.end()
	want := clearLine + "file: 10 B of 1000 B (1%), 10 B/s, 1m39s left" + clearLine +
		"seal: warning: noted\n" + clearLine + "again" + clearLine
	if shown.String() != want {
		t.Errorf("%q, want %q", shown.String(), want)
	}
	for _, quiet := range []*output{
		{terminal: true, quiet: true}, {terminal: true, json: true}, {},
	} {
		if quiet.meter("file", 1000) != nil {
			t.Error("a line where none belongs")
		}
	}
	if out.meter("file", 0) != nil {
		t.Error("a line without a size")
	}
}
