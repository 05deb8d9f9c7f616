// Package fetch sends the requests of revocation checks over HTTP: to OCSP responders, and
// to the places from which authorities distribute revocation lists. A policy of package
// trust whose revocation mode uses the network needs it, and a program that has such a
// policy imports it:
//
//	import _ "github.com/sealsock/sealsock/trust/fetch"
//
// Then it is what trust.Revocation uses if its Fetcher is nil. An [HTTP] with a Transport
// of its own can be that Fetcher as well.
package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/linked"
)

// HTTP is a trust.Fetcher. Its zero value follows the proxy settings of the environment.
// It may be used by many goroutines at once.
type HTTP struct {
	// Transport sends the requests; nil means one of the package, which all share.
	Transport http.RoundTripper
}

func init() { linked.Fetch = HTTP{}.Fetch }

// The bounds on a response, besides the limit on its body.
const (
	maxRedirect = 3
	maxHeader   = 64 << 10
)

var shared = &http.Transport{
	Proxy:                  http.ProxyFromEnvironment,
	MaxIdleConns:           8,
	IdleConnTimeout:        30 * time.Second,
	MaxResponseHeaderBytes: maxHeader,
}

// Fetch sends a POST with body, or a GET if body is nil, and returns the body of the
// response, of at most limit bytes. It follows three redirects at most, and none
// away from http.
func (h HTTP) Fetch(ctx context.Context, address, contentType string, body []byte,
	limit int64) ([]byte, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	if ctx == nil {
		ctx = context.Background()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("User-Agent", "sealsock")
	response, err := h.client().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server responded with %s", certtext.Quote(response.Status))
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the server sends more than %d bytes", limit)
	}
	return data, nil
}

func (h HTTP) client() *http.Client {
	c := &http.Client{Transport: h.Transport, CheckRedirect: checkRedirect}
	if c.Transport == nil {
		c.Transport = shared
	}
	return c
}

func checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirect || next.URL.Scheme != "http" {
		return errors.New("the server redirects too often or away from HTTP")
	}
	return nil
}
