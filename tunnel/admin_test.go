package tunnel_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/tunnel"
)

// get returns the answer of a server's pages.
func get(h http.Handler, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

// TestPages: the pages count what happened, and the metrics are well-formed.
func TestPages(t *testing.T) {
	b := newBench(t)
	s := b.start(strings.Replace(serverTunnel(b.echo("one:", nil), ""), `"t"`, `"a\"b"`, 1))
	name := `a"b`
	b.answers(s.Addrs(name)[0], b.tls(), "one:hello")
	other := b.tls()
	other.RootCAs = nil
	b.refuses(s.Addrs(name)[0], other, "refused")
	b.logs("msg=ended")
	code, text := get(s.Handler(), "/metrics")
	for _, want := range []string{
		`sealsock_tunnel_accepted_total{tunnel="a\"b"} 2`,
		`sealsock_tunnel_refused_total{tunnel="a\"b",reason="handshake"} 1`,
		`sealsock_tunnel_received_bytes_total{tunnel="a\"b"} 5`,
		`sealsock_tunnel_sent_bytes_total{tunnel="a\"b"} 9`,
		`sealsock_tunnel_connections{tunnel="a\"b"} 0`,
	} {
		if code != 200 || !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="([^"\\\n]|\\.)*"` +
		`(,[a-z]+="([^"\\\n]|\\.)*")*\})? \d+)$`)
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if !line.MatchString(l) {
			t.Errorf("the line %q is not of the format", l)
		}
	}
	if code, text := get(s.Handler(), "/"); code != 200 || !strings.Contains(text, "2 accepted") {
		t.Errorf("%d\n%s", code, text)
	}
	if code, text := get(s.Handler(), "/health"); code != 200 {
		t.Errorf("%d %s", code, text)
	}
	down := b.start(serverTunnel("127.0.0.1:1", ""))
	b.ask(down.Addrs("t")[0], b.tls(), "")
	b.logs("no backend")
	if code, text := get(down.Handler(), "/health"); code != 503 {
		t.Errorf("without a backend: %d %s", code, text)
	}
	var none *tunnel.Server
	if a := none.AdminAddr(); a != nil {
		t.Errorf("the pages of a nil Server are at %v", a)
	}
	if code, _ := get(none.Handler(), "/health"); code != 503 {
		t.Errorf("a nil Server: %d", code)
	}
}

// A slowPage is a client of the pages that reads only while the Server can be used.
type slowPage struct {
	*httptest.ResponseRecorder
	s     *tunnel.Server
	stuck bool
}

// Write implements http.ResponseWriter.
func (w *slowPage) Write(p []byte) (int, error) {
	if w.stuck {
		return len(p), nil
	}
	usable := make(chan struct{})
	go func() {
		w.s.Active()
		close(usable)
	}()
	select {
	case <-usable:
	case <-time.After(20 * time.Second):
		w.stuck = true
	}
	return w.ResponseRecorder.Write(p)
}

// TestSlowPages: a client of the pages that takes its answer slowly holds up nothing else.
func TestSlowPages(t *testing.T) {
	b := newBench(t)
	s := b.start(serverTunnel("127.0.0.1:1", ""))
	for _, path := range []string{"/", "/metrics", "/health"} {
		w := &slowPage{ResponseRecorder: httptest.NewRecorder(), s: s}
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.stuck || w.Body.Len() == 0 {
			t.Errorf("%s: %d bytes, while the Server cannot be used: %v", path, w.Body.Len(), w.stuck)
		}
	}
}
