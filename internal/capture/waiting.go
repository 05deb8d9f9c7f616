package capture

import "slices"

// maxWaitingAll bounds what waits in all connections together, in bytes: for a segment that is
// missing, for the rest of a record or of a message, or for the other side.
const maxWaitingAll = 256 << 20

// waiting returns how many bytes of a direction wait.
func (d *side) waiting() int { return d.stream.size + len(d.pending) + len(d.message) }

// shrink frees the memory of what was taken, which what waits behind it shares.
func (d *side) shrink() {
	if d.taken {
		d.pending, d.message, d.taken = slices.Clone(d.pending), slices.Clone(d.message), false
	}
}

func (t *tracker) waiting() int { return t.sides[0].waiting() + t.sides[1].waiting() }

// note counts what waits in a connection besides the bytes before. Above the bound half of what
// waits is given up, that of the oldest connections first: in a capture that lacks packets most of
// them have ended long ago.
func (c *reader) note(t *tracker, before int) {
	c.waiting += t.waiting() - before
	if c.waiting <= c.mostWaiting {
		return
	}
	for range c.all {
		if c.waiting <= c.mostWaiting/2 {
			return
		}
		c.oldest %= len(c.all)
		c.waiting -= c.all[c.oldest].giveUp()
		c.oldest++
	}
}

// giveUp frees what waits, and returns how many bytes that was. A direction is not followed from
// there on.
func (t *tracker) giveUp() (n int) {
	for i := range t.sides {
		d := &t.sides[i]
		if waiting := d.waiting(); waiting > 0 {
			n += waiting
			d.broken = "more waits in all connections than is kept"
			d.pending, d.message = nil, nil
			d.stream.lose()
		}
	}
	return n
}
