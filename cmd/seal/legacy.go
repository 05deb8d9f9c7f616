package main

import (
	"context"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/legacy"
)

// oldListener accepts the connections of --legacy, which package legacy serves, under
// the bounds of a sealsock.Listener.
type oldListener struct{ *admit.Listener[*visitor] }

func openOldDoor(ctx context.Context, addr string, cfg *sealsock.Config) (door, error) {
	l, err := legacy.Listen(ctx, addr, cfg)
	if err != nil {
		return nil, err
	}
	return oldListener{admit.New(l, admit.Options[*visitor]{
		Handshake: oldHandshake, Refused: cfg.OnHandshakeError, Discard: func(v *visitor) { v.Close() },
	})}, nil
}

// admit implements door.
func (l oldListener) admit(ctx context.Context) (*visitor, error) { return l.Accept(ctx) }

// oldHandshake runs the handshake with one client.
func oldHandshake(ctx context.Context, raw net.Conn) (*visitor, error) {
	conn := raw.(*legacy.Conn)
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.NetConn().Close()
		return nil, err
	}
	return &visitor{sealed: conn, facts: factsOfLegacy(conn, "connection from")}, nil
}
