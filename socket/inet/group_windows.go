package inet

// The options of ws2ipdef.h, and where the first address begins in their
// structs.
const (
	mcastJoinGroup     = 41
	mcastLeaveGroup    = 42
	mcastBlockSource   = 43
	mcastUnblockSource = 44
	mcastJoinSource    = 45
	mcastLeaveSource   = 46

	groupPadding = 8
)
