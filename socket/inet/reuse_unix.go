//go:build linux || darwin || freebsd

package inet

// reuseAddrIsSafe says that SO_REUSEADDR lets a server start while connections
// of the one before are in TIME-WAIT, and no more than that.
const reuseAddrIsSafe = true
