package socket

import "golang.org/x/sys/unix"

// flagNumbers has the MSG_ number of each flag, in the order of the constants.
var flagNumbers = [len(flagNames)]int{unix.MSG_OOB, unix.MSG_PEEK, unix.MSG_DONTROUTE, unix.MSG_WAITALL, unix.MSG_DONTWAIT,
	unix.MSG_TRUNC, unix.MSG_CTRUNC, unix.MSG_EOR, unix.MSG_ERRQUEUE, unix.MSG_NOSIGNAL, unix.MSG_MORE, unix.MSG_CONFIRM,
	unix.MSG_FASTOPEN, unix.MSG_CMSG_CLOEXEC, unix.MSG_FIN, 0, 0, msgNotification, unix.MSG_ZEROCOPY, unix.MSG_BATCH}

// msgNotification is MSG_NOTIFICATION of linux/socket.h.
const msgNotification = 0x8000
