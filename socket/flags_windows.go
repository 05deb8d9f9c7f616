package socket

import "golang.org/x/sys/windows"

// flagNumbers has the MSG_ number of each flag, in the order of the constants.
var flagNumbers = [len(flagNames)]int{windows.MSG_OOB, windows.MSG_PEEK, windows.MSG_DONTROUTE, windows.MSG_WAITALL, 0,
	windows.MSG_TRUNC, windows.MSG_CTRUNC, 0, 0, 0, 0, 0,
	0, 0, 0, windows.MSG_BCAST, windows.MSG_MCAST, 0, 0, 0}
