package inet

// reuseAddrIsSafe is false: on Windows SO_REUSEADDR takes a living server's
// port away, and TIME-WAIT is no hindrance without it.
const reuseAddrIsSafe = false
