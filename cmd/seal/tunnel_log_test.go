package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/tunnel"
)

// TestTunnelLog: --json and --quiet apply to the log on standard error, unless the file has the
// format or the level.
func TestTunnelLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for name, test := range map[string]struct {
		json, quiet bool
		log         tunnel.Log
		want        string // what the log begins with
	}{
		"neither":                 {false, false, tunnel.Log{}, "time="},
		"json":                    {true, false, tunnel.Log{}, "{"},
		"json, text in the file":  {true, false, tunnel.Log{Format: "text"}, "time="},
		"quiet":                   {false, true, tunnel.Log{}, ""},
		"quiet, info in the file": {false, true, tunnel.Log{Level: "info"}, "time="},
		"a file":                  {true, true, tunnel.Log{File: file}, ""},
	} {
		out := newOutput(os.Stderr)
		out.json, out.quiet = test.json, test.quiet
		var b bytes.Buffer
		log, err := openTunnelLog(out, &tunnel.Config{Log: test.log}, &b)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("listening")
		log.close()
		if got := b.String(); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, want a line that begins with %q", name, got, test.want)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(got, []byte("time=")) {
		t.Errorf("the file has %q, %v", got, err)
	}
}

// TestTunnelLogAgain: after a file was renamed, the log goes into a new one, and into the old one
// if that cannot be opened.
func TestTunnelLogAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	log, err := openTunnelLog(newOutput(os.Stderr),
		&tunnel.Config{Log: tunnel.Log{File: name}}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	r := &tunnelRun{log: log, load: func() (*tunnel.Config, error) { return nil, os.ErrInvalid }}
	log.Info("first")
	if err := os.Rename(name, name+".1"); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("a file that is open cannot be renamed: ", err)
		}
		t.Fatal(err)
	}
	log.Info("second")
	r.reload(t.Context())
	log.Info("third")
	log.name = filepath.Join(name, "none")
	r.reload(t.Context())
	for file, want := range map[string]string{
		name + ".1": "msg=first msg=second",
		name:        `msg="not reloaded: msg=third msg="log.file is not opened again: msg="not reloaded:`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rest := string(text)
		for message := range strings.SplitSeq(want, " msg=") {
			_, after, found := strings.Cut(rest, strings.TrimPrefix(message, "msg="))
			if rest = after; !found {
				t.Errorf("%s has no %q behind the others:\n%s", filepath.Base(file), message, text)
			}
		}
	}
}

// TestCheckTunnelLog: --check creates no log, and finds one that cannot be opened.
func TestCheckTunnelLog(t *testing.T) {
	dir := t.TempDir()
	for name, right := range map[string]bool{
		filepath.Join(dir, "new"): true, filepath.Join(dir, "none", "log"): false, dir: false,
	} {
		log, err := checkTunnelLog(newOutput(os.Stderr),
			&tunnel.Config{Log: tunnel.Log{File: name}}, new(bytes.Buffer))
		if (err == nil) != right {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			log.Info("written")
			log.close()
		}
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("%v, %v", left, err)
	}
}
