package loop

// GiveBack does what the loop does with a connection that is quiet for a while.
func (c *Conn) GiveBack() { c.giveBack() }

// Resting reports whether c has given its keys back.
func (c *Conn) Resting() bool { return c.resting }

// Held returns how many bytes c has received and not decrypted, and how many of memory it holds
// for them.
func Held(c *Conn) [2]int {
	if c.rest == nil {
		return [2]int{}
	}
	return [2]int{len(c.rest.in), cap(c.rest.in)}
}

// Parts returns how many buffers for a part of a record c's loop keeps.
func Parts(c *Conn) int { return len(c.loop.parts) }

// AnswerRequest does what follows the answer to a request for c's certificate.
func (c *Conn) AnswerRequest() { c.answeredRequest() }
