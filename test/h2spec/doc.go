// Package h2spec runs the conformance tests of h2spec for HTTP/2, and the requests of h2load,
// against net/http over a Listener of this module and over one of crypto/tls, and compares the
// results. It is a module of its own, because h2spec is needed for nothing else.
package h2spec
