package certcompress

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"runtime"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

func Example() {
	cfg := &sealsock.Config{Compressors: All()}
	fmt.Println(len(cfg.Compressors))
	// Output: 3
}

func TestThereAndBack(t *testing.T) {
	noise := make([]byte, 3000)
	rand.Read(noise)
	for _, c := range All() {
		for _, data := range [][]byte{{}, {1}, noise, make([]byte, 100_000)} {
			packed, err := c.Compress(data)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Decompress(packed, len(data))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%v: %d bytes: %v", c.ID, len(data), err)
			}
			for _, wrong := range []int{len(data) - 1, len(data) + 1} {
				if wrong < 0 {
					continue
				}
				if _, err := c.Decompress(packed, wrong); err == nil {
					t.Errorf("%v: %d bytes pass for %d", c.ID, len(data), wrong)
				}
			}
		}
	}
}

func FuzzDecompress(f *testing.F) {
	for i, c := range All() {
		packed, _ := c.Compress([]byte("certificate certificate"))
		f.Add(uint8(i), packed, 23)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte, n int) {
		var c engine.Compressor = All()[int(which)%3]
		if n < 0 || n > 1<<16 {
			return
		}
		out, err := c.Decompress(data, n)
		if err == nil && len(out) != n {
			t.Errorf("%v: %d bytes for %d", c.ID, len(out), n)
		}
	})
}

// TestRemembers checks that equal input is compressed once and that the cache
// is bounded.
func TestRemembers(t *testing.T) {
	calls := 0
	compress := remembered(func(data []byte) ([]byte, error) {
		calls++
		return bytes.Clone(data), nil
	})
	ask := func(i int) {
		if got, err := compress([]byte{byte(i)}); err != nil || !bytes.Equal(got, []byte{byte(i)}) {
			t.Fatalf("%d: %v, %v", i, got, err)
		}
	}
	for range 3 {
		ask(0)
	}
	if calls != 1 {
		t.Errorf("the same was compressed %d times", calls)
	}
	for i := range maxRemembered + 1 {
		ask(i)
	}
	calls = 0
	ask(maxRemembered)
	if ask(0); calls != 1 {
		t.Errorf("%d results of too many are forgotten, want 1", calls)
	}
}

// TestBrotliWindow: a small certificate costs little memory for every window that its
// data names, and data with the longest possible distance decompresses to the original.
func TestBrotliWindow(t *testing.T) {
	pack := func(window int, data []byte) []byte {
		var b bytes.Buffer
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 9, LGWin: window})
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	noise := make([]byte, 120<<10)
	rand.Read(noise)
	far := append(bytes.Clone(noise), noise[:1000]...)
	c := Brotli()
	for window := 10; window <= 24; window++ {
		got, err := c.Decompress(pack(window, far), len(far))
		if err != nil || !bytes.Equal(got, far) {
			t.Errorf("a window of %d bits: %v", window, err)
		}
		if _, err := c.Decompress(pack(window, far), len(far)-1); err == nil {
			t.Errorf("a window of %d bits: one byte too many is accepted", window)
		}
	}
	bomb := pack(24, make([]byte, 16<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := c.Decompress(bomb, 1000); err == nil {
		t.Error("16 MiB are a certificate of 1,000 bytes")
	}
	runtime.ReadMemStats(&after)
	took := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes took %d bytes of memory", len(bomb), took)
	if took > 2<<20 {
		t.Error("that is more than 2 MiB")
	}
}
