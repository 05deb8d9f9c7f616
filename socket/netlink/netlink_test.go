//go:build linux

package netlink_test

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket/netlink"
)

func open(t *testing.T, p netlink.Protocol, groups ...int) *netlink.Conn {
	t.Helper()
	c, err := netlink.Open(p, groups...)
	sockettest.Need(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestDump(t *testing.T) {
	sockettest.Shows(t, "netlink", sockettest.Trip)
	c := open(t, netlink.Route)
	for range 2 { // the second request must not see the first one's answer
		links, err := c.Execute(sockettest.Context(t), netlink.Message{
			Type: unix.RTM_GETLINK, Flags: netlink.Dump, Data: make([]byte, unix.SizeofIfInfomsg),
		})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, l := range links {
			attrs, err := netlink.ParseAttributes(l.Data[unix.SizeofIfInfomsg:])
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range attrs {
				if a.Type == unix.IFLA_IFNAME {
					names = append(names, a.Text())
				}
			}
		}
		if !strings.Contains(strings.Join(names, " "), "lo") {
			t.Errorf("links %q, want lo among them", names)
		}
	}
}

func TestRefusal(t *testing.T) {
	sockettest.Shows(t, "netlink", sockettest.BadInput)
	c := open(t, netlink.Route)
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], 1<<30)
	_, err := c.Execute(sockettest.Context(t), netlink.Message{Type: unix.RTM_GETLINK, Data: body})
	var refused *netlink.Error
	if !errors.As(err, &refused) || !errors.Is(err, syscall.ENODEV) {
		t.Fatalf("an interface that is not there: %v", err)
	}
	_, err = c.Execute(sockettest.Context(t), netlink.Message{Type: unix.RTM_GETLINK, Data: netlink.AppendUint32(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_MTU, 1)})
	if !errors.As(err, &refused) {
		t.Errorf("no interface named: %v", err)
	}
	if _, err := c.Execute(sockettest.Context(t), netlink.Message{Type: unix.RTM_GETLINK, Data: []byte{1}}); err == nil {
		t.Error("a header of one byte was taken")
	}
}

func TestErrorText(t *testing.T) {
	sockettest.Shows(t, "netlink", sockettest.Options)
	c := open(t, netlink.Route)
	if err := netlink.StrictChecks.Set(c.Socket, true); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, unix.SizeofIfInfomsg)
	body[1] = 1
	binary.NativeEndian.PutUint32(body[12:], 0xffff) // values that a strict dump refuses
	_, err := c.Execute(sockettest.Context(t), netlink.Message{Type: unix.RTM_GETLINK, Flags: netlink.Dump, Data: body})
	var refused *netlink.Error
	if !errors.As(err, &refused) || refused.Text == "" {
		t.Errorf("%v, want the kernel's own words", err)
	}
}

func TestProtocols(t *testing.T) {
	sockettest.Shows(t, "netlink", sockettest.Addresses)
	for _, p := range []netlink.Protocol{netlink.Route, netlink.UserSock, netlink.Generic, netlink.KObjectUEvent} {
		c := open(t, p)
		if a := c.LocalAddr().(netlink.Addr); a.Port == 0 {
			t.Errorf("protocol %d: bound to %v", p, a)
		}
	}
	if _, err := netlink.Open(netlink.Protocol(31)); err == nil {
		t.Error("a protocol without a number")
	}
}

// TestPython exchanges datagrams with Python's socket over NETLINK_USERSOCK.
func TestPython(t *testing.T) {
	sockettest.Shows(t, "netlink", sockettest.Opinion)
	c := open(t, netlink.UserSock)
	port := c.LocalAddr().(netlink.Addr).Port
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_USERSOCK)
s.bind((0, 0))
s.sendto(b'from Python', (int(arg[0]), 0))
data, addr = s.recvfrom(100)
say(data.decode(), addr == (int(arg[0]), 0))
`, strconv.Itoa(int(port)))
	buf := make([]byte, 100)
	n, from, err := c.RecvFrom(sockettest.Context(t), buf, 0)
	sockettest.Need(t, err)
	if string(buf[:n]) != "from Python" {
		t.Errorf("%q from %v", buf[:n], from)
	}
	if _, err := c.SendTo(sockettest.Context(t), []byte("from Go"), 0, from); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "from Go True" {
		t.Errorf("Python received %q", line)
	}
	p.Wait()
}
