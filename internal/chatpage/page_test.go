package chatpage

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func ask(method, path string) *httptest.ResponseRecorder {
	out := httptest.NewRecorder()
	Handler().ServeHTTP(out, httptest.NewRequest(method, path, nil))
	return out
}

func ExampleHandler() {
	out := httptest.NewRecorder()
	Handler().ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/other", nil))
	fmt.Println(out.Code)
	// Output: 404
}

// TestPolicy: each answer has the policy, which names no source but the page's own server.
func TestPolicy(t *testing.T) {
	for path := range resources {
		h := ask("GET", path).Header()
		p := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(p, "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; ") ||
			!strings.Contains(p, "; connect-src 'self'; ") ||
			!strings.Contains(p, "; frame-ancestors 'none'; ") ||
			!strings.Contains(p, "; require-trusted-types-for 'script'; ") ||
			strings.Contains(p, "unsafe-inline") || strings.Contains(p, ":") {
			t.Errorf("%s: %q", path, p)
		}
		if h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %q", path, h.Get("Referrer-Policy"))
		}
	}
	if code := ask("PUT", "/").Code; code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", code)
	}
}

// TestNoForeignResources: the files of the page name no other server, have no code or style
// within the HTML, and make no HTML of texts.
func TestNoForeignResources(t *testing.T) {
	for file, forbidden := range map[string]string{
		"index.html": `(?i)https?:|//|\son\w+=|<style|style=|<script>`,
		"page.css":   `(?i)https?:|url\(|@import`,
		"page.js": `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|` +
			`new Function|https?:`,
	} {
		text, err := files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(forbidden).FindString(string(text)); found != "" {
			t.Errorf("%s has %q", file, found)
		}
	}
}
