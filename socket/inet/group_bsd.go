//go:build darwin || freebsd

package inet

import "runtime"

// The options of netinet/in.h.
const (
	mcastJoinGroup     = 80
	mcastLeaveGroup    = 81
	mcastJoinSource    = 82
	mcastLeaveSource   = 83
	mcastBlockSource   = 84
	mcastUnblockSource = 85
)

// groupPadding is where the first address begins in the options' structs, which
// macOS packs.
var groupPadding = map[bool]int{true: 4, false: 8}[runtime.GOOS == "darwin"]
