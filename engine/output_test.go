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

// TestUpdatesOfASlowPeer: a peer that asks for new keys with every record of data, and takes
// nothing, does not make Output grow. One answer goes in front of the next data.
func TestUpdatesOfASlowPeer(t *testing.T) {
	client, server := resumable(t)
	a, b := newPair(t, client, server)
	if err := pump(a, b); err != nil {
		t.Fatal(err)
	}
	c, err := NewConn(b.r, b.s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		a.s.asked = false // or it would wait for the answer
		wire, err := a.s.keyUpdate(nil, true)
		if err == nil {
			wire, err = a.s.Seal(wire, make([]byte, 1<<10))
		}
		for err == nil && len(wire) > 0 {
			var n int
			n, _, err = c.Receive(wire)
			wire = wire[n:]
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.Output()); n > 0 {
		t.Errorf("%d bytes wait", n)
	}
	for want, send := range []func() error{
		func() error { return c.Send([]byte("one")) },
		func() error { return c.Send([]byte("two")) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
		updates, got := 0, ""
		for wire := c.Output(); len(wire) > 0; {
			n, ev, err := a.r.Receive(wire)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range ev.Reply.steps {
				if s.kind == stepKeyUpdate {
					updates++
				}
			}
			got, wire = got+string(ev.Data), wire[n:]
		}
		c.Wrote(len(c.Output()))
		if updates != 1-want || got != []string{"one", "two"}[want] {
			t.Errorf("%d updates and %q", updates, got)
		}
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
	if n > 1 && !racing { // with the detector the pools lose some of what goes back
		t.Errorf("sending 1 MiB allocates %v times", n)
	}
}
