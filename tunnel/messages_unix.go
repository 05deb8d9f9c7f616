//go:build unix

package tunnel

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// What the two processes of an upgrade send each other. Each message is a length of four bytes
// and JSON; descriptors travel with the length.
//
//	new process                    old process
//	hello                        >
//	                             < listener, once for each, with its descriptor
//	                             < serve
//	ready                        >   from here on the new process accepts
//	                             < link, once for each, with one end of a pair of sockets
//	                             < done
//
// The pair of sockets of a link has a state with the descriptors of the ends in plaintext, then
// what Send and Receive exchange for each encrypted end, the client's first, and one byte from the
// new process. Links move beside each other.
type upgradeMessage struct {
	Kind    string `json:"kind"` // hello, listener, serve, ready, link or done
	Version int    `json:"version,omitempty"`
	Key     string `json:"key,omitempty"` // of a listener
}

// upgradeVersion is the version of these messages.
const upgradeVersion = 1

// maxMessage bounds a message in bytes: a state has what two directions hold.
const maxMessage = 1 << 20

// sendMessage sends v with descriptors.
func sendMessage(u *net.UnixConn, v any, conns ...syscall.RawConn) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	var sent error
	err = withDescriptors(conns, nil, func(fds []int) {
		var rights []byte
		if len(fds) > 0 {
			rights = syscall.UnixRights(fds...)
		}
		_, _, sent = u.WriteMsgUnix(head, rights, nil)
	})
	if err = errors.Join(err, sent); err != nil {
		return err
	}
	_, err = u.Write(body)
	return err
}

// withDescriptors calls do while the descriptors of all connections are open.
func withDescriptors(conns []syscall.RawConn, fds []int, do func([]int)) error {
	if len(conns) == 0 {
		do(fds)
		return nil
	}
	var inner error
	err := conns[0].Control(func(fd uintptr) {
		inner = withDescriptors(conns[1:], append(fds, int(fd)), do)
	})
	return errors.Join(err, inner)
}

// receiveMessage receives a message into v, and returns the descriptors that came with it.
func receiveMessage(u *net.UnixConn, v any, most int) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeFiles(files)
			files = nil
		}
	}()
	var head [4]byte
	control := make([]byte, syscall.CmsgSpace(4*max(most, 1)))
	n, controlLen, _, _, err := u.ReadMsgUnix(head[:], control)
	files = descriptors(control[:controlLen])
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return files, err
	}
	if _, err = io.ReadFull(u, head[n:]); err != nil {
		return files, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxMessage || len(files) > most {
		return files, fmt.Errorf("tunnel: the other process sends %d bytes and %d descriptors, more "+
			"than %d and %d", size, len(files), maxMessage, most)
	}
	body := make([]byte, size)
	if _, err = io.ReadFull(u, body); err != nil {
		return files, err
	}
	return files, json.Unmarshal(body, v)
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// expect receives a message of a kind.
func expect(u *net.UnixConn, kind string) error {
	var m upgradeMessage
	files, err := receiveMessage(u, &m, 0)
	closeFiles(files)
	switch {
	case err != nil:
		return err
	case m.Kind != kind:
		return fmt.Errorf("tunnel: the other process sends %q in place of %q", m.Kind, kind)
	case kind == "hello" && m.Version != upgradeVersion:
		return fmt.Errorf("tunnel: the other process has version %d of the hand-over, this one %d: "+
			"restart the service in place of upgrading it", m.Version, upgradeVersion)
	}
	return nil
}

// socketPair returns two connected sockets.
func socketPair() (a, b *net.UnixConn, err error) {
	fds, err := socketPairFDs()
	if err != nil {
		return nil, nil, fmt.Errorf("tunnel: no pair of sockets: %w", err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket pair")
		c, failed := net.FileConn(f)
		f.Close()
		if failed != nil {
			err = failed
			continue
		}
		ends[i] = c.(*net.UnixConn)
	}
	if err != nil {
		for _, c := range ends {
			if c != nil {
				c.Close()
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}

func socketPairFDs() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return fds, err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return fds, nil
}
