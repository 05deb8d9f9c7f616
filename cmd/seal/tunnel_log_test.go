package main

import (
	"bytes"
	"os"
	"path/filepath"
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
		log, done, err := openTunnelLog(out, &tunnel.Config{Log: test.log}, &b)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("listening")
		done()
		if got := b.String(); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, want a line that begins with %q", name, got, test.want)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(got, []byte("time=")) {
		t.Errorf("the file has %q, %v", got, err)
	}
}
