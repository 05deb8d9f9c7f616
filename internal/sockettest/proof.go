package sockettest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// An Aspect is a property that the tests of a family verify. It is a column of
// the table of passes in docs/sockets.md, which the test of test/kernel writes.
type Aspect string

// The aspects, in the order of the columns.
const (
	Trip      Aspect = "round trip"
	IsConn    Aspect = "net.Conn"
	Waiting   Aspect = "waiting"
	Addresses Aspect = "addresses"
	Options   Aspect = "options"
	Ancillary Aspect = "ancillary"
	BadInput  Aspect = "bad input"
	Sealed    Aspect = "TLS"
	Command   Aspect = "seal"
	Opinion   Aspect = "peer"
)

// Aspects lists the columns.
var Aspects = []Aspect{Trip, IsConn, Waiting, Addresses, Options, Ancillary, BadInput, Sealed, Command, Opinion}

// Shown is the prefix of the line that a test prints in the virtual machine for
// an aspect that it verified. The row, a colon and the aspect follow it.
const Shown = "@@ shows "

// Shows declares the aspects of a family that a test verifies if it passes. row
// is the row of the family in docs/sockets.md.
func Shows(t testing.TB, row string, aspects ...Aspect) {
	t.Helper()
	t.Cleanup(func() {
		if !InVM() || t.Failed() || t.Skipped() {
			return
		}
		for _, a := range aspects {
			fmt.Printf("\n%s%s: %s\n", Shown, row, a)
		}
	})
}

// Noted is the prefix of the line that a test prints in the virtual machine for
// what it saw there. The row, a colon and the text follow it.
const Noted = "@@ notes "

// Notes declares what a test saw of a family in the virtual machine, as a clause for
// docs/sockets.md.
func Notes(t testing.TB, row, seen string) {
	t.Helper()
	t.Cleanup(func() {
		if InVM() && !t.Failed() && !t.Skipped() {
			fmt.Printf("\n%s%s: %s\n", Noted, row, seen)
		}
	})
}

// Waits checks that a receiving call ends with its deadline, with its context
// and with Close, and that these do not affect other calls. open returns a
// socket that is ready to receive and to which nothing is sent.
func Waits(t *testing.T, row string, open func() *socket.Socket) {
	t.Helper()
	Shows(t, row, Waiting)
	s := open()
	defer s.Close()
	buf := make([]byte, 100)
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := s.Read(buf)
	var op *net.OpError
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &op) || !op.Timeout() || op.Net != s.Family().Name {
		t.Fatalf("with a deadline: %v", err)
	}
	_ = s.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Recv(ctx, buf, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("with a context: %v", err)
	}
	if _, err := s.NonBlocking().Recv(buf, 0); !errors.Is(err, socket.ErrWouldBlock) {
		t.Fatalf("without waiting: %v", err)
	}
	closeAmidst(t, s)
}

// closeAmidst closes a socket during concurrent calls.
func closeAmidst(t *testing.T, s *socket.Socket) {
	t.Helper()
	var all sync.WaitGroup
	stop := make(chan struct{})
	again := func(f func() error) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := f(); errors.Is(err, net.ErrClosed) {
					return
				}
			}
		})
	}
	buf := func() []byte { return make([]byte, 100) }
	again(func() error { _, err := s.Read(buf()); return err })
	again(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, err := s.Recv(ctx, buf(), 0)
		return err
	})
	again(func() error {
		m := socket.Message{Buffers: [][]byte{buf()}, Control: buf()}
		_, err := s.RecvMsg(context.Background(), &m, 0)
		return err
	})
	again(func() error { return s.SetReadDeadline(time.Now().Add(2 * time.Millisecond)) })
	again(func() error {
		_ = s.LocalAddr()
		d, err := s.Dup()
		if err == nil {
			_ = d.Close()
		}
		time.Sleep(time.Millisecond)
		return err
	})
	time.Sleep(20 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		close(stop)
		t.Error("a call continues after Close")
	}
}

// foreign is an address that does not belong to any family.
type foreign struct{}

func (foreign) Network() string { return "foreign" }
func (foreign) String() string  { return "nowhere" }
func (foreign) AppendSockaddr(b []byte) ([]byte, error) {
	return append(socket.AppendHeader(b, 93, 16), make([]byte, 14)...), nil
}

// Refuses checks that the sockets of a family return specific errors for
// invalid input: addresses of other families, empty and long addresses, closed
// sockets, and unknown options and types. If the kernel lacks the family, it
// checks the text of that error and skips the rest.
func Refuses(t *testing.T, row string, f socket.Family, typ socket.Type, proto int) {
	t.Helper()
	Shows(t, row, BadInput)
	s, err := socket.New(f, typ, proto)
	if err != nil {
		saysUnsupported(t, f, err)
		Need(t, err)
	}
	defer s.Close()
	ctx := Context(t)
	var elsewhere net.Addr = &net.UnixAddr{Name: "/x", Net: "unix"}
	if f.Name == "unix" {
		elsewhere = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	}
	for name, a := range map[string]net.Addr{
		"no address": nil, "an address of another family": foreign{}, "an address of package net": elsewhere,
		"an address of 200 bytes": socket.RawAddr{Net: f.Name, Bytes: string(make([]byte, 200))},
		"an address of no bytes":  socket.RawAddr{Net: f.Name},
	} {
		_, serr := s.SendTo(ctx, []byte("x"), 0, a)
		_, merr := s.SendMsg(ctx, &socket.Message{Buffers: [][]byte{{1}}, Addr: a}, 0)
		if a == nil {
			merr = serr // which is a valid empty address
		}
		for call, err := range map[string]error{"bind": s.Bind(a), "connect": s.Connect(ctx, a), "send to": serr, "send a message to": merr} {
			var op *net.OpError
			var sys *os.SyscallError
			if !errors.As(err, &op) || op.Net != f.Name || errors.As(err, &sys) {
				t.Errorf("%s %s: %v, want this package's refusal", call, name, err)
			}
		}
	}
	if err := s.SetOptionInt(socket.OptionNumber{Level: 9999, Name: 9999}, 1); err == nil {
		t.Error("an option that is not there was set")
	}
	if bad, err := socket.New(f, socket.Type(9), proto); err == nil {
		_ = bad.Close()
		t.Error("a socket of type 9")
	}
	_ = s.Close()
	_, rerr := s.Read(make([]byte, 1))
	_, werr := s.Write(make([]byte, 1))
	for _, err := range []error{rerr, werr, s.Bind(foreign{}), s.Close()} {
		if err == nil {
			t.Error("a closed socket works")
		}
	}
	if !errors.Is(rerr, net.ErrClosed) || !errors.Is(werr, net.ErrClosed) {
		t.Errorf("closed: %v, %v", rerr, werr)
	}
}

// saysUnsupported checks the error of a socket that could not be opened.
func saysUnsupported(t *testing.T, f socket.Family, err error) {
	t.Helper()
	var none *socket.UnsupportedError
	if !errors.As(err, &none) {
		return // a missing privilege, which Need handles
	}
	text := err.Error()
	for _, want := range []string{f.Name, runtime.GOOS} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	if f.Module != "" && runtime.GOOS == "linux" && !strings.Contains(text, "modprobe -a "+f.Module) {
		t.Errorf("%q does not say how to load %s", text, f.Module)
	}
}

// Stamped checks that a message carries the time of its arrival, the ancillary
// data that most families support.
func Stamped(t *testing.T, row string, receiver *socket.Socket, send func() error) {
	t.Helper()
	Shows(t, row, Ancillary)
	if err := socket.TimestampsNano.Set(receiver, true); err != nil {
		t.Fatal(err)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	for _, item := range Received(t, receiver) {
		if stamp, ok := item.(socket.Timestamp); ok && time.Since(stamp.Time).Abs() < time.Minute {
			return
		}
	}
	t.Error("the message has no time stamp")
}

// Received receives a message and returns its ancillary data.
func Received(t *testing.T, s *socket.Socket) []socket.Ancillary {
	t.Helper()
	m := socket.Message{Buffers: [][]byte{make([]byte, 1<<16)}, Control: make([]byte, 1000)}
	if _, err := s.RecvMsg(Context(t), &m, 0); err != nil {
		t.Fatal(err)
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil {
		t.Fatal(err)
	}
	return items
}
