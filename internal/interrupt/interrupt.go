// Package interrupt cancels blocked reads from a file when a context is done.
package interrupt

import (
	"context"
	"os"
	"time"
)

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// Reads makes blocked reads from f fail with os.ErrDeadlineExceeded once the
// context is done. It does so by setting the read deadline of the file. The
// returned function clears a deadline that was set in this way, and must be
// called after reading. It has no effect on files that the system cannot poll.
func Reads(ctx context.Context, f *os.File) (stop func()) {
	set := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		_ = f.SetReadDeadline(aLongTimeAgo)
		close(set)
	})
	return func() {
		if !cancel() {
			<-set
			_ = f.SetReadDeadline(time.Time{})
		}
	}
}
