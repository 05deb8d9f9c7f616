package sealsock

import (
	"log/slog"

	"github.com/sealsock/sealsock/internal/certtext"
)

// LogValue returns what a log has of a connection: its remote address, and, after the
// handshake, the version, the cipher suite, the group, the application protocol, whether a
// session was resumed, the server's name, and whom the peer proved to be. It has no secrets.
// Like State it waits for a handshake that is under way.
func (c *Conn) LogValue() slog.Value {
	if c == nil {
		return slog.StringValue("<nil>")
	}
	var attrs []slog.Attr
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	if remote := c.RemoteAddr(); remote != nil {
		add("remote", remote.String())
	}
	s := c.State()
	if s.Version != 0 {
		version := s.Version.String()
		if s.Datagram != nil {
			version = "D" + version
		}
		add("version", version)
		add("suite", s.CipherSuite.String())
		if s.Group != 0 {
			add("group", s.Group.String())
		}
		add("alpn", s.ALPN)
		add("server_name", s.ServerName)
		attrs = append(attrs, slog.Bool("resumed", s.Resumed))
	}
	if p := c.Peer(); p != nil && p.Leaf != nil {
		add("peer", certtext.Describe(p.Leaf))
	}
	return slog.GroupValue(attrs...)
}
