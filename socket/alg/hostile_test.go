package alg_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/alg"
)

func TestRefusals(t *testing.T) { sockettest.Refuses(t, "alg", alg.Family, socket.SeqPacket, 0) }

// TestFailedCipher passes half a block to a block cipher. The bytes that the
// kernel keeps must not appear in the next result.
func TestFailedCipher(t *testing.T) {
	sockettest.Shows(t, "alg", sockettest.BadInput)
	c, err := alg.NewCipher("cbc(aes)", make([]byte, 16))
	sockettest.Need(t, err)
	defer c.Close()
	iv, buf := make([]byte, 16), make([]byte, 16)
	if err := c.Encrypt(buf[:8], buf[:8], iv); err == nil {
		t.Error("half a block was encrypted")
	}
	if err := c.Encrypt(buf, buf, iv); err == nil || !strings.Contains(err.Error(), "failed before") {
		t.Errorf("after a failure: %v", err)
	}
}

// TestHashPipe hashes a pipe, and cancels the wait for another.
func TestHashPipe(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the family is Linux's
	}
	h, err := alg.NewHash("sha256", nil)
	sockettest.Need(t, err)
	defer h.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	var n int64
	for wait := 50 * time.Millisecond; n == 0 && wait < time.Minute; wait *= 2 {
		// On a busy machine it may end before anything is read.
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		n, err = h.ReadFile(ctx, r)
		cancel()
	}
	if n != 3 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d bytes, %v, want 3 and the context's end", n, err)
	}
}
