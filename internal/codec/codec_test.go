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
	list := b.Begin(2)
	b.AddVector(1, []byte("h2"))
	b.AddVector(1, []byte("http/1.1"))
	b.End(list)
	out, err := b.Bytes()
	fmt.Printf("%x %v\n", out, err)

	r := codec.NewReader(out)
	version, _ := r.Uint(2)
	content, ok := r.Vector(2)
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
		{"Uint8", func(r *codec.Reader) (uint64, bool) { return r.Uint(1) }, 0x01, 7},
		{"Uint16", func(r *codec.Reader) (uint64, bool) { return r.Uint(2) }, 0x0102, 6},
		{"Uint24", func(r *codec.Reader) (uint64, bool) { return r.Uint(3) }, 0x010203, 5},
		{"Uint32", func(r *codec.Reader) (uint64, bool) { return r.Uint(4) }, 0x01020304, 4},
		{"Uint64", func(r *codec.Reader) (uint64, bool) { return r.Uint(8) }, 0x0102030405060708, 0},
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
		name  string
		width int
		in    string
		want  string
		ok    bool
		rest  int
	}{
		{"8", 1, "\x02abc", "ab", true, 1},
		{"8 empty", 1, "\x00", "", true, 0},
		{"8 no length", 1, "", "", false, 0},
		{"8 short", 1, "\x03ab", "", false, 3},
		{"16", 2, "\x00\x02abc", "ab", true, 1},
		{"16 half a length", 2, "\x00", "", false, 1},
		{"16 short", 2, "\x01\x00ab", "", false, 4},
		{"24", 3, "\x00\x00\x02abc", "ab", true, 1},
		{"24 half a length", 3, "\x00\x00", "", false, 2},
		{"24 short", 3, "\xff\xff\xffab", "", false, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := codec.NewReader([]byte(tt.in))
			v, ok := r.Vector(tt.width)
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
	outer := b.Begin(3)
	b.AddUint8(1)
	b.AddUint24(0x020304)
	b.AddUint32(0x05060708)
	b.AddUint32(0x090a0b0c)
	b.AddUint32(0x0d0e0f10)
	keep := b.Len()
	b.AddString("taken back")
	b.Truncate(keep)
	inner := b.Begin(2)
	b.AddVector(1, []byte("x"))
	b.AddVector(2, []byte("y"))
	b.AddVector(3, nil)
	b.AddZeros(2)
	b.End(inner)
	b.End(outer)
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
		{"vector 8", func(b *codec.Builder) { b.AddVector(1, make([]byte, 256)) }, "vector of 256 bytes: its length has only 8 bits"},
		{"vector 16", func(b *codec.Builder) { b.AddVector(2, make([]byte, 1<<16)) }, "vector of 65536 bytes: its length has only 16 bits"},
		{"vector 24", func(b *codec.Builder) { b.AddVector(3, make([]byte, 1<<24)) }, "vector of 16777216 bytes: its length has only 24 bits"},
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
	b.AddVector(1, make([]byte, 255))
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
		_, ok = r.Uint(1)
		return 1, ok
	case 1:
		_, ok = r.Uint(2)
		return 2, ok
	case 2:
		_, ok = r.Uint(3)
		return 3, ok
	case 3:
		_, ok = r.Uint(4)
		return 4, ok
	case 4:
		_, ok = r.Uint(8)
		return 8, ok
	case 5:
		b, ok = r.Vector(1)
		return 1 + len(b), ok
	case 6:
		b, ok = r.Vector(2)
		return 2 + len(b), ok
	case 7:
		b, ok = r.Vector(3)
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
		b.AddUint32(uint32(number >> 32))
		b.AddUint32(uint32(number))
		mark := b.Begin(3)
		b.AddVector(2, content)
		b.End(mark)
		out, err := b.Bytes()
		if err != nil {
			if len(content) < 1<<16 {
				t.Fatal(err)
			}
			return
		}
		r := codec.NewReader(out)
		before, _ := r.Bytes(len(front))
		got, _ := r.Uint(8)
		outer, ok := r.Vector(3)
		inner := codec.NewReader(outer)
		back, fits := inner.Vector(2)
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
	mark := w.Begin(3)
	w.AddUint16(0x0304)
	w.AddVector(2, content)
	w.End(mark)
	out, err := w.Bytes()
	r := codec.NewReader(out)
	outer, _ := r.Vector(3)
	inner := codec.NewReader(outer)
	inner.Uint(2)
	_, ok := inner.Vector(2)
	return ok && err == nil
}
