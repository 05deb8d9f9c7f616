package adapt

import "github.com/sealsock/sealsock/engine"

// Held returns how many bytes of memory c holds for what was received and not decrypted.
func Held(c *Conn) int { return cap(c.in) }

// SetWriteLimit sets the limit of c's Endpoint.
func SetWriteLimit(c *Conn, n int) { c.endpoint.WriteLimit = n }

// AnswerRequest does what follows the answer to a request for c's certificate.
func AnswerRequest(c *Conn) { c.event(engine.Event{Kind: engine.EventAuthAnswered}) }
