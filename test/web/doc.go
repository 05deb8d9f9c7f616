// Package web tests the page of a relay in a headless Chromium, with members on terminals. It is
// a module of its own, because the library that drives the browser is large.
//
//	go test ./... -update
//
// in this folder writes the pictures in docs again.
package web
