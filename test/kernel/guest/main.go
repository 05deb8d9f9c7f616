//go:build linux

// Command guest is the first process of the virtual machine in which the
// socket families are tested. It mounts what the kernel offers, loads the
// modules, makes the interfaces that the tests use, runs every test program and
// powers the machine off. Its own lines begin with "@@".
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/socket/netlink"
)

func main() {
	prepare()
	for name := range strings.FieldsSeq(read("/tests.list")) {
		runTests(name)
	}
	fmt.Println("@@ over")
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println("@@ problem power off:", err)
	}
}

// problem reports an unexpected failure.
func problem(what string, err error) {
	if err != nil {
		fmt.Printf("@@ problem %s: %v\n", what, err)
	}
}

func read(name string) string {
	b, err := os.ReadFile(name)
	problem("read", err)
	return string(b)
}

func prepare() {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		problem("mount "+m[1], unix.Mount(m[0], m[1], m[0], 0, ""))
	}
	problem("fd", os.Symlink("/proc/self/fd", "/dev/fd"))
	problem("host name", unix.Sethostname([]byte("guest")))
	for file := range strings.FieldsSeq(read("/modules.list")) {
		problem("module "+file, load(file))
	}
	problem("links", links(context.Background()))
	problem("controllers", startRadio())
}

// load loads one module, which may be compressed.
func load(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(file, ".ko") {
		flags = 4 // MODULE_INIT_COMPRESSED_FILE
	}
	if err := unix.FinitModule(int(f.Fd()), "", flags); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}

// links makes the interfaces: lo, a CAN bus that carries FD frames, and a pair
// of Ethernet interfaces, whose second one comes with the first.
func links(ctx context.Context) error {
	c, err := netlink.Open(netlink.Route)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, l := range []struct {
		name, kind string
		mtu        uint32
	}{{"lo", "", 0}, {"vcan0", "vcan", 72}, {"pair0", "veth", 0}, {"pair1", "", 0}} {
		if l.kind != "" {
			if err := addLink(ctx, c, l.name, l.kind); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
		if err := setUp(ctx, c, l.name, l.mtu); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

// vethInfoPeer is VETH_INFO_PEER of linux/veth.h.
const vethInfoPeer = 1

func addLink(ctx context.Context, c *netlink.Conn, name, kind string) error {
	body := netlink.AppendText(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, name)
	info := netlink.AppendText(nil, unix.IFLA_INFO_KIND, kind)
	if kind == "veth" {
		peer := netlink.AppendText(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, "pair1")
		info = netlink.AppendAttribute(info, unix.IFLA_INFO_DATA, netlink.AppendAttribute(nil, vethInfoPeer, peer))
	}
	body = netlink.AppendAttribute(body, unix.IFLA_LINKINFO, info)
	_, err := c.Execute(ctx, netlink.Message{Type: unix.RTM_NEWLINK, Flags: netlink.Create | netlink.Exclusive, Data: body})
	return err
}

func setUp(ctx context.Context, c *netlink.Conn, name string, mtu uint32) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(i.Index))
	binary.NativeEndian.PutUint32(body[8:], unix.IFF_UP)
	binary.NativeEndian.PutUint32(body[12:], unix.IFF_UP)
	if mtu > 0 {
		body = netlink.AppendUint32(body, unix.IFLA_MTU, mtu)
	}
	_, err = c.Execute(ctx, netlink.Message{Type: unix.RTM_NEWLINK, Data: body})
	return err
}

// runTests runs one package's tests.
func runTests(name string) {
	fmt.Println("@@ begin", name)
	cmd := exec.Command("/tests/"+strings.ReplaceAll(name, "/", "_")+".test", "-test.v", "-test.timeout="+read("/patience"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	cmd.Dir = "/tmp"
	cmd.Env = []string{"PATH=/bin", "HOME=/tmp", "SEALSOCK_VM=1", "SEALSOCK_PEERS=require", "GORACE=atexit_sleep_ms=0"}
	_ = cmd.Run() // its exit status tells
	code := -1
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	fmt.Println("@@ end", name, code)
}
