package starttls

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// Bounds of what a peer may send before TLS, in bytes.
const (
	maxTotal = 64 << 10
	maxLine  = 8 << 10
	maxReply = 200 // quoted in an error
)

// A dialog is one side of the plaintext conversation. It reads no byte behind what it
// needs: whatever follows the upgrade is for TLS to judge.
type dialog struct {
	conn     net.Conn
	one      [1]byte
	left     int // bytes that the peer may still send
	protocol string
	peer     string // "the server" or "the client"
}

func newDialog(conn net.Conn, protocol, peer string) *dialog {
	return &dialog{conn: conn, left: maxTotal, protocol: protocol, peer: peer}
}

// wrong returns an error about the peer; reply is what it sent.
func (d *dialog) wrong(reason, reply string) error {
	return &Error{Protocol: d.protocol, Reason: reason, Reply: reply[:min(len(reply), maxReply)]}
}

// refused returns an error for a peer that does not upgrade.
func (d *dialog) refused(reason, reply string) error {
	return &Error{
		Protocol: d.protocol, Reason: reason, Reply: reply[:min(len(reply), maxReply)], Refused: true,
	}
}

// broken returns an error for a connection that failed.
func (d *dialog) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return d.wrong(d.peer+" closed the connection before TLS", "")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return d.late(err)
	}
	return fmt.Errorf("starttls: %s: %w", d.protocol, err)
}

// late returns an error for a peer that is silent for too long.
func (d *dialog) late(err error) error {
	return &Error{Protocol: d.protocol, Reason: d.peer + " did not answer in time", Err: err}
}

// ReadByte reads one byte; it makes a dialog an io.ByteReader for package xml.
func (d *dialog) ReadByte() (byte, error) {
	if d.left == 0 {
		return 0, d.tooMuch()
	}
	d.left--
	_, err := io.ReadFull(d.conn, d.one[:])
	return d.one[0], err
}

// Read reads one byte; it makes a dialog an io.Reader for package xml.
func (d *dialog) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := d.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

func (d *dialog) tooMuch() error {
	return d.wrong(fmt.Sprintf("%s sent over %d bytes without an upgrade", d.peer, maxTotal), "")
}

// bytes reads exactly n bytes.
func (d *dialog) bytes(n int) ([]byte, error) {
	if n < 0 || n > d.left { // an int of 32 bits may have overflowed
		return nil, d.tooMuch()
	}
	d.left -= n
	b := make([]byte, n)
	if _, err := io.ReadFull(d.conn, b); err != nil {
		return nil, d.broken(err)
	}
	return b, nil
}

// line reads a line without its end.
func (d *dialog) line() (string, error) {
	var b strings.Builder
	for {
		c, err := d.ReadByte()
		var own *Error
		switch {
		case errors.As(err, &own):
			return "", err
		case err != nil:
			return "", d.broken(err)
		case c == '\n':
			return strings.TrimSuffix(b.String(), "\r"), nil
		case b.Len() == maxLine:
			return "", d.wrong(fmt.Sprintf("%s sent a line of over %d bytes", d.peer, maxLine), b.String())
		}
		b.WriteByte(c)
	}
}

// send writes text.
func (d *dialog) send(text string) error {
	if _, err := io.WriteString(d.conn, text); err != nil {
		return d.broken(err)
	}
	return nil
}

// ask sends a line and reads the line that answers it.
func (d *dialog) ask(text string) (string, error) {
	if err := d.send(text + "\r\n"); err != nil {
		return "", err
	}
	return d.line()
}

// until reads lines until one of them is final, which it returns with those before it.
func (d *dialog) until(final func(string) bool) (lines []string, last string, err error) {
	for {
		l, err := d.line()
		if err != nil {
			return nil, "", err
		}
		if final(l) {
			return lines, l, nil
		}
		lines = append(lines, l)
	}
}

// A step is what follows the reply to a command.
type step int

const (
	stays    step = iota // the next command
	upgrades             // TLS
	ends                 // the end of the session, which the client asked for
)

// serve answers the client's lines until answer reports that the upgrade begins. The
// command is in upper case.
func (d *dialog) serve(greeting string,
	answer func(command, argument string) (reply string, next step)) error {
	return d.serveLines(greeting, func(l string) (string, step) {
		command, argument, _ := strings.Cut(l, " ")
		return answer(strings.ToUpper(command), argument)
	})
}

// serveLines is serve for commands that do not stand first in the line.
func (d *dialog) serveLines(greeting string, answer func(line string) (string, step)) error {
	if greeting != "" {
		if err := d.send(greeting + "\r\n"); err != nil {
			return err
		}
	}
	for {
		l, err := d.line()
		if err != nil {
			return err
		}
		reply, next := answer(l)
		if err := d.send(reply + "\r\n"); err != nil || next == upgrades {
			return err
		}
		if next == ends {
			return d.refused("the client ended the session before TLS", l)
		}
	}
}

// hasWord reports whether one of the lines has the word, in any case.
func hasWord(lines []string, word string) bool {
	for _, l := range lines {
		for f := range strings.FieldsSeq(l) {
			if strings.EqualFold(strings.Trim(f, `"`), word) {
				return true
			}
		}
	}
	return false
}

// orLocalhost returns host, or a name for a host that has none.
func orLocalhost(host string) string {
	if host == "" {
		return "localhost"
	}
	return host
}
