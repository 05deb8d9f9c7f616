//go:build linux || darwin

package stream

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/engine"
)

// pages is the size of a share in whole pages of memory.
const pages = 64 << 10

// faulty returns n bytes of which those from the middle on cannot be read, like a file in memory
// that another process has made shorter.
func faulty(t *testing.T, n int) []byte {
	t.Helper()
	data, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(data) })
	if err := syscall.Mprotect(data[n/2:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return data
}

// wantPanic fails the test if err is not that of a panic in a share.
func wantPanic(t *testing.T, err error) {
	t.Helper()
	var caught *engine.PanicError
	if !errors.As(err, &caught) || !strings.Contains(caught.Stack, "Seal") {
		t.Errorf("the error is %v", err)
	}
}

// TestSealPanic: a panic while a share is sealed ends the connection as one in the goroutine of
// the Write does, with its error and an alert, on one processor and on several. The board serves
// the Write of another connection after it.
func TestSealPanic(t *testing.T) {
	alwaysGains(t)
	data := faulty(t, 32*pages)
	for _, procs := range []int{1, 2, 4} {
		for _, from := range []int{0, len(data) / 2} {
			t.Run(fmt.Sprintf("%d processors, from byte %d", procs, from), func(t *testing.T) {
				processors(t, procs)
				defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
				client, _ := hookedConn(t, func() error { return nil })
				_, err := client.Write(data[from:])
				wantPanic(t, err)
				if _, err := client.Write([]byte{1}); err == nil {
					t.Error("the connection is in use after a panic")
				}
				other, raw := hookedConn(t, func() error { return nil })
				sent := randomBytes(20 * copySize)
				if n, err := other.Write(sent); n != len(sent) || err != nil || raw.got.Len() < n {
					t.Errorf("the next Write has %d bytes, %v", n, err)
				}
			})
		}
	}
}

// TestHelperPanic: a panic in a helper is the error of the share, and the helper continues.
func TestHelperPanic(t *testing.T) {
	processors(t, 2)
	b := newBoard()
	b.faults = true
	client, _ := hookedConn(t, func() error { return nil })
	data := faulty(t, 4*pages)
	for i := range 4 {
		s := b.add()
		part := data[i*pages:][:pages]
		if !client.out.send.ReserveInto(&s.records, len(part)) {
			t.Fatal("the records cannot be sealed apart")
		}
		s.data = part
		b.published.Add(1)
	}
	helping.Add(1)
	b.helpers.Or(1 << 1)
	go b.help(1)
	waitFor(t, "the helper ends", func() bool { return b.helpers.Load() == 0 })
	for i := range 4 {
		s := b.oldest()
		if bad := i >= 2; bad {
			wantPanic(t, s.err)
		} else if s.err != nil || len(s.sealed) <= pages {
			t.Errorf("share %d has %d bytes, %v", i, len(s.sealed), s.err)
		}
		b.free(s)
	}
}

// TestFaultOfCaller: a fault panics in a helper only if it does in the goroutine of the Write.
func TestFaultOfCaller(t *testing.T) {
	for _, faults := range []bool{true, false} {
		before := debug.SetPanicOnFault(faults)
		if got := panicsOnFault(); got != faults {
			t.Errorf("a fault panics: %v, and not %v", got, faults)
		}
		if debug.SetPanicOnFault(before) != faults {
			t.Error("the setting of the goroutine has changed")
		}
	}
}
