//go:build linux || darwin || freebsd

package inet

// reuseAddrIsSafe reports that SO_REUSEADDR only permits a server to start
// while connections of its predecessor are in TIME-WAIT.
const reuseAddrIsSafe = true
