package main

import (
	"context"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/legacy"
)

// legacyListener accepts the connections of --legacy, which package legacy serves, under
// the bounds of a sealsock.Listener.
type legacyListener struct{ *admit.Listener[*serverConn] }

func openLegacy(ctx context.Context, addr string, cfg *sealsock.Config) (listener, error) {
	l, err := legacy.Listen(ctx, addr, cfg)
	if err != nil {
		return nil, err
	}
	return legacyListener{admit.New(l, admit.Options[*serverConn]{
		Handshake: legacyHandshake, Refused: cfg.OnHandshakeError, Discard: func(v *serverConn) { v.Close() },
	})}, nil
}

// accept implements listener.
func (l legacyListener) accept(ctx context.Context) (*serverConn, error) { return l.Accept(ctx) }

// legacyHandshake runs the handshake with one client.
func legacyHandshake(ctx context.Context, raw net.Conn) (*serverConn, error) {
	conn := raw.(*legacy.Conn)
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.NetConn().Close()
		return nil, err
	}
	return &serverConn{tlsConn: conn, facts: factsOfLegacy(conn, "connection from")}, nil
}
