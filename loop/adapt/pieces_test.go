package adapt_test

import (
	"bytes"
	"crypto/rand"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/loop/adapt"
)

// seal returns what d writes for data, instead of giving it to its peer.
func (d *direct) seal(t *testing.T, data []byte) (sealed []byte) {
	t.Helper()
	d.held = &sealed
	defer func() { d.held = nil }()
	d.conn.Do(func(c *adapt.Conn) {
		if _, err := c.Write(data); err != nil {
			t.Error(err)
		}
	})
	return sealed
}

// receive gives b to d in pieces of n bytes.
func (d *direct) receive(b []byte, n int) {
	for len(b) > 0 {
		n := min(n, len(b))
		d.Wait(func() { d.conn.Receive(b[:n]) })
		b = b[n:]
	}
}

// inMemory connects a client whose Handler does nothing to a server with h, and calls f.
func inMemory(t *testing.T, h adapt.Handler, f func(client, server *direct)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg, serverCfg := configs(t)
		e, err := adapt.NewClient(cfg, new(handler))
		if err != nil {
			t.Fatal(err)
		}
		f(join(t, e, server(t, serverCfg, h)))
	})
}

// TestPieces: the data is the same however the records are cut.
func TestPieces(t *testing.T) {
	var got []byte
	h := &handler{data: func(_ *adapt.Conn, data []byte) { got = append(got, data...) }}
	inMemory(t, h, func(a, b *direct) {
		for _, size := range []int{
			1, 4, 5, 1000, engine.MaxRecord / 4, engine.MaxRecord/4 + 1, 16_000, 16_406, 20_000,
			64 << 10, 1 << 20,
		} {
			data := make([]byte, 150_000)
			rand.Read(data)
			got = nil
			b.receive(a.seal(t, data), size)
			if !bytes.Equal(got, data) {
				t.Errorf("in pieces of %d bytes the data is another", size)
			}
		}
	})
}

// TestPiecesWithLittleRoom: a part of a record is kept whatever Endpoint.WriteLimit is.
func TestPiecesWithLittleRoom(t *testing.T) {
	n := 0
	h := &handler{data: func(_ *adapt.Conn, data []byte) { n += len(data) }}
	inMemory(t, h, func(a, b *direct) {
		sealed := a.seal(t, make([]byte, 100_000))
		adapt.SetWriteLimit(b.conn, 100)
		if b.receive(sealed, 16_000); n != 100_000 {
			t.Errorf("%d bytes came", n)
		}
	})
}

// TestBulkAllocatesLittle: buffers are used again, those of input as those of output.
func TestBulkAllocatesLittle(t *testing.T) {
	var echoed []byte
	inMemory(t, echo(), func(a, b *direct) {
		b.held = &echoed
		data := make([]byte, 64<<10)
		step := func() {
			sealed := a.seal(t, data)
			runtime.ReadMemStats(&before)
			b.receive(sealed, 50_000)
			runtime.ReadMemStats(&after)
			echoed = echoed[:0]
		}
		defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties the pools
		const rounds = 100
		for range 3 {
			step()
		}
		spent := uint64(0)
		for range rounds {
			step()
			spent += after.TotalAlloc - before.TotalAlloc
		}
		t.Logf("%d bytes are allocated for each 64 KiB", spent/rounds)
		if spent/rounds > mostAllocated {
			t.Errorf("an echo of 64 KiB allocates %d bytes, more than %d", spent/rounds, mostAllocated)
		}
	})
}

var before, after runtime.MemStats

// TestPartsHoldLittle: a connection that waits for the rest of a record holds at most four times
// what came of it, and no more than one record.
func TestPartsHoldLittle(t *testing.T) {
	h := new(handler)
	inMemory(t, h, func(a, b *direct) {
		sealed := a.seal(t, make([]byte, 16_384))
		for n := 1; n < len(sealed); n++ {
			b.receive(sealed[n-1:n], 1)
			held := adapt.Held(b.conn)
			if held > min(max(64, 4*n+4), engine.MaxRecord) {
				t.Fatalf("after %d bytes of a record the connection holds %d", n, held)
			}
		}
	})
}
