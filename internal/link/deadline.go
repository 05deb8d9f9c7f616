package link

import (
	"net"
	"time"

	"github.com/sealsock/sealsock/internal/alarm"
)

// A deadline wakes the calls of a Conn that wait when it passes.
type deadline struct {
	conn  *Conn
	at    time.Time
	timer *alarm.Alarm
}

// set sets the deadline. The caller holds the Conn's lock.
func (d *deadline) set(t time.Time) {
	d.stop()
	d.at = t
	if !t.IsZero() {
		d.timer = alarm.After(time.Until(t), func() {
			d.conn.mu.Lock()
			defer d.conn.mu.Unlock()
			d.conn.changed.Broadcast()
		})
	}
	d.conn.changed.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.read, &c.write) }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.read) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.write) }

func (c *Conn) setDeadlines(t time.Time, which ...*deadline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.failure("set", net.ErrClosed)
	}
	for _, d := range which {
		d.set(t)
	}
	return nil
}
