package socket

import "golang.org/x/sys/unix"

// flagNumbers has the MSG_ number of each flag, in the order of the constants.
var flagNumbers = [len(flagNames)]int{unix.MSG_OOB, unix.MSG_PEEK, unix.MSG_DONTROUTE, unix.MSG_WAITALL, unix.MSG_DONTWAIT,
	unix.MSG_TRUNC, unix.MSG_CTRUNC, unix.MSG_EOR, 0, 0, 0, 0,
	0, 0, unix.MSG_EOF, 0, 0, 0, 0, 0}
