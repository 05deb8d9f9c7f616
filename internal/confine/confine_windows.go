package confine

import (
	"errors"
	"fmt"
)

// Become is not implemented on this system: it returns an error.
func Become(string, string) error {
	return fmt.Errorf("not implemented on windows: %w", errors.ErrUnsupported)
}
