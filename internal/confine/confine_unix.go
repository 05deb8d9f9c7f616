//go:build unix

package confine

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Become makes the process run as a user for good: it checks that there is no way back. A process
// that runs as that user already changes nothing.
func Become(name, group string) error {
	a, err := lookUp(name, group)
	if err != nil {
		return err
	}
	if os.Getuid() != 0 {
		if os.Getuid() == a.uid && os.Geteuid() == a.uid {
			return nil
		}
		return fmt.Errorf("only root can become another user: %w", os.ErrPermission)
	}
	if err := syscall.Setgroups(a.groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(a.gid); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	if err := syscall.Setuid(a.uid); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	if a.uid != 0 && syscall.Setuid(0) == nil {
		return errors.New("the process can become root again")
	}
	return nil
}
