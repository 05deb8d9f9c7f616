//go:build !linux

package socket

import (
	"context"
	"errors"
	"os"
)

// sendFast leaves the work to the copying loop.
func (s *Socket) sendFast(context.Context, *os.File, bool, int64, int64) (int64, error) {
	return 0, errors.ErrUnsupported
}
