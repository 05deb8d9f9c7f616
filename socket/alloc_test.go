//go:build (linux || darwin || freebsd) && !race

package socket_test

import (
	"context"
	"testing"

	"github.com/sealsock/sealsock/socket"
)

// TestAllocations holds the hot path to no allocation.
func TestAllocations(t *testing.T) {
	a, b := pair(t, socket.Stream)
	x, y := tcpPair(t)
	buf := make([]byte, 100)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	m := socket.Message{Buffers: [][]byte{buf}}
	for name, f := range map[string]func(){
		"Write and Read": func() { _, _ = a.Write(buf); _, _ = b.Read(buf) },
		"Send and Recv": func() {
			_, _ = a.Send(background, buf, 0)
			_, _ = b.Recv(background, buf, 0)
		},
		"Send and Recv with a context": func() {
			_, _ = a.Send(ctx, buf, 0)
			_, _ = b.Recv(ctx, buf, 0)
		},
		"SendAll and RecvInto over TCP": func() {
			_, _ = x.SendAll(ctx, buf, 0)
			_, _ = y.RecvInto(background, buf, 0)
		},
		"NonBlocking": func() {
			_, _ = x.NonBlocking().Send(buf, 0)
			_, _ = y.RecvInto(ctx, buf, 0)
		},
		"RecvMsg": func() {
			_, _ = a.Send(background, buf, 0)
			_, _ = b.RecvMsg(background, &m, 0)
		},
		"SendMsg": func() {
			_, _ = a.SendMsg(background, &m, 0)
			_, _ = b.Recv(background, buf, 0)
		},
	} {
		if n := testing.AllocsPerRun(1000, f); n >= 1 {
			t.Errorf("%s: %.1f allocations", name, n)
		}
	}
}
