package udpbatch

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/internal/reuse"
)

// sockets returns a Conn that sends, connected or not, one that receives, and its address.
func sockets(t *testing.T, network, at string, connected bool) (*Conn, *Conn, netip.AddrPort) {
	t.Helper()
	listen := func(at string) *Conn {
		addr, err := net.ResolveUDPAddr(network, at)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.ListenUDP(network, addr)
		if err != nil && addr.IP.To4() != nil {
			t.Fatal(err)
		}
		if err != nil { // a machine without IPv6
			t.Skip(err)
		}
		t.Cleanup(func() { c.Close() })
		return New(c)
	}
	to := listen(at)
	local := to.LocalAddr().(*net.UDPAddr)
	if !connected {
		addr := local.AddrPort()
		if local.IP.IsUnspecified() {
			addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addr.Port())
		}
		return listen(at), to, addr
	}
	c, err := net.DialUDP(network, nil, local)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return New(c), to, netip.AddrPort{}
}

// batches are the sizes of datagrams that are sent together.
var batches = map[string][]int{
	"one":           {700},
	"one size":      slices.Repeat([]int{1000}, 20),
	"a shorter one": append(slices.Repeat([]int{1200}, 9), 3),
	"others":        {1, 2, 3, 3, 3, 2, 9, 9, 1000, 4},
	"many":          slices.Repeat([]int{20}, MaxDatagrams),
	"an empty one":  {5, 0, 5, 5},
}

// TestBatch: datagrams arrive as they were sent and with the address of their sender, whatever the
// kernel can do.
func TestBatch(t *testing.T) {
	for _, network := range [][2]string{
		{"udp4", "127.0.0.1:0"}, {"udp6", "[::1]:0"}, {"udp", "[::]:0"},
	} {
		for _, connected := range []bool{false, true} {
			for _, limit := range limits {
				t.Run(network[0]+" "+limit.name, func(t *testing.T) {
					from, to, addr := sockets(t, network[0], network[1], connected)
					limit.apply(from)
					limit.apply(to)
					for name, sizes := range batches {
						t.Run(name, func(t *testing.T) { batchArrives(t, from, to, addr, sizes) })
					}
				})
			}
		}
	}
}

// batchArrives sends a batch. All of them together fit into the buffer of a socket.
func batchArrives(t *testing.T, from, to *Conn, addr netip.AddrPort, sizes []int) {
	t.Helper()
	var all []byte
	for i, n := range sizes {
		all = append(all, bytes.Repeat([]byte{byte(i)}, n)...)
	}
	if n, err := from.Write(all, sizes, addr); n != len(sizes) || err != nil {
		t.Fatalf("%d of %d were sent: %v", n, len(sizes), err)
	}
	port := from.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	r := to.NewReader(3)
	for got := 0; got < len(sizes); {
		err := r.Read(func(run Run) {
			if !run.From.Addr().Unmap().IsLoopback() || run.From.Port() != port {
				t.Errorf("the sender is %v, expected port %d", run.From, port)
			}
			run.Each(func(d []byte) {
				if want := bytes.Repeat([]byte{byte(got)}, sizes[got]); !bytes.Equal(d, want) {
					t.Fatalf("datagram %d has %d bytes, expected %d", got, len(d), sizes[got])
				}
				got++
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestBatchError: what stands before a datagram with an error is sent.
func TestBatchError(t *testing.T) {
	from, to, addr := sockets(t, "udp4", "127.0.0.1:0", false)
	sizes := []int{10, 10, reuse.LargestDatagram, 10}
	all := make([]byte, 30+reuse.LargestDatagram)
	n, err := from.Write(all, sizes, addr)
	if n != 2 || !tooLarge(err) {
		t.Fatalf("%d were sent: %v", n, err)
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "write" {
		t.Errorf("the error is %#v", err)
	}
	got := 0
	for r := to.NewReader(1); got < 2; {
		if err := r.Read(func(run Run) { run.Each(func([]byte) { got++ }) }); err != nil {
			t.Fatal(err)
		}
	}
	v6 := netip.MustParseAddrPort("[2001:db8::1]:9")
	if n, err := from.Write(all, []int{10, 10}, v6); n != 0 || err == nil {
		t.Errorf("to an address of another family %d were sent", n)
	}
	from.Close()
	if n, err := from.Write(all, []int{10, 10}, addr); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %d, %v", n, err)
	}
	if err := from.NewReader(1).Read(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// tooLarge reports whether an error is that of a datagram that is too large; Windows has its own.
func tooLarge(err error) bool {
	const ofWindows = syscall.Errno(10040)
	return errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, ofWindows)
}
