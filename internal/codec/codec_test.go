package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/sealsock/sealsock/internal/codec"
)

func Example() {
	b := codec.NewBuilder(nil)
	b.AddUint16(0x0304)
	list := b.Begin16()
	b.AddVector8([]byte("h2"))
	b.AddVector8([]byte("http/1.1"))
	b.End16(list)
	out, err := b.Bytes()
	fmt.Printf("%x %v\n", out, err)

	r := codec.NewReader(out)
	version, _ := r.Uint16()
	content, ok := r.Vector16()
	fmt.Printf("%#x %q %v %v\n", version, content, ok, r.Empty())
	// Output:
	// 0304000c02683208687474702f312e31 <nil>
	// 0x304 "\x02h2\bhttp/1.1" true true
}

func TestReader(t *testing.T) {
	input := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	for _, tt := range []struct {
		name string
		read func(*codec.Reader) (uint64, bool)
		want uint64
		rest int
	}{
		{"Uint8", func(r *codec.Reader) (uint64, bool) { v, ok := r.Uint8(); return uint64(v), ok }, 0x01, 7},
		{"Uint16", func(r *codec.Reader) (uint64, bool) { v, ok := r.Uint16(); return uint64(v), ok }, 0x0102, 6},
		{"Uint24", func(r *codec.Reader) (uint64, bool) { v, ok := r.Uint24(); return uint64(v), ok }, 0x010203, 5},
		{"Uint32", func(r *codec.Reader) (uint64, bool) { v, ok := r.Uint32(); return uint64(v), ok }, 0x01020304, 4},
		{"Uint64", func(r *codec.Reader) (uint64, bool) { return r.Uint64() }, 0x0102030405060708, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := codec.NewReader(input)
			if v, ok := tt.read(&r); !ok || v != tt.want || r.Len() != tt.rest {
				t.Errorf("%#x, %v, %d left; want %#x and %d left", v, ok, r.Len(), tt.want, tt.rest)
			}
			short := codec.NewReader(input[:len(input)-tt.rest-1])
			n := short.Len()
			if v, ok := tt.read(&short); ok || v != 0 || short.Len() != n {
				t.Errorf("short input: %#x, %v, %d left; want a refusal that takes nothing", v, ok, short.Len())
			}
		})
	}
}

func TestReaderVectors(t *testing.T) {
	for _, tt := range []struct {
		name string
		read func(*codec.Reader) ([]byte, bool)
		in   string
		want string
		ok   bool
		rest int
	}{
		{"8", (*codec.Reader).Vector8, "\x02abc", "ab", true, 1},
		{"8 empty", (*codec.Reader).Vector8, "\x00", "", true, 0},
		{"8 no length", (*codec.Reader).Vector8, "", "", false, 0},
		{"8 short", (*codec.Reader).Vector8, "\x03ab", "", false, 3},
		{"16", (*codec.Reader).Vector16, "\x00\x02abc", "ab", true, 1},
		{"16 half a length", (*codec.Reader).Vector16, "\x00", "", false, 1},
		{"16 short", (*codec.Reader).Vector16, "\x01\x00ab", "", false, 4},
		{"24", (*codec.Reader).Vector24, "\x00\x00\x02abc", "ab", true, 1},
		{"24 half a length", (*codec.Reader).Vector24, "\x00\x00", "", false, 2},
		{"24 short", (*codec.Reader).Vector24, "\xff\xff\xffab", "", false, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := codec.NewReader([]byte(tt.in))
			v, ok := tt.read(&r)
			if string(v) != tt.want || ok != tt.ok || r.Len() != tt.rest {
				t.Errorf("%q, %v, %d left; want %q, %v, %d left", v, ok, r.Len(), tt.want, tt.ok, tt.rest)
			}
		})
	}
}

func TestReaderBytes(t *testing.T) {
	input := []byte("abcdef")
	r := codec.NewReader(input)
	if b, ok := r.Bytes(-1); ok || b != nil {
		t.Errorf("Bytes(-1) = %q, %v", b, ok)
	}
	if b, ok := r.Bytes(7); ok || b != nil {
		t.Errorf("Bytes(7) = %q, %v", b, ok)
	}
	b, ok := r.Bytes(2)
	if !ok || string(b) != "ab" {
		t.Errorf("Bytes(2) = %q, %v", b, ok)
	}
	_ = append(b, 'X')
	if input[2] != 'c' {
		t.Error("appending to a part wrote into its neighbour")
	}
	if rest := r.Rest(); string(rest) != "cdef" || cap(rest) != 4 || !r.Empty() {
		t.Errorf("Rest = %q, capacity %d", rest, cap(rest))
	}
}

func TestBuilder(t *testing.T) {
	b := codec.NewBuilder([]byte("before"))
	outer := b.Begin24()
	b.AddUint8(1)
	b.AddUint24(0x020304)
	b.AddUint32(0x05060708)
	b.AddUint64(0x090a0b0c0d0e0f10)
	keep := b.Len()
	b.AddString("taken back")
	b.Truncate(keep)
	inner := b.Begin16()
	b.AddVector8([]byte("x"))
	b.AddVector16([]byte("y"))
	b.AddVector24(nil)
	b.AddZeros(2)
	b.End16(inner)
	b.End24(outer)
	got, err := b.Bytes()
	want := "before\x00\x00\x1c\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10" +
		"\x00\x0a\x01x\x00\x01y\x00\x00\x00\x00\x00"
	if string(got) != want || err != nil {
		t.Errorf("%q, %v\nwant %q", got, err, want)
	}
}

func TestBuilderErrors(t *testing.T) {
	first := errors.New("first")
	for _, tt := range []struct {
		name  string
		build func(*codec.Builder)
		want  string
	}{
		{"vector 8", func(b *codec.Builder) { b.AddVector8(make([]byte, 256)) }, "vector of 256 bytes: its length has only 8 bits"},
		{"vector 16", func(b *codec.Builder) { b.AddVector16(make([]byte, 1<<16)) }, "vector of 65536 bytes: its length has only 16 bits"},
		{"vector 24", func(b *codec.Builder) { b.AddVector24(make([]byte, 1<<24)) }, "vector of 16777216 bytes: its length has only 24 bits"},
		{"uint24", func(b *codec.Builder) { b.AddUint24(1 << 24) }, "16777216 does not fit into 24 bits"},
		{"first one stays", func(b *codec.Builder) { b.Fail(nil); b.Fail(first); b.AddUint24(1 << 24) }, "first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := codec.NewBuilder([]byte("before"))
			tt.build(&b)
			got, err := b.Bytes()
			if err == nil || err.Error() != tt.want || string(got) != "before" {
				t.Errorf("%q, %v; want the buffer as it was and %q", got, err, tt.want)
			}
		})
	}
	b := codec.NewBuilder([]byte("before"))
	b.AddVector8(make([]byte, 255))
	b.Truncate(0)
	if got, err := b.Bytes(); string(got) != "before" || err != nil {
		t.Errorf("%q, %v: Truncate reached into the caller's bytes", got, err)
	}
}

// FuzzReader reads in the steps that script gives. The parts, in order, must
// make up the input, and no byte is read twice.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, []byte("\x01a\x00\x01b\x00\x00\x01cdefghijklmnopqrstuvw"))
	f.Add([]byte{5, 6, 7}, []byte{255, 255, 255})
	f.Fuzz(func(t *testing.T, script, input []byte) {
		r := codec.NewReader(input)
		for _, step := range script {
			before := r.Len()
			taken, ok := take(&r, step)
			if !ok {
				taken = 0
			}
			if r.Len() != before-taken {
				t.Fatalf("step %d: took %d, said %d", step, before-r.Len(), taken)
			}
			if rest := r; !bytes.HasSuffix(input, rest.Rest()) {
				t.Fatal("what is left is not the end of the input")
			}
		}
	})
}

func take(r *codec.Reader, step byte) (n int, ok bool) {
	var b []byte
	switch step % 9 {
	case 0:
		_, ok = r.Uint8()
		return 1, ok
	case 1:
		_, ok = r.Uint16()
		return 2, ok
	case 2:
		_, ok = r.Uint24()
		return 3, ok
	case 3:
		_, ok = r.Uint32()
		return 4, ok
	case 4:
		_, ok = r.Uint64()
		return 8, ok
	case 5:
		b, ok = r.Vector8()
		return 1 + len(b), ok
	case 6:
		b, ok = r.Vector16()
		return 2 + len(b), ok
	case 7:
		b, ok = r.Vector24()
		return 3 + len(b), ok
	}
	b, ok = r.Bytes(int(step) / 9)
	return len(b), ok
}

// FuzzBuilder reads back what it wrote.
func FuzzBuilder(f *testing.F) {
	f.Add(uint64(1<<40), []byte("abc"), []byte("in front"))
	f.Add(uint64(0), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, number uint64, content, front []byte) {
		b := codec.NewBuilder(bytes.Clone(front))
		b.AddUint64(number)
		mark := b.Begin24()
		b.AddVector16(content)
		b.End24(mark)
		out, err := b.Bytes()
		if err != nil {
			if len(content) < 1<<16 {
				t.Fatal(err)
			}
			return
		}
		r := codec.NewReader(out)
		before, _ := r.Bytes(len(front))
		got, _ := r.Uint64()
		outer, ok := r.Vector24()
		inner := codec.NewReader(outer)
		back, fits := inner.Vector16()
		if !bytes.Equal(before, front) || got != number || !ok || !fits || !bytes.Equal(back, content) || !r.Empty() || !inner.Empty() {
			t.Fatalf("wrote %d %x, read %d %x", number, content, got, back)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	buf := make([]byte, 0, 64)
	content := []byte("content")
	if n := testing.AllocsPerRun(100, func() { roundTrip(buf, content) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	buf := make([]byte, 0, 64)
	content := []byte("content")
	b.ReportAllocs()
	for b.Loop() {
		roundTrip(buf, content)
	}
}

func roundTrip(buf, content []byte) bool {
	w := codec.NewBuilder(buf)
	mark := w.Begin24()
	w.AddUint16(0x0304)
	w.AddVector16(content)
	w.End24(mark)
	out, err := w.Bytes()
	r := codec.NewReader(out)
	outer, _ := r.Vector24()
	inner := codec.NewReader(outer)
	inner.Uint16()
	_, ok := inner.Vector16()
	return ok && err == nil
}
