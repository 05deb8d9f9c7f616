//go:build unix

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/nattest"
)

// TestMovingClient: a connection of seal connect to seal listen continues when a NAT between them
// forgets its binding, in both versions and again and again.
func TestMovingClient(t *testing.T) {
	for _, version := range []string{"1.3", "1.2"} {
		home := t.TempDir()
		listener := runSeal(t, home, nil, "listen", "--keep", "--echo", "udp://127.0.0.1:0")
		port := listener.await(t, &listener.errors, `listening on udp://127\.0\.0\.1:(\d+)`)
		n := nattest.New(t, "127.0.0.1:"+port)
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close(); out.Close() })
		client := runSeal(t, home, in, "connect", "--max", version, "udp://"+n.Address().String())
		for i := range 4 {
			if i > 0 {
				n.Rebind()
			}
			until(t, client, out, fmt.Sprintf("line %d\n", i))
		}
		if text := client.errors.text(); strings.Contains(text, "hint") {
			t.Errorf("DTLS %s: %s", version, text)
		}
	}
}

// until repeats a line, which may be lost, until its echo arrives.
func until(t *testing.T, client *sealProcess, out *os.File, line string) {
	t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); {
		if _, err := out.WriteString(line); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if strings.Contains(client.output.text(), line) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	t.Fatalf("no echo of %q: %q, %s", line, client.output.text(), client.errors.text())
}
