package measure

import (
	"crypto/tls"
	"errors"
	"net"
)

// Standard returns crypto/tls.
func Standard() Side { return &stack{name: "crypto/tls", ready: readyStandard} }

func readyStandard(h Handshake) (*ends, error) {
	if h.Early {
		return nil, errors.ErrUnsupported
	}
	m, err := MaterialFor(h.Key, h.Chain)
	if err != nil {
		return nil, err
	}
	groups := []tls.CurveID{tls.CurveID(h.Group)}
	client := &tls.Config{
		RootCAs: m.pool, ServerName: Host, CurvePreferences: groups, MinVersion: tls.VersionTLS13,
	}
	server := &tls.Config{
		Certificates: []tls.Certificate{m.cert}, CurvePreferences: groups,
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: !h.Resume,
	}
	if h.Resume {
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return &ends{
		client: func(raw net.Conn) (conn, func() error, error) {
			c := tls.Client(raw, client)
			return c, c.Handshake, nil
		},
		server: func(raw net.Conn) (conn, func() error, error) {
			c := tls.Server(raw, server)
			return c, c.Handshake, nil
		},
		listen: func(l net.Listener) (net.Listener, error) { return tls.NewListener(l, server), nil },
		dial: func(addr string, request []byte) (net.Conn, error) {
			c, err := tls.Dial("tcp", addr, client)
			if err != nil {
				return nil, err
			}
			_, err = c.Write(request)
			return c, err
		},
		read: net.Conn.Read,
	}, nil
}
