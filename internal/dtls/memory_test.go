package dtls

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// TestSharedMemory: the messages of a record share a piece of memory, of which none reaches that
// of another one, and the piece is bounded: one short message holds all of it.
func TestSharedMemory(t *testing.T) {
	var a Assembler
	a.Begin(1 << 14)
	for seq := range uint16(3) {
		add := Fragment{Type: 4, Seq: seq, Length: 5, Data: []byte("12345")}
		if v, err := a.Add(add, 5); v != Kept || err != nil {
			t.Fatal(v, err)
		}
	}
	if n := len(a.room); n == 0 || n > maxShared {
		t.Errorf("%d bytes are there for other messages", n)
	}
	var all [][]byte
	for raw, ok := a.Take(); ok; raw, ok = a.Take() {
		all = append(all, append(raw, "more"...))
	}
	want := append(message(4, 0)[:3], "\x0512345more"...)
	for i, m := range all {
		if len(all) != 3 || !bytes.Equal(m, want) {
			t.Errorf("message %d of %d is %q", i, len(all), m)
		}
	}
}

// TestFlightSentAgain: a flight that is sent again in smaller datagrams is acknowledged by its
// first records too, and the next flight has nothing of it. One has more messages and records than
// fit into the memory of a flight.
func TestFlightSentAgain(t *testing.T) {
	var f Flight
	plain := &record.PlainDatagrams{Version: iana.DTLS12}
	for _, messages := range []int{1, 2, 9, 1} {
		for i := range messages {
			f.Add(message(iana.HandshakeType(i+1), 300), plain)
		}
		numbers := func(sent [][]byte, err error) (list []record.Number) {
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range sent {
				_, n := fragments(t, d)
				list = append(list, n)
			}
			return list
		}
		first := numbers(f.Send(nil, 700, 0, false))
		again := numbers(f.Send(nil, 200, 0, true))
		if len(again) <= len(first) {
			t.Fatalf("%d datagrams, and then %d", len(first), len(again))
		}
		if !f.Ack(again[:1]) || f.Empty() {
			t.Error("the first record of the second time is not the beginning of the flight")
		}
		if !f.Ack(first) || !f.Empty() || f.Ack(again) {
			t.Errorf("%d messages: the first records are not the flight", messages)
		}
	}
	if list, err := f.Send(nil, 700, 0, true); len(list) > 0 || err != nil {
		t.Errorf("%d datagrams of a flight that is over: %v", len(list), err)
	}
}

// TestFlightsApart: what one flight has is not that of another one, which has begun in memory that
// was given back.
func TestFlightsApart(t *testing.T) {
	var flights [3]Flight
	plain := &record.PlainDatagrams{Version: iana.DTLS12}
	for round := range 20 {
		for i := range flights {
			f := &flights[i]
			f.Clear()
			f.Add(message(iana.HandshakeType(i+1), 100*round), plain)
			f.Add(message(iana.HandshakeType(i+10), 7), plain)
		}
		for i := range flights {
			sent, err := flights[i].Send(nil, 1<<14, 0, false)
			if err != nil || len(sent) != 1 {
				t.Fatal(len(sent), err)
			}
			list, _ := fragments(t, sent[0])
			types := []iana.HandshakeType{list[0].Type, list[1].Type}
			want := []iana.HandshakeType{iana.HandshakeType(i + 1), iana.HandshakeType(i + 10)}
			if len(list) != 2 || !slices.Equal(types, want) || list[0].Length != 100*round {
				t.Fatalf("flight %d has %+v", i, list)
			}
		}
	}
}

// TestDroppedTakesNoMemory: a message of which nothing is kept leaves its memory to the next one.
func TestDroppedTakesNoMemory(t *testing.T) {
	var a Assembler
	const most = maxAheadBytes - messageHeaderLen
	full := Fragment{Seq: 1, Length: most, Data: make([]byte, most)}
	if v, err := a.Add(full, maxAheadBytes); v != Kept || err != nil {
		t.Fatal(v, err)
	}
	more := Fragment{Seq: 2, Length: 9, Data: make([]byte, 9)}
	if v, err := a.Add(more, 9); v != Dropped || err != nil {
		t.Fatal(v, err)
	}
	used := 0
	for i := range a.few {
		if a.few[i].used {
			used++
		}
	}
	if used != 1 {
		t.Errorf("one message is kept, and %d have memory", used)
	}
}
