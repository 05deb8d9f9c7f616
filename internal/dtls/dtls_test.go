package dtls

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// message returns a message as in TLS, with a body of n bytes.
func message(typ iana.HandshakeType, n int) []byte {
	b := appendUint24([]byte{byte(typ)}, n)
	for i := range n {
		b = append(b, byte(i*7+int(typ)))
	}
	return b
}

// fragments returns what a datagram without protection holds.
func fragments(t *testing.T, datagram []byte) (list []Fragment, number record.Number) {
	t.Helper()
	for len(datagram) > 0 {
		r, rest, ok := record.NextRecord(datagram, 0)
		if !ok {
			t.Fatalf("no record at the start of %x", datagram)
		}
		typ, payload, n, err := new(record.PlainDatagrams).OpenDatagram(r)
		if err != nil {
			t.Fatal(err)
		}
		for number = n; typ == iana.ContentHandshake && len(payload) > 0; {
			var f Fragment
			if f, payload, ok = ParseFragment(payload); !ok {
				t.Fatal("a malformed fragment")
			}
			list = append(list, f)
		}
		datagram = rest
	}
	return list, number
}

// Messages that a Flight sends in datagrams of any size come out of an Assembler in order and
// unchanged, whatever the order of the datagrams and however often each comes.
func TestFlightToAssembler(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, mtu := range []int{64, 256, 1200, 9000} {
		for range 50 {
			var f Flight
			plain := &record.PlainDatagrams{Version: iana.DTLS12}
			var want [][]byte
			for i := range 5 {
				m := message(iana.HandshakeType(i+1), random.IntN(3000)*(i%3))
				want = append(want, m)
				f.Add(m, plain)
			}
			sent, err := f.Send(nil, mtu, 0, false)
			if err != nil || f.Unsent() {
				t.Fatalf("MTU %d: %v", mtu, err)
			}
			sent = append(sent, sent...)
			random.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
			var a Assembler
			var got [][]byte
			for range 2 { // what does not fit at first is sent again
				for _, datagram := range sent {
					if len(datagram) > mtu {
						t.Fatalf("a datagram of %d bytes, MTU %d", len(datagram), mtu)
					}
					list, _ := fragments(t, datagram)
					a.Begin(len(datagram))
					for _, fragment := range list {
						if _, err := a.Add(fragment, 1<<16); err != nil {
							t.Fatal(err)
						}
					}
					for m, ok := a.Take(); ok; m, ok = a.Take() {
						got = append(got, m)
					}
				}
			}
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Fatalf("MTU %d: %d messages, expected %d", mtu, len(got), len(want))
			}
			if a.Begin(0); a.ahead != 0 || a.Pending() || a.room != nil {
				t.Fatalf("%d bytes are kept behind the last message", a.ahead)
			}
		}
	}
}

// A Flight sends again what was not acknowledged, and nothing else.
func TestFlightAck(t *testing.T) {
	var f Flight
	plain := &record.PlainDatagrams{Version: iana.DTLS12}
	f.Add(message(1, 1000), plain)
	f.Add(message(2, 0), plain)
	sent, err := f.Send(nil, 300, 0, false)
	if err != nil || len(sent) < 4 {
		t.Fatalf("%d datagrams, %v", len(sent), err)
	}
	lost, _ := fragments(t, sent[1])
	var acks Acks
	for i, datagram := range sent {
		if _, n := fragments(t, datagram); i != 1 {
			acks.Add(n)
		}
	}
	numbers, ok := ParseAck(acks.Message(1000))
	if !ok || len(numbers) != len(sent)-1 || !slices.IsSortedFunc(numbers, record.Number.Compare) {
		t.Fatalf("%v, %v", numbers, ok)
	}
	if !f.Ack(numbers) || f.Ack(numbers) || f.Empty() {
		t.Error("an ACK counts once, and does not end the flight")
	}
	again, err := f.Send(nil, 300, 0, true)
	if err != nil || len(again) != 1 {
		t.Fatalf("%d datagrams, %v", len(again), err)
	}
	got, n := fragments(t, again[0])
	same := len(got) == 1 && got[0].Offset == lost[0].Offset && bytes.Equal(got[0].Data, lost[0].Data)
	if !same {
		t.Errorf("%+v, expected %+v", got, lost)
	}
	if !f.Ack([]record.Number{n}) || !f.Empty() {
		t.Error("the flight does not end when all of it is acknowledged")
	}
}

func TestSmallMTU(t *testing.T) {
	var f Flight
	f.Add(message(1, 10), &record.PlainDatagrams{})
	if _, err := f.Send(nil, record.DatagramHeaderLen+FragmentHeaderLen, 0, false); err == nil {
		t.Error("a flight fits into datagrams without room")
	}
}

func TestAssemblerBounds(t *testing.T) {
	var a Assembler
	add := func(f Fragment) (Verdict, error) { return a.Add(f, 1<<17) }
	v, err := add(Fragment{Type: 1, Seq: maxAhead + 1, Length: 1, Data: []byte{1}})
	if v != Dropped || err != nil {
		t.Errorf("a message too far ahead: %v, %v", v, err)
	}
	if _, err := add(Fragment{Type: 1, Length: 1<<17 + 1}); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long message: %v", err)
	}
	kept := 0
	for seq := range uint16(maxAhead) {
		for offset := 0; offset < 1<<17; offset += 1 << 12 {
			part := make([]byte, 1<<12)
			v, err := add(Fragment{Type: 1, Seq: seq + 1, Length: 1 << 17, Offset: offset, Data: part})
			if err != nil {
				t.Fatal(err)
			}
			if v == Kept {
				kept += 1 << 12
			}
		}
	}
	if kept < maxAheadBytes/2 || kept > maxAheadBytes || a.ahead > maxAheadBytes {
		t.Errorf("%d bytes are kept for later messages, the bound is %d", kept, maxAheadBytes)
	}
	for offset := range 4 * maxRanges {
		_, err := add(Fragment{Type: 1, Length: 1 << 12, Offset: 2 * offset, Data: []byte{1}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.parts[0].ranges); n > maxRanges {
		t.Errorf("%d ranges, the bound is %d", n, maxRanges)
	}
	if _, err := add(Fragment{Type: 2, Length: 1 << 12}); !errors.Is(err, ErrMismatch) {
		t.Errorf("a fragment of another type: %v", err)
	}
	if _, err := add(Fragment{Type: 1, Length: 1<<12 + 1}); !errors.Is(err, ErrMismatch) {
		t.Errorf("a fragment of another length: %v", err)
	}
}

// TestAssemblerWraps: the number behind 65,535 is 0.
func TestAssemblerWraps(t *testing.T) {
	var a Assembler
	a.StartAt(1<<16 - 2)
	for _, seq := range []uint16{0, 1<<16 - 1, 1} {
		if v, err := a.Add(Fragment{Type: 4, Seq: seq}, 1); v != Kept || err != nil {
			t.Errorf("message %d ahead: %v, %v", seq, v, err)
		}
	}
	if v, _ := a.Add(Fragment{Type: 4, Seq: 1<<16 - 3}, 1); v != Old {
		t.Errorf("the message before: %v", v)
	}
	a.Add(Fragment{Type: 4, Seq: 1<<16 - 2}, 1)
	for want := range 4 {
		if _, ok := a.Take(); !ok {
			t.Errorf("message %d is not whole", want)
		}
	}
	if v, _ := a.Add(Fragment{Type: 4, Seq: 1<<16 - 1}, 1); v != Old || a.Next() != 2 {
		t.Errorf("an old message: %v, and %d is next", v, a.Next())
	}
}

func TestTimer(t *testing.T) {
	var timer Timer
	now := time.Unix(1, 0)
	if timer.Expired(now) {
		t.Error("a timer that was not set expires")
	}
	timer.Start(now)
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got := timer.Deadline().Sub(now); got != want*time.Second {
			t.Fatalf("timeout %d after %v, expected %d s", i, got, want)
		}
		now = timer.Deadline()
		if !timer.Expired(now) || timer.Expired(now.Add(-1)) {
			t.Fatal("the timer does not expire at its deadline")
		}
		if n := timer.Backoff(now); n != i+1 {
			t.Fatalf("%d timeouts, expected %d", n, i+1)
		}
	}
	if timer.Stop(); !timer.Deadline().IsZero() || timer.Duration() != FirstTimeout {
		t.Error("a timer that was stopped is set")
	}
}

func TestAcksBound(t *testing.T) {
	var a Acks
	for i := range uint64(2 * MaxAcks) {
		a.Add(record.Number{Epoch: 2, Sequence: i})
	}
	list, ok := ParseAck(a.Message(1 << 16))
	if !ok || len(list) != MaxAcks || list[0].Sequence != MaxAcks {
		t.Errorf("%d numbers, %v: %v", len(list), ok, list)
	}
	list, ok = ParseAck(a.Message(2 + 3*16 + 15))
	if !ok || len(list) != 3 || list[2].Sequence != 2*MaxAcks-1 {
		t.Errorf("in little room: %v, %v", list, ok)
	}
	for _, bad := range []string{"", "\x00", "\x00\x01", "\x00\x00\x00",
		"\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08"} {
		if _, ok := ParseAck([]byte(bad)); ok {
			t.Errorf("%x is taken for an ACK", bad)
		}
	}
}

// No fragment makes an Assembler panic, keep more than its bound, or deliver a message of
// another length than it has.
func FuzzAssembler(f *testing.F) {
	f.Add(Fragment{Type: 1, Length: 3, Data: []byte("abc")}.AppendTo(nil))
	f.Add(Fragment{Type: 1, Length: 3, Offset: 1, Data: []byte("b")}.AppendTo(
		Fragment{Type: 2, Length: 2, Seq: 1, Data: []byte("ab")}.AppendTo(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Assembler
		for {
			fragment, rest, ok := ParseFragment(b)
			if !ok {
				return
			}
			if again := fragment.AppendTo(nil); !bytes.Equal(again, b[:len(again)]) {
				t.Fatalf("%x becomes %x", b, again)
			}
			if _, err := a.Add(fragment, 1<<16); err != nil {
				return
			}
			if a.ahead > maxAheadBytes {
				t.Fatalf("%d bytes are kept for later messages", a.ahead)
			}
			for m, ok := a.Take(); ok; m, ok = a.Take() {
				if uint24(m[1:]) != len(m)-messageHeaderLen {
					t.Fatalf("a message of %d bytes: %x", len(m), m)
				}
			}
			b = rest
		}
	})
}

func FuzzAck(f *testing.F) {
	var a Acks
	a.Add(record.Number{Epoch: 2, Sequence: 3})
	f.Add(a.Message(100))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, ok := ParseAck(b)
		if ok && len(list) != (len(b)-2)/ackLen {
			t.Fatalf("%d numbers in %d bytes", len(list), len(b))
		}
	})
}

// FuzzParseCheck: what parses is what was appended.
func FuzzParseCheck(f *testing.F) {
	f.Add(Check{PathChallenge, CheckCookie{1, 2, 3}}.AppendTo(nil))
	f.Add(Check{PathDrop, CheckCookie{7: 9}}.AppendTo(nil))
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := ParseCheck(b); ok && (!bytes.Equal(m.AppendTo(nil), b) || m.Type > PathDrop) {
			t.Fatalf("%x is %v", b, m)
		}
	})
}
