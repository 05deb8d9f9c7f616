package udpbatch

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbid makes the kernel answer system calls of this thread alone with an error, as a seccomp
// filter does that does not know them. The thread ends with the goroutine of the test.
func forbid(t *testing.T, answer unix.Errno, calls ...uint32) {
	t.Helper()
	runtime.LockOSThread()
	const load, equal, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS,
		unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	program := []unix.SockFilter{{Code: load}} // the number of the call
	for _, n := range calls {
		program = append(program, unix.SockFilter{Code: equal, Jf: 1, K: n},
			unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(answer)})
	}
	program = append(program, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER,
			uintptr(unsafe.Pointer(&filter)), 0, 0)
	}
	switch {
	case err == unix.EINVAL:
		t.Skip("this kernel has no seccomp")
	case err != nil:
		t.Fatal(err)
	}
}

// TestForbidden: where a filter of system calls refuses sendmmsg and recvmmsg, datagrams are sent
// and received one by one.
func TestForbidden(t *testing.T) {
	for name, sizes := range batches {
		for _, answer := range []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSYS} {
			t.Run(name+", "+unix.ErrnoName(answer), func(t *testing.T) {
				from, to, addr := sockets(t, "udp4", "127.0.0.1:0", false)
				forbid(t, answer, unix.SYS_SENDMMSG, unix.SYS_RECVMMSG)
				batchArrives(t, from, to, addr, sizes)
				if len(sizes) > 1 && !from.singly.Load() {
					t.Error("sendmmsg is tried again with each batch")
				}
			})
		}
	}
}

// TestFirewall: a firewall answers EPERM too, to single datagrams as well. Then the error is that
// of the datagram, and the next batch is sent as one again.
func TestFirewall(t *testing.T) {
	if runtime.GOARCH == "386" {
		t.Skip("sendto is a part of socketcall there, which the filter cannot tell apart")
	}
	from, _, addr := sockets(t, "udp4", "127.0.0.1:0", false)
	forbid(t, unix.EPERM, unix.SYS_SENDMMSG, unix.SYS_SENDTO)
	n, err := from.Write(make([]byte, 20), []int{10, 10}, addr)
	if n != 0 || err == nil || from.singly.Load() {
		t.Errorf("%d were sent: %v; singly is %v", n, err, from.singly.Load())
	}
}
