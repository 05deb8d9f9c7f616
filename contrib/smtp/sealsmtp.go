// Package sealsmtp connects package net/smtp through package sealsock, with STARTTLS.
//
//	client, err := sealsmtp.Dial(ctx, "mail.example.com:587", cfg)
//	err = client.Auth(smtp.PlainAuth("", "user", "password", "mail.example.com"))
package sealsmtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/smtp"
	"os"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/starttls"
)

// A Client is an smtp.Client over an encrypted connection. Its method StartTLS has no use.
type Client struct {
	*smtp.Client
	conn *sealsock.Conn
}

// Dial connects to a server, host:port, and asks it for STARTTLS. The server must prove
// Config.ServerName or, if that is empty, its host. A server that does not upgrade is a
// *starttls.Error. ctx bounds the whole of it. A nil cfg is the zero Config.
func Dial(ctx context.Context, addr string, cfg *sealsock.Config) (*Client, error) {
	d, err := sealsock.NewDialer(cfg)
	if err != nil {
		return nil, err
	}
	d.Connect = request
	conn, err := d.Dial(ctx, "tcp://"+addr)
	if err != nil {
		return nil, err
	}
	greeted, err := starttls.WithGreeting(conn, "smtp")
	if err != nil {
		conn.Close()
		return nil, err
	}
	host, _, _ := net.SplitHostPort(addr)
	inner, err := smtp.NewClient(greeted, host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &Client{inner, conn}, nil
}

// request connects and sends STARTTLS.
func request(ctx context.Context, a address.Address) (net.Conn, error) {
	raw, err := a.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := starttls.Client(ctx, raw, "smtp", a.Host()); err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}

// Auth authenticates. Package net/smtp takes only connections of crypto/tls for encrypted;
// with smtp.PlainAuth this method works as over those.
func (c *Client) Auth(a smtp.Auth) error {
	if c == nil || c.Client == nil || a == nil {
		return fmt.Errorf("sealsmtp: a nil value: %w", os.ErrInvalid)
	}
	return c.Client.Auth(encrypted{a})
}

// TLSConnectionState returns the state of the connection.
func (c *Client) TLSConnectionState() (state tls.ConnectionState, ok bool) {
	if c == nil || c.conn == nil {
		return state, false
	}
	return c.conn.ConnectionState(), true
}

// encrypted tells an smtp.Auth that the connection is encrypted.
type encrypted struct{ smtp.Auth }

// Start implements smtp.Auth.
func (e encrypted) Start(server *smtp.ServerInfo) (string, []byte, error) {
	own := *server
	own.TLS = true
	return e.Auth.Start(&own)
}
