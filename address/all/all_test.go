package all

import (
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/endpoint"
)

// TestElsewhere compares the list of schemes whose error names this package with what it
// registers.
func TestElsewhere(t *testing.T) {
	listed := map[string]bool{}
	for _, name := range endpoint.Elsewhere {
		listed[name] = true
		if _, ok := endpoint.Forms[name]; !ok {
			t.Errorf("%s is listed and not registered", name)
		}
	}
	for name, f := range endpoint.Forms {
		_, rest, ok := strings.Cut(f.Example, "://")
		if !ok {
			continue // TCP, and standard input and output
		}
		end, err := f.Parse(name, rest)
		if foreign := err == nil && elsewhere(end); foreign != listed[name] {
			t.Errorf("%s is registered here %v, listed %v", name, foreign, listed[name])
		}
	}
}

// elsewhere reports whether an endpoint is of this package.
func elsewhere(end endpoint.Endpoint) bool {
	switch end.(type) {
	case machine, channel, service, transportProtocol, cluster, transport, lite, packets, inherited, webSocket:
		return true
	}
	return false
}
