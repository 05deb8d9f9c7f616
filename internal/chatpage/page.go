package chatpage

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed index.html page.css page.js built
var files embed.FS

// program is the file with the compiled program.
const program = "built/talk.wasm.gz"

// Built reports whether the page is in this build.
func Built() bool {
	f, err := files.Open(program)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// policy is the Content-Security-Policy: the page loads and connects to nothing but its own
// server, runs no code but its own, and no text becomes a part of the page as HTML.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// A resource is a file of the page.
type resource struct{ file, kind string }

var resources = map[string]resource{
	"/":             {"index.html", "text/html; charset=utf-8"},
	"/page.css":     {"page.css", "text/css; charset=utf-8"},
	"/page.js":      {"page.js", "text/javascript; charset=utf-8"},
	"/wasm_exec.js": {"built/wasm_exec.js", "text/javascript; charset=utf-8"},
	"/talk.wasm":    {program, "application/wasm"},
}

// Handler serves the page at the root.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range map[string]string{
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), microphone=(), geolocation=()",
		"Cache-Control":                "no-cache",
	} {
		h.Set(name, value)
	}
	about, ok := resources[r.URL.Path]
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	case !Built():
		http.Error(w, "This relay was built without its page: build seal with make build. "+
			"Rooms are open to seal chat join.", http.StatusNotImplemented)
		return
	}
	body, err := files.ReadFile(about.file)
	if err != nil {
		http.Error(w, "the page is not complete: build seal again with make build",
			http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", about.kind)
	if strings.HasSuffix(about.file, ".gz") {
		compressed(w, r, body)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// compressed serves a file that is compressed with gzip.
func compressed(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			w.Write(body)
		}
		return
	}
	plain, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		http.Error(w, "the page is not complete: build seal again", http.StatusInternalServerError)
		return
	}
	if r.Method == http.MethodGet {
		io.Copy(w, plain)
	}
}
