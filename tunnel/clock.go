package tunnel

import "time"

// clock is when the process began. Times that are kept as numbers are nanoseconds since then: a
// step of the system's clock does not change them, and ends no connection as one that was idle.
var clock = time.Now()
