//go:build linux || darwin || freebsd

package interrupt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/interrupt"
)

func TestReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for range 2 { // the first leaves no deadline to the second
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		stop := interrupt.Reads(ctx, r)
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() == nil {
			t.Errorf("read: %v, with %v", err, ctx.Err())
		}
		stop()
		cancel()
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	}
}

func ExampleReads() {
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	defer interrupt.Reads(ctx, r)()
	_, err = r.Read(make([]byte, 1))
	fmt.Println(errors.Is(err, os.ErrDeadlineExceeded))
	// Output: true
}
