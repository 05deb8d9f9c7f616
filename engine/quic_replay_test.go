package engine

import (
	"bytes"
	"fmt"
	"testing"
)

// TestQUICReplay: 0-RTT data is accepted once for each ClientHello, and an attempt that
// AcceptEarly refuses is not remembered.
func TestQUICReplay(t *testing.T) {
	client, server := quicConfigs(t)
	ticket := QUICTicket{EarlyData: true, Extra: []byte("remembered")}
	client.Session = quicSession(t, client, server, ticket)
	c, first := newQUICPair(t, client, server)
	must(t, c.start())
	hello := c.out[0]
	accepted := func(s *ownQUIC) bool {
		t.Helper()
		must(t, s.handle(quicFrame{hello.level, bytes.Clone(hello.data)}))
		if s.State().EarlyData != (s.read[QUICEarly] != nil) {
			t.Error("State.EarlyData is not what happens")
		}
		return s.State().EarlyData
	}
	_, refuses := newQUICPair(t, client, server)
	refuses.side.early = func(*Session) bool { return false }
	_, second := newQUICPair(t, client, server)
	got := fmt.Sprint(accepted(refuses), accepted(first), accepted(second))
	if got != "false true false" {
		t.Error(got)
	}
}
