package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestSourcesOfAuthority: the clients of a UNIX socket are one source, whatever they call their
// ends, and those of other networks are told by their addresses.
func TestSourcesOfAuthority(t *testing.T) {
	for _, test := range []struct {
		at   net.Addr
		want string
	}{{&net.UnixAddr{Net: "unix", Name: "ca"}, "the UNIX socket"}, {&net.TCPAddr{}, "192.0.2.1:1"}} {
		got := "none"
		h := sourced(test.at, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = r.RemoteAddr
		}))
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "192.0.2.1:1"
		if h.ServeHTTP(httptest.NewRecorder(), r); got != test.want {
			t.Errorf("at %v the source is %q, want %q", test.at, got, test.want)
		}
	}
}
