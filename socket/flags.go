package socket

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Flags change what a send or receive call does, and describe a received message.
// Their values are this package's, the same on every system; a flag that the
// system lacks makes the call fail instead of being ignored.
type Flags uint32

const (
	OOB              Flags = 1 << iota // out-of-band data, which TCP calls urgent
	Peek                               // leave what is received in the queue
	DontRoute                          // send only to hosts on the link
	WaitAll                            // Recv: receive from a stream until the buffer is full
	DontWait                           // return EAGAIN instead of waiting
	Truncated                          // the message was longer than the buffers; asked for: return its real length
	ControlTruncated                   // the ancillary data was longer than its space
	EOR                                // the end of a record
	ErrQueue                           // receive from the error queue
	NoSignal                           // no SIGPIPE; Go programs ignore it anyhow
	More                               // more is to come: hold back short packets
	Confirm                            // progress happened: keep the neighbour entry
	FastOpen                           // send data with the SYN
	CloseOnExec                        // of received descriptors; always added
	EOF                                // this is the last to be sent
	Broadcast                          // was received as a broadcast
	Multicast                          // was received as a multicast
	Notification                       // is an event of the connection, not data: SCTP
	ZeroCopy                           // send from the caller's memory
	Batch                              // more sends follow at once
)

var flagNames = [...]string{"OOB", "Peek", "DontRoute", "WaitAll", "DontWait", "Truncated", "ControlTruncated",
	"EOR", "ErrQueue", "NoSignal", "More", "Confirm", "FastOpen", "CloseOnExec", "EOF", "Broadcast", "Multicast",
	"Notification", "ZeroCopy", "Batch"}

// String lists the flags: "Peek|WaitAll".
func (f Flags) String() string {
	if f == 0 {
		return "0"
	}
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if rest := f &^ (1<<len(flagNames) - 1); rest != 0 {
		names = append(names, fmt.Sprintf("0x%x", uint32(rest)))
	}
	return strings.Join(names, "|")
}

// number returns the system's number for the flags. DontWait has none: sockets
// are non-blocking, and the call itself does not wait.
func (f Flags) number() (int, error) {
	f &^= DontWait
	if f == 0 {
		return 0, nil
	}
	n := 0
	for i := range flagNames {
		if f&(1<<i) == 0 {
			continue
		}
		if flagNumbers[i] == 0 {
			return 0, fmt.Errorf("flag %s: not on %s: %w", Flags(1<<i), runtime.GOOS, errors.ErrUnsupported)
		}
		n |= flagNumbers[i]
	}
	if f>>len(flagNames) != 0 {
		return 0, fmt.Errorf("flags %s are not known", f)
	}
	return n, nil
}

// flagsOf translates what recvmsg(2) reports. Bits without a name are dropped.
func flagsOf(n int) Flags {
	if n == 0 {
		return 0
	}
	var f Flags
	for i, number := range flagNumbers {
		if number != 0 && n&number != 0 {
			f |= 1 << i
		}
	}
	return f &^ (CloseOnExec | NoSignal)
}
