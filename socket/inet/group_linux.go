package inet

// The options of linux/in.h, and where the first address begins in their
// structs.
const (
	mcastJoinGroup     = 42
	mcastBlockSource   = 43
	mcastUnblockSource = 44
	mcastLeaveGroup    = 45
	mcastJoinSource    = 46
	mcastLeaveSource   = 47

	groupPadding = 8
)
