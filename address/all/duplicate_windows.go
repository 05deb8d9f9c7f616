package all

import (
	"errors"
	"fmt"
)

// duplicate fails: Windows does not pass sockets by number.
func duplicate(int) (uintptr, error) {
	return 0, fmt.Errorf("inherited descriptors: not on windows: %w", errors.ErrUnsupported)
}

func release(int) {}
