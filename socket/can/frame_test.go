package can

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

func TestFrames(t *testing.T) {
	for text, f := range map[string]Frame{
		"123#DEADBEEF":         {ID: 0x123, Data: []byte{0xde, 0xad, 0xbe, 0xef}},
		"0000007B#":            {ID: 0x7b | ExtendedFlag, Data: []byte{}},
		"7FF#R":                {ID: 0x7ff | RemoteFlag, Data: []byte{}},
		"20000040#01":          {ID: 0x40 | ErrorFlag, Data: []byte{1}},
		"001##3" + twelve:      {ID: 1, FD: true, BitRate: true, ErrorActive: true, Data: make([]byte, 12)},
		"1FFFFFFF##0" + twelve: {ID: 0x1fffffff | ExtendedFlag, FD: true, Data: make([]byte, 12)},
	} {
		if f.String() != text {
			t.Errorf("%v, want %s", f, text)
		}
		if err := f.check(); err != nil {
			t.Errorf("%v: %v", f, err)
		}
		if g, err := parseFrame(appendFrame(nil, f)); err != nil || !reflect.DeepEqual(f, g) {
			t.Errorf("%v came back as %v, %v", f, g, err)
		}
	}
	for name, f := range map[string]Frame{
		"9 bytes":          {Data: make([]byte, 9)},
		"65 bytes":         {FD: true, Data: make([]byte, 65)},
		"an FD length":     {FD: true, Data: make([]byte, 9)},
		"29 bits":          {ID: 0x800},
		"classic bit rate": {BitRate: true},
	} {
		if f.check() == nil {
			t.Errorf("%s: %v can be sent", name, f)
		}
	}
}

const twelve = "000000000000000000000000"

func TestBCMMessages(t *testing.T) {
	for _, m := range []BCMMessage{
		{Opcode: TxSetup, Flags: SetTimer | StartTimer, Count: 3, Interval1: 1500 * time.Millisecond, Interval2: 20 * time.Microsecond,
			ID: 0x123, Frames: []Frame{{ID: 0x123, Data: []byte{1}}, {ID: 0x123, Data: []byte{2}}}},
		{Opcode: RxSetup, Flags: FDFrame, ID: 5, Frames: []Frame{{ID: 5, FD: true, Data: make([]byte, 64)}}},
		{Opcode: TxDelete, ID: 9 | ExtendedFlag},
	} {
		raw, err := appendBCM(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := parseBCM(raw); err != nil || !reflect.DeepEqual(m, g) {
			t.Errorf("%+v came back as %+v, %v", m, g, err)
		}
		if _, err := parseBCM(append(bytes.Clone(raw), 0)); err == nil {
			t.Error("a message with a byte too many")
		}
	}
	for name, m := range map[string]BCMMessage{
		"frames":   {Frames: make([]Frame, 300)},
		"interval": {Interval1: -1},
		"mixed":    {Frames: []Frame{{FD: true}}},
		"a frame":  {Frames: []Frame{{Data: make([]byte, 20)}}},
	} {
		if _, err := appendBCM(nil, m); err == nil {
			t.Errorf("%s: can be sent", name)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, Frame{ID: 1, Data: []byte("data")}))
	f.Add(appendFrame(nil, Frame{ID: 1, FD: true, Data: make([]byte, 64)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := parseFrame(b)
		if err != nil || frame.check() != nil {
			return
		}
		if g, err := parseFrame(appendFrame(nil, frame)); err != nil || !reflect.DeepEqual(frame, g) {
			t.Fatalf("%v is not %v, %v", frame, g, err)
		}
	})
}

func FuzzBCM(f *testing.F) {
	raw, _ := appendBCM(nil, BCMMessage{Opcode: RxChanged, Frames: []Frame{{Data: []byte{1}}}})
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseBCM(b)
		if err == nil && len(m.Frames)*classicSize > len(b) {
			t.Fatalf("%d frames in %d bytes", len(m.Frames), len(b))
		}
	})
}
