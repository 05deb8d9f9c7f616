package engine

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// TestReceiveRun: datagrams that stand one behind another bring what each of them would bring, also
// behind one that is damaged or repeated, until the peer closes.
func TestReceiveRun(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		client.ConnectionIDLength, server.ConnectionIDLength = 8, 8
		l := newLink(t, client, server, DatagramOptions{AddressProved: true})
		l.open(t)
		l.server.messages, l.server.kinds = nil, nil
		var run []byte
		size := 0
		for _, text := range []string{"the first", "is damaged", "the third", "repeated", "end"} {
			d, err := l.client.Send(nil, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			switch text {
			case "the first":
				size = len(d)
			case "is damaged":
				d = append(d[:size-1], d[size-1]^1)
			case "repeated":
				d = run[len(run)-size:]
			}
			run = append(run, d...)
		}
		l.server.take(l.server.ReceiveRun(l.now, run, size))
		want := []string{"the first", "the third", "end"}
		var got []string
		for _, m := range l.server.messages {
			got = append(got, string(m))
		}
		if !slices.Equal(got, want) || l.server.err != nil {
			t.Errorf("%v: %q, %v", v, got, l.server.err)
		}
		l.send(t, l.server, l.client, "back")
	}
}

// TestReceiveRunEnds: nothing counts behind an alert that ends the connection.
func TestReceiveRunEnds(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	l := newLink(t, client, server, DatagramOptions{AddressProved: true})
	l.open(t)
	l.server.messages = nil
	before, err := l.client.Send(nil, []byte("ab"))
	behind, e := l.client.Send(nil, []byte("cd"))
	if err != nil || e != nil || l.client.Abort(broken(iana.AlertDecodeError, "a test")) != nil {
		t.Fatal(err, e)
	}
	alert := l.client.NextDatagram()
	run := slices.Concat(before, alert, behind)
	if len(before) != len(alert) {
		t.Fatalf("%d and %d bytes", len(before), len(alert))
	}
	l.server.take(l.server.ReceiveRun(l.now, run, len(before)))
	if l.server.err == nil || len(l.server.messages) != 1 {
		t.Errorf("%q, %v", l.server.messages, l.server.err)
	}
}

// TestReceiveRunSize: a size that datagrams cannot have is an error of the caller's.
func TestReceiveRunSize(t *testing.T) {
	if _, err := (*DatagramConn)(nil).ReceiveRun(time.Time{}, nil, 0); err == nil {
		t.Error("nil receives")
	}
	client, server := datagramConfigs(t, iana.TLS13)
	l := newLink(t, client, server, DatagramOptions{AddressProved: true})
	l.open(t)
	d, err := l.client.Send(nil, []byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, -1} {
		if _, err := l.server.ReceiveRun(l.now, bytes.Clone(d), n); err == nil {
			t.Errorf("a size of %d bytes is taken", n)
		}
	}
	l.send(t, l.client, l.server, "more")
}

// TestDatagramShortHello: a server whose flight is longer than what it may send to an address without
// a proof sends a part of it at once. The client's acknowledgment of that is the proof, which does
// not wait for a retransmission of the hello.
func TestDatagramShortHello(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	client.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
	client.Groups = []iana.NamedGroup{iana.X25519}
	own := server.Credentials[0]
	own.Chain = slices.Repeat(own.Chain, 5)
	l := newLink(t, client, server, DatagramOptions{})
	start := l.now
	l.open(t)
	if took := l.now.Sub(start); took >= time.Second {
		t.Errorf("the handshake took %v", took)
	}
}
