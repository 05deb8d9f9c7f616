package stream

import (
	"context"
	"crypto/fips140"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// kernelRefused is the error for a connection whose records the kernel does not seal.
func kernelRefused(reason string, err error) error {
	return &engine.Error{Fault: engine.FaultLocal, Reason: "kernel TLS: " + reason, Err: err}
}

var (
	errFrames = &engine.Error{
		Fault: engine.FaultLocal, Reason: "kernel TLS: what the engine has appended are no frames",
	}
	errKernelOff    = kernelRefused("it begins with the first SendFile of a regular file", nil)
	errNotAsked     = kernelRefused("Config.KernelTLS is not set", nil)
	errNotValidated = kernelRefused("in FIPS 140 mode Go's module encrypts, and nothing else", nil)
	errKernelSealed = &engine.Error{
		Fault:  engine.FaultUsage,
		Reason: "the kernel seals the records of this connection, and its key is not given back",
		Hint:   "do without Config.KernelTLS, or call this method before the first SendFile",
	}
)

// KernelTLS reports whether the kernel seals what is sent, and otherwise why it does not.
func (c *Conn) KernelTLS() (on bool, why error) {
	switch {
	case !c.Made():
		return false, ErrNotMade
	case !c.opts.KernelTLS:
		return false, errNotAsked
	}
	if r := c.out.rare.Load(); r != nil {
		if refused := r.noKernel.Load(); refused != nil {
			return *refused == nil, *refused
		}
	}
	return false, errKernelOff
}

// SendFile sends count bytes of a file from offset on, or with a negative count all there is.
func (c *Conn) SendFile(f *os.File, offset, count int64) (int64, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	switch regular := err == nil && info.Mode().IsRegular(); {
	case err != nil:
		return 0, c.opError("write", err)
	case offset < 0:
		return 0, c.opError("write", syscall.EINVAL)
	case regular:
		return c.sendRegular(f, offset, count)
	case offset != 0:
		return 0, c.opError("write", syscall.ESPIPE)
	case count < 0:
		return c.ReadFrom(f)
	}
	return c.ReadFrom(io.LimitReader(f, count))
}

// sendRegular is SendFile for a regular file.
func (c *Conn) sendRegular(f *os.File, offset, count int64) (sent int64, err error) {
	c.out.Lock()
	defer c.unlockOut()
	if err := c.writable(); err != nil {
		return 0, err
	}
	if c.useKernel() {
		if sent, err = c.sendKernel(f, offset, count); err != nil || sent == count {
			return sent, err
		}
		// The rest is read, or the error of the file found: its size may not be that of what it
		// has, as in /proc, and sendfile does not take the files of each file system.
		offset, count = offset+sent, count-min(sent, max(count, 0))
	}
	n, err := c.sendCopied(f, offset, count)
	return sent + n, err
}

// useKernel has the kernel seal what is sent from now on, if it can. What was sealed before must
// have left.
func (c *Conn) useKernel() bool {
	if !c.opts.KernelTLS {
		return false
	}
	out := c.out.seldom()
	if out.kernel != nil || out.kernelFailed {
		return out.kernel != nil
	}
	refused := engine.Release(c.in.recv, c.out.send, func(key engine.SendingKey) (err error) {
		out.kernel, err = c.makeKernel(key)
		out.kernelFailed = err != nil
		return err
	})
	out.noKernel.Store(&refused)
	return out.kernel != nil
}

// makeKernel returns what seals with key from now on, or nil and why there is nothing.
func (c *Conn) makeKernel(key engine.SendingKey) (recordMaker, error) {
	switch fake := c.out.seldom().fake; {
	case fake != nil:
		return fake(c.raw, key)
	case fips140.Enabled():
		return nil, errNotValidated
	}
	k, err := newKernel(c.raw, key)
	if err == nil {
		err = k.install(key)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// sendKernel sends a file through the kernel, as far as that can: with no error, the rest is to be
// read. The sending half is held.
func (c *Conn) sendKernel(f *os.File, offset, count int64) (sent int64, err error) {
	buf := getBuffer(smallSize)
	defer putBuffer(buf)
	for count < 0 || sent < count {
		want := remaining(f, offset+sent, count, sent)
		if want == 0 {
			break
		}
		n, err := c.sendPart(buf.b[:0], f, offset+sent, want)
		if sent += int64(n); err != nil {
			return sent, err
		}
		if n == 0 {
			break
		}
	}
	// The record of a file that has become shorter, or cannot be read any more, ends here.
	if err := c.out.deliver(c.in.source, nil); err != nil {
		return sent, c.transport("write", err)
	}
	return sent, nil
}

// remaining returns how many bytes of a file are sent next, 0 if that is not known. With more than
// there are, the kernel waits for the rest before it ends a record.
func remaining(f *os.File, offset, count, sent int64) int {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	n := max(info.Size()-offset, 0)
	if count >= 0 {
		n = min(n, count-sent)
	}
	return int(min(n, 1<<30))
}

// sendPart sends a part of a file, behind what is in the mailbox. It sends nothing, without an
// error, of a file that sendfile cannot read.
func (c *Conn) sendPart(dst []byte, f *os.File, offset int64, want int) (n int, err error) {
	out := &c.out
	dst, err = out.apply(dst)
	if err == nil {
		dst, err = out.seal(dst, func(s *engine.Sender, dst []byte) (sealed []byte, err error) {
			sealed, want, err = s.Pass(dst, want)
			return sealed, err
		})
	}
	if err != nil {
		return 0, c.sealing(dst, err)
	}
	if len(dst) > 0 { // else sendfile continues the record that it has begun
		if err := out.deliver(c.in.source, dst); err != nil {
			return 0, c.transport("write", err)
		}
	}
	n, err = out.kernel().sendFile(f, offset, want)
	out.stalled.Store(isTimeout(err))
	switch {
	case isTimeout(err) || errors.Is(err, net.ErrClosed):
		return 0, c.transport("write", err)
	case err != nil:
		return 0, nil // of the file or of the socket: what comes next fails with the same one
	}
	next, err := out.kernel().next()
	if err != nil {
		return n, c.transport("write", err)
	}
	out.send.Passed(n, next)
	return n, nil
}

// sendCopied reads a file and seals what it has read.
func (c *Conn) sendCopied(f *os.File, offset, count int64) (sent int64, err error) {
	if count < 0 {
		count = 1<<63 - 1 - offset
	}
	r := io.NewSectionReader(f, offset, min(count, 1<<63-1-offset))
	room := newRoom()
	defer room.free()
	for {
		n, err := r.Read(room.bytes())
		if n > 0 {
			wrote, failed := c.write(room.bytes()[:n])
			if sent += int64(wrote); failed != nil {
				return sent, failed
			}
		}
		switch {
		case err == io.EOF:
			return sent, nil
		case err != nil:
			return sent, c.opError("write", err)
		}
		room.fit(n)
		room.widen(n)
	}
}

// drainEvery is how long drain waits before it looks again.
const drainEvery = 2 * time.Millisecond

// drain waits until TCP has been given what the kernel has sealed, so that nothing is lost when
// the socket is closed. The sending half is held.
func (c *Conn) drain(until time.Time) error {
	if c.out.kernel() == nil {
		return nil
	}
	for {
		done, err := c.out.kernel().drained()
		switch {
		case done || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return c.opError("close", err) // and nothing takes what is left
		case !time.Now().Before(until):
			return c.opError("close", os.ErrDeadlineExceeded)
		}
		time.Sleep(drainEvery)
	}
}
