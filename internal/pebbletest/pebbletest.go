// Package pebbletest runs pebble, Let's Encrypt's test server of ACME, for tests.
package pebbletest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Directory is the path of its directory.
const Directory = wfe.DirectoryPath

// Start runs Let's Encrypt's test server in this process. It looks for proofs
// on the given ports of this machine, whatever the name.
func Start(t *testing.T, httpPort, tlsPort int) *httptest.Server {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "20") // now and then a nonce is refused, as in life
	dns := nameServer(t)
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{
		"default": {ValidityPeriod: 90 * 24 * 3600},
	})
	checker := va.New(quiet, httpPort, tlsPort, true, dns, store)
	front := wfe.New(quiet, store, checker, issuer, []string{"pebble.test"}, true, false, 1, 1)
	s := httptest.NewTLSServer(front.Handler())
	t.Cleanup(s.Close)
	return s
}

// nameServer starts a name server that has 127.0.0.1 for every name, and returns its address.
// It serves UDP and TCP on one number, and the authority asks over TCP. Another process may
// hold the number for TCP, or take it between two calls: then it tries another one.
func nameServer(t *testing.T) string {
	t.Helper()
	for range 10 {
		names, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dns := names.LocalAddr().String()
		names.Close()
		resolver, err := challtestsrv.New(challtestsrv.Config{
			DNSAddrs: []string{dns}, Log: log.New(io.Discard, "", 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		resolver.SetDefaultDNSIPv4("127.0.0.1")
		resolver.SetDefaultDNSIPv6("")
		go resolver.Run()
		if answers("udp", dns) && answers("tcp", dns) {
			t.Cleanup(resolver.Shutdown)
			return dns
		}
		resolver.Shutdown()
	}
	t.Fatal("no name server answers")
	return ""
}

// answers waits until a name server does so over udp or tcp.
func answers(network, dns string) bool {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, dns)
	}}
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		all, err := r.LookupHost(ctx, "ready.example.test.")
		cancel()
		if err == nil && len(all) > 0 && all[0] == "127.0.0.1" {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
