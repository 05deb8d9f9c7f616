//go:build !windows

package main

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// transferSize is the size of the file of TestTransferRestarts in bytes, if SEALSOCK_TRANSFER
// does not have another.
const transferSize = 48 << 20

// TestTransferRestarts sends a file with processes of seal. The receiver is killed and started
// again three times, and the relay once, each when a part has arrived. The file arrives intact.
// SEALSOCK_TRANSFER=1073741824 sends 1 GiB.
func TestTransferRestarts(t *testing.T) {
	s := newStage(t)
	size := int64(transferSize)
	if text := os.Getenv("SEALSOCK_TRANSFER"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1<<20 {
			t.Fatalf("SEALSOCK_TRANSFER=%s is no size", text)
		}
		size = n
	}
	want := writeRandom(t, filepath.Join(s.dir, "big"), size)
	port := portOfNothing(t)
	rate := strconv.FormatInt(max(size/8, 1<<20), 10) // so that a part is seen
	relay := func() (end func()) {
		_, end = runs(t, s, "listening on", "relay", "--member-rate", rate, "localhost:"+port)
		return end
	}
	end := relay()
	meet := []string{"--ca", "root.pem", "--relay", "localhost:" + port, "--no-direct"}
	sender := s.seal(append([]string{"send", "big"}, meet...)...)
	var code, errs words
	sender.Stdout, sender.Stderr = &code, &errs
	if err := sender.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { sender.Process.Kill(); sender.Wait() }()
	awaitThat(t, "a code", func() bool { return strings.HasSuffix(code.text(), "\n") })
	receive := append([]string{"receive", "--yes", "--dir", s.folder(), "--code",
		strings.TrimSpace(code.text())}, meet...)
	dir := receive[3]
	for i := range int64(4) {
		_, kill := runs(t, s, "proved the code", receive...)
		if i == 3 {
			break
		}
		awaitThat(t, "a part", func() bool { return arrived(dir) > size*(i+1)/6 })
		if i == 1 {
			before := arrived(dir)
			end()
			end = relay()
			awaitThat(t, "more after the restart of the relay",
				func() bool { return arrived(dir) > before+size/50 })
		}
		kill()
		if _, err := os.Stat(filepath.Join(dir, "big")); err == nil {
			t.Fatal("the file has its name before it is complete")
		}
	}
	defer func() { end() }()
	if err := sender.Wait(); err != nil {
		t.Fatalf("the sender: %v: %s", err, errs.text())
	}
	awaitThat(t, "the file", func() bool { return arrived(dir) == 0 })
	f, err := os.Open(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := sha256.New()
	if _, err := io.Copy(got, f); err != nil || [32]byte(got.Sum(nil)) != want {
		t.Errorf("the file that arrived is another one: %v", err)
	}
}

// portOfNothing returns a port that is free now.
func portOfNothing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// writeRandom writes a file and returns its hash.
func writeRandom(t *testing.T, name string, size int64) [32]byte {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	source := rand.NewChaCha8([32]byte{1})
	if _, err := io.CopyN(io.MultiWriter(f, sum), source, size); err != nil {
		t.Fatal(err)
	}
	return [32]byte(sum.Sum(nil))
}

// arrived returns the size of the unfinished file in a folder, or 0 if there is none.
func arrived(dir string) int64 {
	names, _ := filepath.Glob(filepath.Join(dir, ".seal-partial-*", "0"))
	if len(names) == 0 {
		return 0
	}
	info, err := os.Stat(names[0])
	if err != nil {
		return 0
	}
	return info.Size()
}

// runs starts a command and waits for a text of it. The function that it returns kills it.
func runs(t *testing.T, s *stage, text string, args ...string) (*words, func()) {
	t.Helper()
	cmd := s.seal(args...)
	shown := new(words)
	cmd.Stdout, cmd.Stderr = shown, shown
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { cmd.Process.Kill(); cmd.Wait() }
	t.Cleanup(kill)
	awaitThat(t, text, func() bool { return strings.Contains(shown.text(), text) })
	return shown, kill
}

// awaitThat waits until something is so.
func awaitThat(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * testTimeout); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no sign of %s", what)
		}
	}
}
