package endpoint

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// datagrams is a UNIX-domain socket that carries datagrams.
type datagrams struct{ Local }

var _ Packets = datagrams{}

func parseUnixgram(scheme, rest string) (Endpoint, error) {
	end, err := ParseUnix(scheme, rest)
	if err != nil {
		return nil, err
	}
	return datagrams{end.(Local)}, nil
}

func (d datagrams) Network() string { return "unixgram" }
func (d datagrams) Text() string    { return "unixgram://" + d.Path }

func (d datagrams) Dial(context.Context) (net.Conn, error) {
	return nil, OpError("dial", d, ErrPackets)
}

func (d datagrams) Listen(context.Context) (net.Listener, error) {
	return nil, OpError("listen", d, ErrPackets)
}

// DialPacket binds the socket to a name of its own, without which the peer could not answer.
func (d datagrams) DialPacket(ctx context.Context) (net.Conn, error) {
	if err := d.check("dial"); err != nil {
		return nil, err
	}
	own, remove, err := ownName()
	if err != nil {
		return nil, OpError("dial", d, err)
	}
	from := dialer()
	from.LocalAddr = &net.UnixAddr{Net: "unixgram", Name: own}
	c, err := from.DialContext(ctx, "unixgram", d.Path)
	if err != nil {
		remove()
		return nil, err
	}
	return &ownedSocket{Conn: c, remove: remove}, nil
}

// ownName returns a name that no other socket has, and a function that removes its file.
func ownName() (name string, remove func(), err error) {
	if runtime.GOOS == "linux" {
		return "@sealsock-" + rand.Text(), func() {}, nil
	}
	folder, err := os.MkdirTemp("", "sealsock")
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(folder, "s"), func() { _ = os.RemoveAll(folder) }, nil
}

// An ownedSocket removes its name when it is closed.
type ownedSocket struct {
	net.Conn
	once   sync.Once
	remove func()
}

func (s *ownedSocket) Close() error {
	defer s.once.Do(s.remove)
	return s.Conn.Close()
}

// ListenPacket binds under a claim, as a listener on a stream does.
func (d datagrams) ListenPacket(ctx context.Context) (net.PacketConn, error) {
	if err := d.check("listen"); err != nil {
		return nil, err
	}
	bind := func() (net.PacketConn, error) { return listening().ListenPacket(ctx, "unixgram", d.Path) }
	if strings.HasPrefix(d.Path, "@") {
		return bind()
	}
	dial := func() (net.Conn, error) { return d.DialPacket(ctx) }
	c, claim, err := Path[net.PacketConn]{"unixgram", d.Path, bind, dial}.Listen(ctx)
	if err != nil {
		return nil, err
	}
	return &claimedPackets{c, claim}, nil
}

// claimedPackets receives datagrams on a path. Close removes the file of the path.
type claimedPackets struct {
	net.PacketConn
	claim *Claim
}

func (c *claimedPackets) Close() error { return c.claim.Release(c.PacketConn.Close) }
