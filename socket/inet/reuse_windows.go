package inet

// reuseAddrIsSafe is false: on Windows SO_REUSEADDR permits a process to take
// the port of a running server, and TIME-WAIT does not block a new server.
const reuseAddrIsSafe = false
