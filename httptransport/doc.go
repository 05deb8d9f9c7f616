// Package httptransport connects net/http to package sealsock.
//
// New returns a Transport, an http.RoundTripper that speaks HTTP/1.1 and HTTP/2 over
// connections of package sealsock, directly and through proxies:
//
//	transport, err := httptransport.New(nil)
//	client := &http.Client{Transport: transport}
//
// For a server, Serve and ListenAndServe take an http.Server and a sealsock.Config, and
// select the application protocols that the server supports. An http.Server can also
// serve a sealsock.Listener as it is, with Config.ALPN set to h2 and http/1.1: then the
// program is responsible for a list that the server supports.
package httptransport
