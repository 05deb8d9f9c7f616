package main

import (
	"bytes"
	"net"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// TestEarlyBytes: of long messages no more is sent before the handshake is done than a server
// keeps, which would drop the rest although it accepts 0-RTT data.
func TestEarlyBytes(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0") // which does not answer
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	raw, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	psk := engine.NewPSK([]byte("name"), bytes.Repeat([]byte{7}, 32))
	psk.MaxEarlyData, psk.CipherSuite = 1<<20, iana.TLS_AES_128_GCM_SHA256
	cfg := new(sealsock.Config)
	cfg.PSKs, cfg.EarlyData, cfg.MTU = []*engine.PSK{psk}, true, 20_000
	conn, err := sealsock.ClientPacket(raw, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	n, err := (&packetConn{Conn: conn}).WriteEarly(make([]byte, 100_000))
	if err != nil || n > maxEarlyBytes || n < maxEarlyBytes/2 {
		t.Errorf("%d bytes are sent early, %v", n, err)
	}
}
