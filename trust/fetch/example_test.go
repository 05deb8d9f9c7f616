package fetch_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/trust/fetch"
)

// The import alone lets a policy ask responders. A Fetcher of its own has another transport.
func Example() {
	policy := &trust.Policy{Revocation: &trust.Revocation{
		Mode:    trust.RevocationPrefer,
		Fetcher: fetch.HTTP{Transport: &http.Transport{Proxy: nil}},
	}}
	fmt.Println(policy.Check())
	// Output: <nil>
}

// TestBounds fetches from a server that sends too much, redirects for ever, away from HTTP,
// or fails.
func TestBounds(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Method, "0123456")
	})
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler("https://127.0.0.1:1/", http.StatusFound))
	mux.Handle("/once", http.RedirectHandler("/ok", http.StatusFound))
	s := httptest.NewServer(mux)
	defer s.Close()
	for _, tc := range []struct {
		path  string
		body  []byte
		limit int64
		want  string // the body, or "error: " and part of the error
	}{
		{"/ok", nil, 10, "GET0123456"},
		{"/ok", nil, 9, "error: more than 9 bytes"},
		{"/ok", []byte("x"), 11, "POST0123456"},
		{"/once", nil, 10, "GET0123456"},
		{"/loop", nil, 10, "error: redirects too often"},
		{"/away", nil, 10, "error: away from HTTP"},
		{"/none", nil, 10, "error: 404"},
	} {
		got, err := fetch.HTTP{}.Fetch(
			context.Background(), s.URL+tc.path, "text/plain", tc.body, tc.limit)
		if part, failed := strings.CutPrefix(tc.want, "error: "); failed {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q, %v, want an error with %q", tc.path, got, err, part)
			}
		} else if err != nil || string(got) != tc.want {
			t.Errorf("%s: %q, %v, want %q", tc.path, got, err, tc.want)
		}
	}
}
