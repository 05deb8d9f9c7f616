package inet

import "math/bits"

// The options of linux/in.h, and where the first address begins in their structs.
const (
	mcastJoinGroup     = 42
	mcastBlockSource   = 43
	mcastUnblockSource = 44
	mcastLeaveGroup    = 45
	mcastJoinSource    = 46
	mcastLeaveSource   = 47

	// groupPadding is where the first address begins: struct sockaddr_storage is aligned as a
	// pointer is.
	groupPadding = bits.UintSize / 8
)
