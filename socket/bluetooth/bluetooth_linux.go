package bluetooth

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/socket"
)

const (
	number       = unix.AF_BLUETOOTH
	numberRFCOMM = number
	numberHCI    = number

	protoL2CAP  = unix.BTPROTO_L2CAP
	protoHCI    = unix.BTPROTO_HCI
	protoSCO    = unix.BTPROTO_SCO
	protoRFCOMM = unix.BTPROTO_RFCOMM
)

func option(level, name int) socket.OptionNumber {
	return socket.OptionNumber{Level: level, Name: name}
}

// Controls of HCI sockets, from the kernel's hci_sock.h.
const (
	hciUp      = 0x400448c9
	hciDown    = 0x400448ca
	hciList    = 0x800448d2
	hciInfo    = 0x800448d3
	hciSetScan = 0x400448dd

	flagUp = 1 << 0

	scanInquiry = 1
	scanPage    = 2

	maxControllers = 16 // HCI_MAX_DEV
)

// hciControl runs a control on an HCI socket; arg is a number or a pointer.
func hciControl(request uintptr, arg uintptr, p unsafe.Pointer) error {
	s, err := socket.New(FamilyHCI, socket.Raw, protoHCI)
	if err != nil {
		return err
	}
	defer s.Close()
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		if p != nil {
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(p))
			return
		}
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, arg)
	})
	if err == nil && errno != 0 {
		err = os.NewSyscallError("ioctl", errno)
	}
	if err != nil {
		return &net.OpError{Op: "ioctl", Net: "hci", Err: err}
	}
	return nil
}

func controllers() ([]Controller, error) {
	// struct hci_dev_list_req: a count, and pairs of an index and flags.
	var list [4 + 8*maxControllers]byte
	binary.NativeEndian.PutUint16(list[:], maxControllers)
	if err := hciControl(hciList, 0, unsafe.Pointer(&list)); err != nil {
		return nil, err
	}
	var all []Controller
	for i := range min(int(binary.NativeEndian.Uint16(list[:])), maxControllers) {
		// struct hci_dev_info: index, name, address, flags and more.
		var info [256]byte
		copy(info[:], list[4+8*i:4+8*i+2])
		if err := hciControl(hciInfo, 0, unsafe.Pointer(&info)); err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(string(info[2:10]), "\x00")
		all = append(all, Controller{
			Index:  binary.NativeEndian.Uint16(info[:]),
			Name:   name,
			Device: deviceOf(info[10:16]),
			Up:     binary.NativeEndian.Uint32(info[16:])&flagUp != 0,
		})
	}
	return all, nil
}

func (c Controller) start() error {
	if err := hciControl(hciUp, uintptr(c.Index), nil); err != nil && !errors.Is(err, unix.EALREADY) {
		return err
	}
	return nil
}

func (c Controller) stop() error { return hciControl(hciDown, uintptr(c.Index), nil) }

func (c Controller) setVisible(discoverable, connectable bool) error {
	// struct hci_dev_req: an index and a number.
	var req [8]byte
	binary.NativeEndian.PutUint16(req[:], c.Index)
	if discoverable {
		req[4] |= scanInquiry
	}
	if connectable {
		req[4] |= scanPage
	}
	return hciControl(hciSetScan, 0, unsafe.Pointer(&req))
}
