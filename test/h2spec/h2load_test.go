package h2spec

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A load is what h2load counts: its requests by how they ended, and the responses by class.
type load struct {
	total, started, done, succeeded, failed, errored, timedOut int
	status2, status3, status4, status5                         int
}

// TestLoad runs h2load, with several connections and several streams on each, against net/http
// over both Listeners. Every request of it succeeds, over both.
func TestLoad(t *testing.T) {
	peers.Need(t, "h2load")
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	ports := map[string]int{"sealsock": serveOurs(t, leaf), "crypto/tls": serveStandard(t, leaf)}
	for _, shape := range []struct{ requests, clients, streams, body int }{
		{2000, 1, 100, 0},
		{4000, 20, 10, 0},
		{1000, 100, 1, 0},
		{400, 8, 8, 100_000}, // each request has a body of as many bytes
	} {
		n := shape.requests
		want := load{total: n, started: n, done: n, succeeded: n, status2: n}
		for name, port := range ports {
			args := []string{"-n", strconv.Itoa(n), "-c", strconv.Itoa(shape.clients),
				"-m", strconv.Itoa(shape.streams)}
			if shape.body > 0 {
				args = append(args, "-d", file(t, shape.body))
			}
			got, rate := runLoad(t, args, port)
			t.Logf("%s, %d clients with %d streams: %s", name, shape.clients, shape.streams, rate)
			if got != want {
				t.Errorf("%s, %+v: %+v, want %+v", name, shape, got, want)
			}
		}
	}
}

// file makes a file of n bytes.
func file(t *testing.T, n int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(name, make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What h2load prints at its end.
var (
	requests = regexp.MustCompile(`requests: (\d+) total, (\d+) started, (\d+) done, ` +
		`(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	statuses = regexp.MustCompile(`status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx`)
	finished = regexp.MustCompile(`finished in .*`)
	protocol = regexp.MustCompile(`Application protocol: h2\n`)
)

// runLoad runs h2load and returns its counts and the line with its rate.
func runLoad(t *testing.T, args []string, port int) (got load, rate string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args = append(args, fmt.Sprintf("https://127.0.0.1:%d/", port))
	out, err := exec.CommandContext(ctx, "h2load", args...).CombinedOutput()
	r, s := requests.FindSubmatch(out), statuses.FindSubmatch(out)
	if err != nil || r == nil || s == nil || !protocol.Match(out) {
		t.Fatalf("h2load %v: %v\n%s", args, err, out)
	}
	fields := []*int{&got.total, &got.started, &got.done, &got.succeeded, &got.failed, &got.errored,
		&got.timedOut, &got.status2, &got.status3, &got.status4, &got.status5}
	for i, digits := range append(r[1:], s[1:]...) {
		*fields[i], _ = strconv.Atoi(string(digits))
	}
	return got, string(finished.Find(out))
}
