//go:build unix

package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sealsock/sealsock"
)

// format is the version of the protocol between two processes.
const format = 1

// maxState bounds the state of a connection in bytes.
const maxState = 17 << 20

// headLen is the length of what the descriptor travels with: the format and the length of the
// state.
const headLen = 5

// Send hands conn over to the process at the other end of u, where [Receive] returns it, with
// extra for that process. It waits until the connection is there. In this process conn is
// closed afterwards. It stays open after an error in front of the hand-over itself: if the
// other process asks for no connection, or Conn.HandOver refuses. After a later error the
// connection is cut, unless the other process had received all of it.
//
// A call of Read or Write of conn that is under way ends in os.ErrDeadlineExceeded. A program
// that has received data and not passed it on, or the reverse, first ends those calls by a
// deadline, and sends the data as extra.
//
// The end of ctx interrupts Send. After an error u cannot be used any more.
func Send(ctx context.Context, u *net.UnixConn, conn *sealsock.Conn, extra []byte) error {
	if u == nil {
		return errNoSocket
	}
	release := interruptible(ctx, u)
	defer release()
	token := make([]byte, 1+sealsock.HandoverTokenLen)
	if _, err := io.ReadFull(u, token); err != nil {
		return cause(ctx, fmt.Errorf("tunnel: the other process sent no token: %w", err))
	}
	if token[0] != format {
		return fmt.Errorf("tunnel: the other process takes over with protocol %d, and this one "+
			"hands over with %d: restart it with the same version", token[0], format)
	}
	raw := conn.NetConn()
	state, err := conn.HandOver(ctx, token[1:], extra)
	if err != nil {
		return cause(ctx, err)
	}
	defer raw.Close()
	return cause(ctx, send(u, raw, state))
}

// send sends a descriptor and a state, and waits for the answer.
func send(u *net.UnixConn, raw net.Conn, state []byte) error {
	rc, err := raw.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32([]byte{format}, uint32(len(state)))
	var sent error
	if err := rc.Control(func(fd uintptr) {
		_, _, sent = u.WriteMsgUnix(head, syscall.UnixRights(int(fd)), nil)
	}); err != nil {
		return err
	}
	if sent != nil {
		return fmt.Errorf("tunnel: the descriptor cannot be sent: %w", sent)
	}
	if _, err := u.Write(state); err != nil {
		return fmt.Errorf("tunnel: the state cannot be sent: %w", err)
	}
	var taken [1]byte
	if _, err := io.ReadFull(u, taken[:]); err != nil {
		return fmt.Errorf("tunnel: the other process did not take the connection over: %w", err)
	}
	return nil
}

// Receive returns the next connection that the process at the other end of u hands over; its
// Conn method continues with it. The error is io.EOF if that process has closed u before
// another connection.
//
// The end of ctx interrupts Receive. After an error u cannot be used any more.
func Receive(ctx context.Context, u *net.UnixConn) (*sealsock.TakenOver, error) {
	if u == nil {
		return nil, errNoSocket
	}
	release := interruptible(ctx, u)
	defer release()
	to, err := sealsock.NewTakeover()
	if err != nil {
		return nil, err
	}
	if _, err := u.Write(append([]byte{format}, to.Token()...)); err != nil {
		if ended(err) {
			err = io.EOF
		}
		return nil, cause(ctx, err)
	}
	raw, state, err := receive(u)
	if err != nil {
		return nil, cause(ctx, err)
	}
	o, err := to.Open(raw, state)
	if err == nil {
		_, err = u.Write([]byte{1})
		if ended(err) {
			err = nil // the other process has ended, and has nothing of the connection left
		}
	}
	if err != nil {
		raw.Close()
		return nil, cause(ctx, err)
	}
	return o, nil
}

// ended reports whether the other process has closed its socket, perhaps with a token unread.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNRESET)
}

// receive receives a descriptor and a state.
func receive(u *net.UnixConn) (net.Conn, []byte, error) {
	var head [headLen]byte
	control := make([]byte, syscall.CmsgSpace(4))
	n, controlLen, flags, _, err := u.ReadMsgUnix(head[:], control)
	files := descriptors(control[:controlLen])
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	switch {
	case n == 0 && err == nil || ended(err):
		return nil, nil, io.EOF
	case err != nil:
		return nil, nil, err
	case flags&syscall.MSG_CTRUNC != 0 || len(files) != 1:
		return nil, nil, fmt.Errorf("tunnel: %d descriptors came with a connection, not one", len(files))
	}
	if _, err := io.ReadFull(u, head[n:]); err != nil {
		return nil, nil, err
	}
	state, err := readState(u, head)
	if err != nil {
		return nil, nil, err
	}
	raw, err := net.FileConn(files[0])
	if err != nil {
		return nil, nil, fmt.Errorf("tunnel: the descriptor is no connection: %w", err)
	}
	return raw, state, nil
}

// readState reads a state of the length in head.
func readState(u *net.UnixConn, head [headLen]byte) ([]byte, error) {
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] != format || size > maxState {
		return nil, fmt.Errorf("tunnel: the other process hands over with protocol %d and a "+
			"state of %d bytes: this one takes over with %d and %d", head[0], size, format, maxState)
	}
	state := make([]byte, size)
	if _, err := io.ReadFull(u, state); err != nil {
		return nil, fmt.Errorf("tunnel: the state of a connection is incomplete: %w", err)
	}
	return state, nil
}

// descriptors returns the open files of a control message, which do not survive exec.
func descriptors(control []byte) (files []*os.File) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "a connection"))
		}
	}
	return files
}

var errNoSocket = fmt.Errorf("tunnel: there is no socket to the other process: %w", os.ErrInvalid)

// interruptible makes the end of ctx interrupt calls of u.
func interruptible(ctx context.Context, u *net.UnixConn) (release func()) {
	u.SetDeadline(time.Time{})
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		u.SetDeadline(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !stop() {
			<-fired // before another call of interruptible
		}
	}
}

// cause returns why ctx has ended, if it has and err is what came of it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}
