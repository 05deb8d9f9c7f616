package authority

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/filelock"
)

// listRefresh is how old a list that is served may be.
const listRefresh = time.Hour

// Handler returns the authority's services over HTTP, for the address given to
// SetURL:
//
//	/ocsp              responder, by POST and by GET (RFC 6960, Appendix A)
//	/crl               revocation list of the intermediate, in DER
//	/root.crl          that of the root
//	/root.pem          the root's certificate, in PEM
//	/root.cer          the same in DER
//	/intermediate.cer  the intermediate's, in DER
//	/acme/directory    certificates for machines that prove their names (RFC 8555)
//
// All of them are public but the last, which issues to clients that control a name
// that the authority may vouch for: it belongs on a local network. A nil acme
// leaves it out. Its limits for a client are those of the IP address in
// Request.RemoteAddr, and all clients without one are one client. A client of a UNIX
// socket chooses what is there: a handler in front of this one should set another value.
func (a *Authority) Handler(acme *ACME) http.Handler {
	if !a.made() {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, errNotMade.Error(), http.StatusInternalServerError)
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ocsp", a.servePost)
	mux.HandleFunc("GET /crl", func(w http.ResponseWriter, _ *http.Request) { a.serveList(w, false) })
	mux.HandleFunc("GET /root.crl", func(w http.ResponseWriter, _ *http.Request) { a.serveList(w, true) })
	mux.HandleFunc("GET /root.pem", func(w http.ResponseWriter, _ *http.Request) { serve(w, "application/x-pem-file", a.RootPEM()) })
	mux.HandleFunc("GET /root.cer", func(w http.ResponseWriter, _ *http.Request) { serve(w, "application/pkix-cert", a.Root().Raw) })
	mux.HandleFunc("GET /intermediate.cer", func(w http.ResponseWriter, _ *http.Request) {
		serve(w, "application/pkix-cert", a.Intermediate().Raw)
	})
	if acme != nil {
		acme.register(mux, a)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Base64 may have two slashes in a row, which the mux would join.
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/ocsp/") {
			a.serveGet(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func serve(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body) // a client that went away needs no answer
}

func (a *Authority) servePost(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "the request is too large or truncated", http.StatusBadRequest)
		return
	}
	serve(w, "application/ocsp-response", a.Respond(body))
}

// serveGet takes the request as Base64 in the path, percent-encoded or not.
func (a *Authority) serveGet(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimPrefix(r.URL.EscapedPath(), "/ocsp/")
	text, err := url.PathUnescape(text)
	if err != nil || len(text) > maxRequest {
		http.Error(w, "the path is not an OCSP request", http.StatusBadRequest)
		return
	}
	body, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, " ", "+"))
	if err != nil {
		http.Error(w, "the path is not an OCSP request in Base64", http.StatusBadRequest)
		return
	}
	serve(w, "application/ocsp-response", a.Respond(body))
}

func (a *Authority) serveList(w http.ResponseWriter, root bool) {
	list, err := a.servedList(root)
	if errors.Is(err, filelock.ErrHeld) {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "the authority is busy: try again", http.StatusServiceUnavailable)
		return
	}
	if err != nil {
		http.Error(w, "the list cannot be made", http.StatusInternalServerError)
		return
	}
	serve(w, "application/pkix-crl", list)
}

func (a *Authority) servedList(root bool) ([]byte, error) {
	if err := a.lock(); err != nil {
		return nil, err
	}
	defer a.unlock()
	return a.listOf(root, listRefresh)
}

// Export returns the root in a form: "pem", "der", or "chain" for the root and
// the intermediate in PEM.
func (a *Authority) Export(form string) ([]byte, error) {
	if !a.made() {
		return nil, errNotMade
	}
	switch form {
	case "", "pem":
		return a.RootPEM(), nil
	case "der":
		return a.Root().Raw, nil
	case "chain":
		return certificatePEM(a.Intermediate().Raw, a.Root().Raw), nil
	}
	return nil, errors.New("choose pem, der or chain as the form to export")
}
