//go:build !linux

package confine

import "runtime"

// Files does nothing on this system, and returns that in words.
func Files(read, write []string) (string, error) {
	return "nothing: not implemented on " + runtime.GOOS, nil
}
