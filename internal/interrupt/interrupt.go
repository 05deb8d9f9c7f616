// Package interrupt makes a context end a wait for a file.
package interrupt

import (
	"context"
	"os"
	"time"
)

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// Reads makes calls that wait to read from f fail with os.ErrDeadlineExceeded
// once the context is done. It borrows the file's read deadline for that: the
// function that it returns takes the deadline away, if the context set it, and
// must be called when reading is over. Files that the system cannot poll are not
// woken.
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
