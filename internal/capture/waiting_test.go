package capture

import (
	"net/netip"
	"runtime"
	"testing"
)

// follow has a client send data, behind a SYN if the number is 1.
func (c *reader) follow(port int, data []byte, number uint32) *tracker {
	from := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), uint16(port))
	t := &tracker{reader: c}
	c.all = append(c.all, t)
	server := netip.MustParseAddrPort("192.0.2.1:443")
	t.segment(&segment{from: from, to: server, syn: true})
	t.segment(&segment{from: from, to: server, seq: number, payload: data})
	return t
}

// recordOf returns a record of n bytes of a ClientHello of 64 KiB.
func recordOf(n int) []byte {
	return append([]byte{22, 3, 1, byte(n >> 8), byte(n), 1, 1, 0, 0}, make([]byte, n-4)...)
}

// TestTakenIsFreed has connections that have each sent records and a part of the next one.
func TestTakenIsFreed(t *testing.T) {
	const connections, each = 500, 60_000
	c := newReader(nil)
	alert := []byte{21, 3, 3, 0, 2, 1, 0}
	data := recordOf(4)
	for len(data) < each {
		data = append(data, alert...)
	}
	data = append(data, 21, 3)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range connections {
		c.follow(i, data, 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	waits := c.all[0].sides[0].pending
	if got := int(after.HeapAlloc - before.HeapAlloc); got > connections*each || len(waits) != 2 {
		t.Errorf("%d bytes are kept of %d, and %d wait", got, connections*each, len(waits))
	}
	runtime.KeepAlive(c)
}

// TestWaitingOfAllIsBounded has connections that each lack a segment, or the rest of a record or of
// a message, as in a capture that lacks packets. The oldest are given up, and one that is late is
// followed.
func TestWaitingOfAllIsBounded(t *testing.T) {
	const each = 10_000
	c := newReader(nil)
	c.mostWaiting = 10 * each
	record := recordOf(each)[:each]
	message := recordOf(each)
	gap := make([]byte, each)
	for i := range 100 {
		switch i % 3 {
		case 0:
			c.follow(i, gap, 100)
		case 1:
			c.follow(i, record, 1)
		case 2:
			c.follow(i, message, 1)
		}
		sum := 0
		for _, tr := range c.all {
			sum += tr.waiting()
		}
		if sum > c.mostWaiting || sum != c.waiting {
			t.Fatalf("after %d connections %d bytes wait, and %d are counted", i+1, sum, c.waiting)
		}
		if i == 20 && sum == 0 {
			t.Fatal("nothing waits")
		}
	}
	if why := c.all[1].sides[0].incomplete(false); why == "" {
		t.Error("the oldest connections are complete")
	}
	last := c.follow(1000, record, 1)
	if d := &last.sides[0]; d.broken != "" || len(d.pending) == 0 {
		t.Errorf("the last connection has %d bytes, and is %q", len(d.pending), d.broken)
	}
}
