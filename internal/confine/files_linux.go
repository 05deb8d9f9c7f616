package confine

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// always are the folders that every program reads: libraries, time zones, the resolver's files
// and the authorities of the system.
var always = []string{"/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/proc"}

// Files forbids the process, for good and with Landlock, all files but those below the folders of
// read and write, the program itself, and what every program reads. It also forbids it and its
// children new privileges. It returns what it did, in words: a kernel without Landlock is no
// error.
func Files(read, write []string) (string, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0,
		unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return fmt.Sprintf("nothing: this kernel has no Landlock (%v)", errno), nil
	}
	if program, err := os.Executable(); err == nil {
		read = append(read, filepath.Dir(program))
	}
	err := landlock.V5.BestEffort().RestrictPaths(
		landlock.RODirs(folders(read)...),
		landlock.RODirs(always...).IgnoreIfMissing(),
		landlock.RWDirs(folders(write)...).WithRefer(),
		landlock.RWFiles("/dev/null").IgnoreIfMissing(),
	)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("files and new privileges (Landlock %d)", abi), nil
}
