// Package auditing passes what package address does through package net to the auditor of
// package socket, so that address does not link socket.
package auditing

import (
	"net"
	"sync/atomic"
)

// An Event is an operation of package net.
type Event struct {
	Op      string   // "socket", "bind", "connect" or "getaddrinfo"
	Network string   // of package net; empty for "getaddrinfo"
	Addr    net.Addr // nil for "socket" and "getaddrinfo"
	Name    string   // looked up by "getaddrinfo"
}

// Auditor, if set, is called before each operation, and can refuse it. Package socket
// sets it.
var Auditor atomic.Pointer[func(Event) error]

// Report calls the auditor, if there is one.
func Report(e Event) error {
	if f := Auditor.Load(); f != nil {
		return (*f)(e)
	}
	return nil
}
