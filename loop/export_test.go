package loop

// GiveBack does what the loop does with a connection that is quiet for a while.
func (c *Conn) GiveBack() { c.giveBack() }

// Resting reports whether c has given its keys back.
func (c *Conn) Resting() bool { return c.resting }
