package chat

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/nickname"
	"github.com/sealsock/sealsock/internal/printable"
)

// A member is one connection to the room.
type member struct {
	conn   net.Conn
	limits Limits
	name   string
	in     *bufio.Reader

	credit  float64 // lines it may send now
	counted time.Time

	mu      sync.Mutex
	queue   []string // lines on their way to it; all members share their bytes
	size    int      // cost of the lines that are queued or being written
	closed  bool     // nothing more goes into queue
	reason  error    // why it left; the first one counts
	gone    bool     // end was called
	over    chan struct{}
	filled  chan struct{} // something is in queue, or closed
	written chan struct{} // the writer has ended
}

func newMember(conn net.Conn, limits Limits) *member {
	m := &member{
		conn: conn, limits: limits,
		in:     bufio.NewReaderSize(conn, limits.Line+2), // and its CRLF
		credit: float64(limits.Burst), counted: time.Now(),
		over: make(chan struct{}), filled: make(chan struct{}, 1), written: make(chan struct{}),
	}
	go m.write()
	return m
}

// post queues a line for the member. It never waits: a member whose queue is full
// is dropped.
func (m *member) post(line string) {
	m.mu.Lock()
	full := m.size+cost(line) > m.limits.Queue
	if !m.closed && !full {
		m.queue = append(m.queue, line)
		m.size += cost(line)
	}
	closed := m.closed
	m.mu.Unlock()
	switch {
	case closed:
	case full:
		m.end(ErrSlow)
	default:
		m.wake()
	}
}

func (m *member) wake() {
	select {
	case m.filled <- struct{}{}:
	default:
	}
}

// end makes the member leave, for a reason, without waiting for it. Queued lines are
// still sent, except to a member that does not read.
func (m *member) end(reason error) {
	m.mu.Lock()
	first := !m.gone
	if first {
		m.gone, m.closed, m.reason = true, true, reason
	}
	m.mu.Unlock()
	if !first {
		return
	}
	close(m.over)
	m.conn.SetReadDeadline(time.Unix(1, 0))
	if errors.Is(reason, ErrSlow) {
		m.conn.SetWriteDeadline(time.Unix(1, 0))
	}
	m.wake()
}

// finish waits until the queue was sent, and closes the connection.
func (m *member) finish(reason error) {
	m.end(reason)
	<-m.written
	if c, ok := m.conn.(interface{ CloseWrite() error }); ok && m.cause() != ErrSlow {
		c.CloseWrite()
	}
	m.conn.Close()
}

func (m *member) cause() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reason
}

// cost is what a queued line counts: its bytes, and its place in a queue that grows
// by doubling.
func cost(line string) int { return len(line) + 32 }

// write sends what is queued, as much at once as there is.
func (m *member) write() {
	defer close(m.written)
	for {
		<-m.filled
		m.mu.Lock()
		lines, closed := m.queue, m.closed
		m.queue = nil
		m.mu.Unlock()
		if len(lines) > 0 && !m.deliver(lines) {
			return
		}
		if closed {
			return
		}
	}
}

// deliver writes lines, some at once. Those that are written no longer count.
func (m *member) deliver(lines []string) bool {
	const part = 16 << 10
	for len(lines) > 0 {
		var text []byte
		n, freed := 0, 0
		for ; n < len(lines) && (n == 0 || len(text)+len(lines[n]) <= part); n++ {
			text = append(text, lines[n]...)
			freed += cost(lines[n])
			lines[n] = "" // another member may be the last to hold it
		}
		lines = lines[n:]
		if !m.send(text) {
			return false
		}
		m.mu.Lock()
		m.size -= freed
		m.mu.Unlock()
	}
	return true
}

// send writes text, and gives the member time for each part that it takes.
func (m *member) send(text []byte) bool {
	for len(text) > 0 {
		if m.cause() != ErrSlow {
			m.conn.SetWriteDeadline(time.Now().Add(m.limits.Writing))
		}
		n, err := m.conn.Write(text)
		text = text[n:]
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				err = ErrSlow
			}
			m.end(err)
			return false
		}
	}
	return true
}

// readName reads the first line that makes a name. Without an error and a name the
// member has left.
func (m *member) readName() (string, error) {
	m.conn.SetReadDeadline(time.Now().Add(m.limits.Naming))
	for {
		raw, err := m.readRaw()
		line := strings.TrimRight(printable.Line(raw), " ")
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return "", ErrNoName
		case line == "" && err != nil:
			return "", ended(err)
		case line == "":
			continue
		}
		name, ok := nickname.Of(raw)
		switch {
		case ok && ended(err) == nil:
			// If the member leaves now, the next readLine returns the error.
			m.conn.SetReadDeadline(time.Time{})
			return name, nil
		case err != nil:
			return "", ended(err)
		}
		m.post("* a name must not contain invisible characters: send another\n")
	}
}

// readLine reads a line that is safe to show; it may come with an error.
func (m *member) readLine() (string, error) {
	raw, err := m.readRaw()
	return strings.TrimRight(printable.Line(raw), " "), err
}

// readRaw reads a line at the member's rate: it waits until the member may send one.
// The line is without its end, and cut at the limit; it may come with an error.
func (m *member) readRaw() (string, error) {
	if err := m.pace(); err != nil {
		return "", err
	}
	raw, err := m.in.ReadSlice('\n')
	line := strings.TrimRight(string(raw), "\r\n")
	if cut := len(line) > m.limits.Line || err == bufio.ErrBufferFull; cut {
		line = strings.ToValidUTF8(line[:min(len(line), m.limits.Line)], "")
		m.post("* your line was too long and was truncated\n")
	}
	for err == bufio.ErrBufferFull {
		// Bytes that are cut off count too.
		if err := m.pace(); err != nil {
			return "", err
		}
		_, err = m.in.ReadSlice('\n')
	}
	return line, err
}

// pace waits until the member may send a line, and deducts the line from its credit.
// It fails if the member has left.
func (m *member) pace() error {
	select {
	case <-m.over:
		return m.cause()
	default:
	}
	now := time.Now()
	m.credit += now.Sub(m.counted).Seconds() * float64(m.limits.Rate)
	m.credit, m.counted = min(m.credit, float64(m.limits.Burst)), now
	m.credit--
	if m.credit >= 0 {
		return nil
	}
	wait := time.NewTimer(time.Duration(-m.credit / float64(m.limits.Rate) * float64(time.Second)))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-m.over:
		return m.cause()
	}
}

// ended is nil for an orderly end.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
