package adapt

// Held returns how many bytes of memory c holds for what was received and not decrypted.
func Held(c *Conn) int { return cap(c.in) }

// SetWriteLimit sets the limit of c's Endpoint.
func SetWriteLimit(c *Conn, n int) { c.endpoint.WriteLimit = n }
