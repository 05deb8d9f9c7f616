package engine

import "time"

// ReceiveRun is Receive for datagrams that stand one behind another, of n bytes each but for the
// last, which may be smaller. An error ends the connection: what is behind it is dropped.
func (c *DatagramConn) ReceiveRun(now time.Time, datagrams []byte, n int) ([]Event, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if n <= 0 && len(datagrams) > 0 {
		return nil, usage("datagrams of %d bytes: the size must be positive", n)
	}
	if !c.proved {
		c.granted += amplification * len(datagrams)
	}
	return c.run(now, datagrams, n)
}

// all acts on the records of datagrams of n bytes, of which the last may be smaller.
func (c *DatagramConn) all(now time.Time, datagrams []byte, n int) error {
	for {
		next := datagrams
		if len(next) > n {
			next = next[:n:n]
		}
		err := c.records(now, next)
		if err != nil || c.recv.err != nil || len(next) == len(datagrams) {
			return err
		}
		datagrams = datagrams[len(next):]
	}
}
