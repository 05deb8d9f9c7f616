package capture

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/testcert"
)

// A chunk is what one side of a connection wrote at once.
type chunk struct {
	client bool
	data   []byte
}

// A recorded is a connection whose sides were written down, with its key log.
type recorded struct {
	mu     sync.Mutex
	chunks []chunk
	log    bytes.Buffer
}

// A recordingConn writes down what is written.
type recordingConn struct {
	net.Conn
	to     *recorded
	client bool
}

func (c *recordingConn) Write(b []byte) (int, error) {
	c.to.mu.Lock()
	c.to.chunks = append(c.to.chunks, chunk{c.client, bytes.Clone(b)})
	c.to.mu.Unlock()
	return c.Conn.Write(b)
}

// connect makes a connection of crypto/tls, sends a request and a response, and closes it.
func connect(t testing.TB, change func(client, server *tls.Config)) *recorded {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "a.test")
	cert, err := tls.X509KeyPair(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	r := new(recorded)
	client := &tls.Config{
		ServerName: "a.test", InsecureSkipVerify: true, KeyLogWriter: &r.log,
		NextProtos: []string{"h2", "http/1.1"},
	}
	server := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	if change != nil {
		change(client, server)
	}
	r.exchange(t, client, server)
	return r
}

// exchange makes a connection over TCP, in which a Write does not wait for a Read.
func (r *recorded) exchange(t testing.TB, client, server *tls.Config) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var all sync.WaitGroup
	all.Go(func() {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		c := tls.Server(&recordingConn{raw, r, false}, server)
		defer c.Close()
		io.ReadFull(c, make([]byte, 7))
		io.WriteString(c, "response")
	})
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(&recordingConn{raw, r, true}, client)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.HandshakeContext(ctx); err == nil {
		io.WriteString(c, "request")
		io.ReadAll(c)
	}
	c.Close()
	all.Wait()
}

// A network has how packets are written.
type network struct {
	link   uint32
	client netip.AddrPort
	server netip.AddrPort
	size   int // of a segment's payload at most
	first  uint32
	before []chunk // sent before the connection
}

var ethernet = network{
	link: linkEthernet, size: 1460, first: 0xffffff00, // so that the numbers wrap around
	client: netip.MustParseAddrPort("192.0.2.1:50000"),
	server: netip.MustParseAddrPort("192.0.2.2:443"),
}

// packets returns the packets of a connection, from SYN to FIN.
func (n network) packets(r *recorded) [][]byte {
	next := map[bool]uint32{true: n.first, false: n.first / 2}
	var out [][]byte
	send := func(client bool, flags byte, payload []byte) {
		out = append(out, n.packet(client, next[client], flags, payload))
		next[client] += uint32(len(payload)) + uint32(flags&1) + uint32(flags>>1&1)
	}
	send(true, 2, nil)
	send(false, 2, nil)
	for _, c := range slices.Concat(n.before, r.chunks) {
		for part := range slices.Chunk(c.data, n.size) {
			send(c.client, 0, part)
		}
	}
	send(true, 1, nil)
	send(false, 1, nil)
	return out
}

// packet returns one packet.
func (n network) packet(client bool, seq uint32, flags byte, payload []byte) []byte {
	from, to := n.server, n.client
	if client {
		from, to = to, from
	}
	segment := binary.BigEndian.AppendUint16(nil, from.Port())
	segment = binary.BigEndian.AppendUint16(segment, to.Port())
	segment = binary.BigEndian.AppendUint32(segment, seq)
	segment = append(segment, 0, 0, 0, 0, 5<<4, flags, 0, 0, 0, 0, 0, 0)
	segment = append(segment, payload...)
	var ip []byte
	if from.Addr().Is4() {
		ip = []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocolTCP, 0, 0}
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(segment)))
	} else {
		ip = []byte{0x60, 0, 0, 0, 0, 0, 60, 64} // destination options first
		binary.BigEndian.PutUint16(ip[4:], uint16(8+len(segment)))
		segment = append([]byte{protocolTCP, 0, 1, 4, 0, 0, 0, 0}, segment...)
	}
	ip = append(append(ip, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	ether := []byte{8, 0}
	if from.Addr().Is6() {
		ether = []byte{0x86, 0xdd}
	}
	var head []byte
	switch n.link {
	case linkEthernet:
		head = append(make([]byte, 12), 0x81, 0, 0, 7) // a VLAN tag
		head = append(head, ether...)
	case linkSLL:
		head = append(make([]byte, 14), ether...)
	case linkSLL2:
		head = append(ether, make([]byte, 18)...)
	case linkNull:
		head = []byte{2, 0, 0, 0}
	}
	return slices.Concat(head, ip, segment)
}

// pcap writes packets as a file.
func pcap(link uint32, packets [][]byte, order binary.AppendByteOrder, nano bool) []byte {
	magic := uint32(0xa1b2c3d4)
	if nano {
		magic = 0xa1b23c4d
	}
	b := order.AppendUint32(nil, magic)
	b = append(order.AppendUint16(order.AppendUint16(b, 2), 4), make([]byte, 8)...)
	b = order.AppendUint32(order.AppendUint32(b, 1<<18), link)
	for _, p := range packets {
		b = order.AppendUint32(order.AppendUint32(b, 1_700_000_000), 500)
		b = order.AppendUint32(order.AppendUint32(b, uint32(len(p))), uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// pcapng writes packets as a file with a section, an interface, and a block that is not
// known.
func pcapng(link uint32, packets [][]byte, order binary.AppendByteOrder) []byte {
	block := func(b []byte, typ uint32, body []byte) []byte {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		n := uint32(12 + len(body))
		b = append(order.AppendUint32(order.AppendUint32(b, typ), n), body...)
		return order.AppendUint32(b, n)
	}
	section := order.AppendUint32(nil, 0x1a2b3c4d)
	section = append(section, make([]byte, 4)...)
	b := block(nil, blockSection, append(section, bytes.Repeat([]byte{0xff}, 8)...))
	i := order.AppendUint32(order.AppendUint16(nil, uint16(link)), 0)[:4]
	i = order.AppendUint32(i, 1<<18)
	i = append(order.AppendUint16(order.AppendUint16(i, 9), 1), 9, 0, 0, 0) // nanoseconds
	b = block(b, blockInterface, i)
	b = block(b, 0x0bad, []byte("unknown"))
	for _, p := range packets {
		const at = uint64(1_700_000_000_000_000_500)
		body := order.AppendUint32(nil, 0)
		body = order.AppendUint32(order.AppendUint32(body, uint32(at>>32)), uint32(at&0xffffffff))
		body = order.AppendUint32(order.AppendUint32(body, uint32(len(p))), uint32(len(p)))
		b = block(b, blockEnhanced, append(body, p...))
	}
	return b
}
