//go:build unix

package tunnel_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReloadPipe: a reload refuses a pipe in place of each file that the configuration names, and
// waits for none: it holds a lock for which the end of the process waits.
func TestReloadPipe(t *testing.T) {
	b := newBench(t)
	pipe := filepath.Join(b.dir, "pipe")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(
		filepath.Join(b.dir, "keys"), []byte("alice:00112233445566778899aabbccddeeff\n"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	with := func(key, file string) string {
		return serverTunnel(b.echo("", nil), "") + key + ` = "DIR/` + file + `"`
	}
	s := b.start(with("psk_file", "keys"))
	for name, text := range map[string]string{
		"psk_file": with("psk_file", "pipe"), "password_file": with("password_file", "pipe"),
		"cert": strings.ReplaceAll(serverTunnel(b.echo("", nil), ""), "server.pem", "pipe"),
	} {
		err := s.Reload(t.Context(), b.parse(text))
		if err == nil || !strings.Contains(err.Error(), "expected a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
