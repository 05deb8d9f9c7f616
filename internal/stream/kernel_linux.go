package stream

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// What linux/tls.h has and package unix does not.
const (
	tlsTX         = 1 // TLS_TX
	setRecordType = 1 // TLS_SET_RECORD_TYPE

	cipherGCM128 = 51
	cipherGCM256 = 52
	cipherCCM128 = 53
	cipherChaCha = 54
)

// A kernel seals the records of a Conn in the kernel. It is used by the sending half alone.
type kernel struct {
	raw net.Conn
	rc  syscall.RawConn
	kernelKey

	// What TCP has been given once all is sent is the sum of these, and what the records of
	// this key add: bytes before the first record, what records of earlier keys have added, and
	// plaintext.
	before, added, plain uint64

	open bool // sendfile has begun a record and not ended it
}

// A kernelKey is what is kept of the key in use: not the key.
type kernelKey struct {
	suite   *kernelSuite
	version iana.Version
	first   uint64 // the number of its first record
}

// A kernelSuite is a cipher of the kernel. Its struct in linux/tls.h begins with the version and
// the cipher, of 16 bits each, and has, in this order: the part of the nonce that the records of
// TLS 1.2 have, the key, the part of the nonce that they do not have, and the number of the next
// record.
type kernelSuite struct {
	cipher       uint16
	iv, key      int // bytes
	salt         int
	added, add13 int // how much longer a record is than its data, in TLS 1.2 and 1.3
}

var (
	kernelGCM128 = &kernelSuite{cipherGCM128, 8, 16, 4, 29, 22}
	kernelGCM256 = &kernelSuite{cipherGCM256, 8, 32, 4, 29, 22}
	kernelCCM128 = &kernelSuite{cipherCCM128, 8, 16, 4, 29, 22}
	kernelChaCha = &kernelSuite{cipherChaCha, 12, 32, 0, 21, 22}
)

// kernelSuites has the cipher of each suite that Linux has.
var kernelSuites = map[iana.CipherSuite]*kernelSuite{
	iana.TLS_AES_128_GCM_SHA256:                        kernelGCM128,
	iana.TLS_AES_256_GCM_SHA384:                        kernelGCM256,
	iana.TLS_CHACHA20_POLY1305_SHA256:                  kernelChaCha,
	iana.TLS_AES_128_CCM_SHA256:                        kernelCCM128,
	iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       kernelGCM128,
	iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         kernelGCM128,
	iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256:         kernelGCM128,
	iana.TLS_PSK_WITH_AES_128_GCM_SHA256:               kernelGCM128,
	iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       kernelGCM256,
	iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         kernelGCM256,
	iana.TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384:         kernelGCM256,
	iana.TLS_PSK_WITH_AES_256_GCM_SHA384:               kernelGCM256,
	iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: kernelChaCha,
	iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:   kernelChaCha,
	iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256:   kernelChaCha,
	iana.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256:         kernelChaCha,
	iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM:              kernelCCM128,
	iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256:         kernelCCM128,
	iana.TLS_PSK_WITH_AES_128_CCM:                      kernelCCM128,
}

// rekeyRelease is the first Linux that changes the key of a connection. A peer of TLS 1.3 may ask
// for another key at any time, and each key has its limit, so that an older kernel would end the
// connection then: it is given none of TLS 1.3.
var rekeyRelease = [2]int{6, 14}

// newKernel returns a kernel for a connection that has the suite and the version of key. It is
// to be given the key with install.
func newKernel(raw net.Conn, key engine.SendingKey) (*kernel, error) {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return nil, kernelRefused("the connection below is no *net.TCPConn", nil)
	}
	suite := kernelSuites[key.CipherSuite]
	if suite == nil {
		return nil, kernelRefused(fmt.Sprintf("Linux does not have %v", key.CipherSuite), nil)
	}
	if key.Version == iana.TLS13 && !newerThan(rekeyRelease) {
		return nil, kernelRefused("Linux changes keys of TLS 1.3 from 6.14 on", nil)
	}
	rc, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	k := &kernel{raw: raw, rc: rc}
	err = k.control("setsockopt TCP_ULP", func(fd int) error {
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_ULP, "tls")
	})
	if err != nil {
		return nil, kernelRefused("the kernel has no TLS for this socket", err)
	}
	k.before, _, err = k.queued()
	return k, err
}

// newerThan reports whether the running kernel has at least this release.
func newerThan(release [2]int) bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	first, rest, _ := strings.Cut(unix.ByteSliceToString(name.Release[:]), ".")
	second, _, _ := strings.Cut(rest, ".")
	major, failed := strconv.Atoi(first)
	minor, err := strconv.Atoi(second)
	if failed != nil || err != nil {
		return false
	}
	return major > release[0] || major == release[0] && minor >= release[1]
}

// control runs a system call.
func (k *kernel) control(name string, call func(fd int) error) error {
	var failed error
	if err := k.rc.Control(func(fd uintptr) { failed = call(int(fd)) }); err != nil {
		return err
	}
	if failed != nil {
		return k.opError(name, failed)
	}
	return nil
}

func (k *kernel) opError(call string, err error) error {
	return &net.OpError{
		Op: "write", Net: "tcp", Source: k.raw.LocalAddr(), Addr: k.raw.RemoteAddr(),
		Err: os.NewSyscallError(call, err),
	}
}

// install gives the kernel a key, and again the one that follows it.
func (k *kernel) install(key engine.SendingKey) error {
	suite := kernelSuites[key.CipherSuite]
	if suite == nil {
		return kernelRefused(fmt.Sprintf("Linux does not have %v", key.CipherSuite), nil)
	}
	if k.suite != nil {
		records, err := k.made()
		if err != nil {
			return err
		}
		k.added += records * uint64(k.overhead())
	}
	err := key.Use(func(secret, iv []byte) error {
		info := make([]byte, suite.size())
		defer clear(info)
		suite.put(info, key, secret, iv)
		return k.control("setsockopt TLS_TX", func(fd int) error {
			return setsockopt(fd, unix.SOL_TLS, tlsTX, info)
		})
	})
	if err == nil {
		k.kernelKey = kernelKey{suite, key.Version, key.Sequence}
	}
	return err
}

// size is the length of the struct for setsockopt.
func (s *kernelSuite) size() int { return 4 + s.iv + s.key + s.salt + 8 }

// put fills in the struct for setsockopt.
func (s *kernelSuite) put(info []byte, key engine.SendingKey, secret, iv []byte) {
	binary.NativeEndian.PutUint16(info, uint16(key.Version))
	binary.NativeEndian.PutUint16(info[2:], s.cipher)
	seq := binary.BigEndian.AppendUint64(nil, key.Sequence)
	at := info[4:]
	if s.salt > 0 && key.Version == iana.TLS12 {
		// The part of the nonce that is sent is the number of the record, as that of
		// internal/record is. RFC 5288, Section 3.
		copy(at, seq)
	} else {
		copy(at, iv[s.salt:])
	}
	at = at[s.iv:]
	copy(at, secret)
	at = at[s.key:]
	copy(at, iv[:s.salt])
	copy(at[s.salt:], seq)
}

func setsockopt(fd, level, option int, value []byte) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&value[0])), uintptr(len(value)), 0)
	runtime.KeepAlive(value)
	if errno != 0 {
		return errno
	}
	return nil
}

// overhead is how much longer a record is than its data.
func (k *kernel) overhead() int {
	if k.version == iana.TLS13 {
		return k.suite.add13
	}
	return k.suite.added
}

// next returns the number of the next record, as the kernel counts.
func (k *kernel) next() (seq uint64, err error) {
	info := make([]byte, k.suite.size())
	defer clear(info) // the key is in it
	size := uint32(len(info))
	err = k.control("getsockopt TLS_TX", func(fd int) error {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_TLS, tlsTX,
			uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
	return binary.BigEndian.Uint64(info[len(info)-8:]), err
}

// made returns how many records the key in use has sealed.
func (k *kernel) made() (uint64, error) {
	seq, err := k.next()
	return seq - k.first, err
}

// queued returns how many bytes TCP has been given since the connection began, or one less than
// it counts: the SYN. It reports too whether the connection has ended, so that TCP takes no more.
func (k *kernel) queued() (n uint64, ended bool, err error) {
	err = k.control("getsockopt TCP_INFO", func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		for err == nil {
			var unacked int
			if unacked, err = unix.IoctlGetInt(fd, unix.TIOCOUTQ); err != nil {
				break
			}
			acked := info.Bytes_acked
			n = acked + uint64(unacked)
			// What is acknowledged between the two calls would be missing from the sum.
			info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			if err == nil && info.Bytes_acked == acked {
				ended = info.State == unix.BPF_TCP_CLOSE
				break
			}
		}
		return err
	})
	return n, ended, err
}

// drained reports whether TCP has been given all records, or returns an error if it takes no more.
// What it has not may be lost when the socket is closed: the kernel keeps records that TCP has no
// room for.
func (k *kernel) drained() (bool, error) {
	records, err := k.made()
	if err != nil {
		return false, err
	}
	queued, ended, err := k.queued()
	if err != nil {
		return false, err
	}
	done := queued-k.before >= k.added+records*uint64(k.overhead())+k.plain
	if ended && !done {
		return false, unix.EPIPE
	}
	return done, nil
}

// maxFrames is how many frames of data go to the kernel with one system call.
const maxFrames = 8

// write sends frames of the engine, and returns those that are left after an error.
func (k *kernel) write(frames []byte, s *engine.Sender) (rest []byte, err error) {
	for len(frames) > 0 {
		typ, payload, after, ok := engine.NextFrame(frames)
		switch {
		case !ok:
			return frames, errFrames
		case typ == 0:
			key, ok := s.NextKey()
			if !ok {
				return frames, errFrames
			}
			if err := k.install(key); err != nil {
				return frames, kernelRefused("the kernel does not change the key", err)
			}
			frames = after
		case typ == iana.ContentApplicationData:
			if frames, err = k.writeData(frames); err != nil {
				return frames, err
			}
		default:
			if err := k.writeRecord(typ, payload); err != nil {
				return frames, err
			}
			frames = after
		}
	}
	return nil, nil
}

// writeData sends the frames of data in front of frames, or a part, with one system call.
func (k *kernel) writeData(frames []byte) (rest []byte, err error) {
	var data [][]byte
	for b := frames; len(data) < maxFrames; {
		typ, payload, after, ok := engine.NextFrame(b)
		if !ok || typ != iana.ContentApplicationData {
			break
		}
		data, b = append(data, payload), after
	}
	n, err := k.send(data, nil)
	for range data {
		_, payload, after, _ := engine.NextFrame(frames)
		if n < len(payload) {
			return engine.ShortenFrame(frames, n), err
		}
		n -= len(payload)
		frames = after
	}
	return frames, err
}

// writeRecord sends a record of another type than data. RFC 9846, Section 5.1: messages of an
// alert "MUST NOT be fragmented across records".
func (k *kernel) writeRecord(typ iana.ContentType, payload []byte) error {
	control := make([]byte, unix.CmsgSpace(1))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	h.Level, h.Type = unix.SOL_TLS, setRecordType
	h.SetLen(unix.CmsgLen(1))
	control[unix.CmsgLen(0)] = byte(typ)
	var data [][]byte
	if len(payload) > 0 {
		data = append(data, payload)
	}
	n, err := k.send(data, control)
	if err == nil && n < len(payload) {
		return k.opError("sendmsg", unix.EMSGSIZE)
	}
	return err
}

// end ends the record that sendfile has begun, if there is one: a message with a type does, also
// with that of data.
func (k *kernel) end() error {
	if !k.open {
		return nil
	}
	return k.writeRecord(iana.ContentApplicationData, nil)
}

// send makes one call of sendmsg, which may send a part.
func (k *kernel) send(data [][]byte, control []byte) (n int, err error) {
	var iovecs [maxFrames]unix.Iovec
	for i, b := range data {
		iovecs[i].Base = unsafe.SliceData(b)
		iovecs[i].SetLen(len(b))
	}
	message := unix.Msghdr{Iov: &iovecs[0], Control: unsafe.SliceData(control)}
	message.SetIovlen(len(data))
	message.SetControllen(len(control))
	// Not unix.SendmsgBuffers, which sends a byte where there are none.
	n, err = k.wait("sendmsg", func(fd int) (int, error) {
		n, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&message)), unix.MSG_NOSIGNAL)
		if errno != 0 {
			return 0, errno
		}
		return int(n), nil
	})
	k.open = k.open && err != nil
	return n, err
}

// wait makes a system call once the socket has room for it.
func (k *kernel) wait(name string, call func(fd int) (int, error)) (n int, err error) {
	var failed error
	err = k.rc.Write(func(fd uintptr) bool {
		for {
			n, failed = call(int(fd))
			if failed != unix.EINTR {
				return failed != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return 0, asOp(err, "raw-write", "write")
	case failed != nil:
		return 0, k.opError(name, failed)
	}
	k.plain += uint64(n)
	return n, nil
}

// sendFile sends n bytes of a file, or fewer. It returns 0 at the end of the file.
func (k *kernel) sendFile(f *os.File, offset int64, n int) (sent int, err error) {
	file, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	sent, err = k.wait("sendfile", func(fd int) (sent int, err error) {
		at := offset
		if failed := file.Control(func(from uintptr) {
			sent, err = unix.Sendfile(fd, int(from), &at, n)
		}); failed != nil {
			return 0, failed
		}
		return max(sent, 0), err
	})
	if sent > 0 {
		k.open = sent < n
	}
	return sent, err
}
