package engine

import (
	"bytes"
	"testing"
	"time"
)

// FuzzDatagramConn gives both sides, and a check of addresses, datagrams from anyone: before a
// handshake, and on an open connection. Nothing panics, and no data comes of it.
func FuzzDatagramConn(f *testing.F) {
	client, server := fuzzConfigs(f)
	l := newLink(f, client, server, DatagramOptions{AddressProved: true})
	l.lose = func(from *end, d []byte) bool {
		f.Add(from == l.server, bytes.Clone(d))
		return false
	}
	l.open(f)
	f.Fuzz(func(t *testing.T, toClient bool, in []byte) {
		client, server := fuzzConfigs(t)
		for _, v := range versionsOfDatagrams {
			client.MaxVersion = v
			fresh := newLink(t, client, server, DatagramOptions{})
			open := newLink(t, client, server, DatagramOptions{AddressProved: true})
			open.open(t)
			for _, l := range []*link{fresh, open} {
				to := l.server
				if toClient {
					to = l.client
				}
				n := len(to.messages)
				for _, part := range [][]byte{in, in[len(in)/2:], in[:len(in)/3]} {
					to.take(to.Receive(l.now, bytes.Clone(part)))
					to.take(to.Expire(l.now.Add(time.Second)))
				}
				if len(to.messages) > n || len(to.early) > 0 {
					t.Fatalf("%v: data of %x", v, in)
				}
			}
		}
		check, err := NewAddressCheck(&server.Config)
		if err != nil {
			t.Fatal(err)
		}
		verdict, reply, _ := check.Check(time.Unix(1e9, 0), []byte("a"), bytes.Clone(in))
		if verdict == AddressProved || len(reply) > amplification*len(in) {
			t.Fatalf("verdict %d and %d bytes for %x", verdict, len(reply), in)
		}
	})
}
