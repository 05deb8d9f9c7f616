package footprint

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unwanted are packages that a client of TLS over TCP does not need, each with the package
// that a program imports to get it.
var unwanted = map[string]string{
	"net/http":                           "trust/fetch",
	"golang.org/x/net/idna":              "trust/idn",
	"golang.org/x/text":                  "trust/idn",
	"golang.org/x/net/publicsuffix":      "none: internal/suffix has the table",
	"golang.org/x/crypto/acme":           "identity/acme",
	"software.sslmate.com/src/go-pkcs12": "identity/pkcs12",
	"github.com/andybalholm/brotli":      "certcompress",
	"github.com/klauspost/compress":      "certcompress",
	"compress":                           "certcompress",
	module + "socket":                    "address/all",
	module + "internal/websocket":        "address/all",
	module + "chat":                      "chat",
	module + "inspect":                   "inspect",
	module + "certificate":               "certificate",
	module + "internal/dns":              "none: the command has it",
}

const module = "github.com/sealsock/sealsock/"

// TestPackages looks at the packages that the client imports, also indirectly.
func TestPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./testdata/ours").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	if !slices.Contains(all, strings.TrimSuffix(module, "/")) {
		t.Fatalf("go list -deps printed %d packages without ours", len(all))
	}
	for _, p := range all {
		for name, from := range unwanted {
			if p == name || strings.HasPrefix(p, name+"/") {
				t.Errorf("the client links %s (see %s)", p, from)
			}
		}
	}
}

// TestTags: what the tags replace by the standard library is not linked.
func TestTags(t *testing.T) {
	args := []string{"list", "-deps", "-tags", "standardp256", "./testdata/ours"}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	if !slices.Contains(all, strings.TrimSuffix(module, "/")) {
		t.Fatalf("go list -deps printed %d packages without ours", len(all))
	}
	if slices.Contains(all, "filippo.io/nistec") {
		t.Error("with -tags standardp256 the client links filippo.io/nistec")
	}
}

// mostLarger bounds the size of the client in relation to that of crypto/tls, in per cent.
// Both are linked without symbols, in the same way.
const mostLarger = 156

// TestSize links both clients.
func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: it links two programs")
	}
	size := func(name string) int64 {
		exe := filepath.Join(t.TempDir(), name)
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", exe, "./testdata/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		info, err := os.Stat(exe)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	ours, standard := size("ours"), size("standard")
	t.Logf("a client links %d bytes, and %d with crypto/tls: %d %%", ours, standard, ours*100/standard)
	if ours*100 > standard*mostLarger {
		t.Errorf("a client links %d bytes, more than %d %% of the %d of crypto/tls: "+
			"go tool nm -size -sort size shows what", ours, mostLarger, standard)
	}
}
