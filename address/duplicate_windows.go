package address

import (
	"errors"
	"fmt"
)

// duplicate is not there: Windows passes no sockets by number.
func duplicate(int) (uintptr, error) {
	return 0, fmt.Errorf("inherited descriptors: not on windows: %w", errors.ErrUnsupported)
}

func release(int) {}

// noFollow has no counterpart here.
const noFollow = 0
