package engine

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestOutputOfASlowPeer: the memory for Output does not grow with what was written before, also if
// Output is never empty, and the order stays.
func TestOutputOfASlowPeer(t *testing.T) {
	client, server := resumable(t)
	a, b := newPair(t, client, server)
	if err := pump(a, b); err != nil {
		t.Fatal(err)
	}
	c, err := NewConn(a.r, a.s, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wire, sent, got []byte
	const rounds, size = 2000, 1000
	for i := range rounds {
		data := bytes.Repeat(binary.BigEndian.AppendUint32(nil, uint32(i)), size/4)
		sent = append(sent, data...)
		if err := c.Send(data); err != nil {
			t.Fatal(err)
		}
		if i == rounds/2 {
			if err := c.Rekey(false); err != nil {
				t.Fatal(err)
			}
		}
		n := len(c.Output()) - 700 // what waits
		wire = append(wire, c.Output()[:n]...)
		c.Wrote(n)
		if cap(c.out) > 10*size {
			t.Fatalf("after %d rounds %d bytes wait in %d", i, len(c.Output()), cap(c.out))
		}
	}
	wire = append(wire, c.Output()...)
	for len(wire) > 0 {
		n, ev, err := b.r.Receive(wire)
		if err != nil {
			t.Fatal(err)
		}
		got, wire = append(got, ev.Data...), wire[n:]
	}
	if !bytes.Equal(got, sent) {
		t.Error("the data is another")
	}
}

// TestSendAllocatesOnce: the memory for the records of one Send is not grown record by record.
func TestSendAllocatesOnce(t *testing.T) {
	client, server := resumable(t)
	a, b := newPair(t, client, server)
	if err := pump(a, b); err != nil {
		t.Fatal(err)
	}
	c, err := NewConn(a.r, a.s, nil)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 1<<20)
	n := testing.AllocsPerRun(10, func() {
		if err := c.Send(data); err != nil {
			t.Fatal(err)
		}
		c.Wrote(len(c.Output()))
		c.Release()
	})
	if n > 1 {
		t.Errorf("sending 1 MiB allocates %v times", n)
	}
}
