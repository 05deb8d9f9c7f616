package main

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/websocket"
)

// There is one encryption in each kind of WebSocket address. With ws:// it is within the
// messages, from one end to the other. With wss:// it is below the WebSocket, where every
// server of wss:// has it.

// belowTLS returns the address of the connection that TLS is over: that of TCP for wss://.
func belowTLS(a address.Address) address.Address {
	if a.Scheme() != "wss" {
		return a
	}
	host, port, _ := a.HostPort()
	return address.MustParse(net.JoinHostPort(host, port))
}

// webSocketURL returns the URL of a ws:// or wss:// address on another host and port.
func webSocketURL(a address.Address, host string, port int) string {
	_, resource := a.Location()
	return a.Scheme() + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + resource
}

// A wsConn is a WebSocket over an encrypted connection.
type wsConn struct {
	*websocket.Conn
	below tlsConn
}

func (c wsConn) NetConn() net.Conn { return c.below.NetConn() }

// Abort ends the WebSocket with the status of an internal error.
func (c wsConn) Abort(iana.Alert) error { return c.Conn.Abort() }

// ConnectionState returns that of the encrypted connection.
func (c wsConn) ConnectionState() tls.ConnectionState {
	if below, ok := c.below.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return below.ConnectionState()
	}
	return tls.ConnectionState{}
}

// overTLS opens the WebSocket of a wss:// address over an encrypted connection. It
// returns the connection of another address as it is.
func overTLS(ctx context.Context, a address.Address, conn tlsConn) (tlsConn, error) {
	if a.Scheme() != "wss" {
		return conn, nil
	}
	host, resource := a.Location()
	ws, err := websocket.Client(ctx, conn, host, resource)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return wsConn{ws, conn}, nil
}

// A wsService serves the WebSockets of a wss:// address.
type wsService struct {
	service
	resource string
	timeout  time.Duration // for the upgrade
}

// A serialWSService takes one connection at a time, as the service in it does.
type serialWSService struct{ wsService }

func (serialWSService) serial() {}

// serviceFor returns the service for connections to an address.
func serviceFor(a address.Address, s service, timeout time.Duration) service {
	if a.Scheme() != "wss" {
		return s
	}
	_, resource := a.Location()
	ws := wsService{s, resource, timeout}
	if _, ok := s.(serial); ok {
		return serialWSService{ws}
	}
	return ws
}

func (s wsService) serve(ctx context.Context, conn *serverConn) error {
	ws := websocket.Server(conn, s.resource)
	within, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := ws.HandshakeContext(within); err != nil {
		closeOnDone(ctx, conn)()
		return err
	}
	over := newServerConn(wsConn{ws, conn.tlsConn}, conn.facts)
	over.id = conn.id
	return s.service.serve(ctx, over)
}

// describeWebSocket explains why there is no WebSocket.
func describeWebSocket(e *websocket.Error) *problem {
	return &problem{
		text: printable.Line(e.Error()), code: "websocket",
		hint: "check the path of the address, and whether a WebSocket server is there",
	}
}

// isWebSocket reports whether an address is one of a WebSocket.
func isWebSocket(a address.Address) bool { return a.Scheme() == "ws" || a.Scheme() == "wss" }

// webSocketCommands returns the command that connects to a WebSocket.
func (l *listening) webSocketCommands(
	a address.Address, at *net.TCPAddr, o *credentials,
) []string {
	with := " --psk-file " + quoted(o.keyFile)
	if o.id != nil {
		with = l.trusted(o.ca)
	}
	host, port := reachable(a, at)
	return []string{programName() + " connect" + with + " " + quoted(webSocketURL(a, host, port))}
}
