// Package sealimap connects the IMAP client go-imap through package sealsock, with STARTTLS.
//
//	client, err := sealimap.Dial(ctx, "mail.example.com:143", cfg, nil)
//	err = client.Login("user", "password").Wait()
//
// For a server that begins with TLS (port 993), imapclient.New takes the connection of
// sealsock.Dial as it is.
package sealimap

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/starttls"
)

// Dial connects to a server, host:port, and asks it for STARTTLS. The server must prove
// Config.ServerName or, if that is empty, its host. A server that does not upgrade is a
// *starttls.Error. ctx bounds the whole of it. A nil cfg is the zero Config, and nil options
// are those of imapclient.New. A TLSConfig in options is an error: its settings are in cfg.
func Dial(ctx context.Context, addr string, cfg *sealsock.Config, options *imapclient.Options) (
	*imapclient.Client, error) {
	if options != nil && options.TLSConfig != nil {
		return nil, fmt.Errorf("sealimap: Options.TLSConfig has no effect here: "+
			"set Config.Trust, or use sealsock.FromStandard: %w", os.ErrInvalid)
	}
	d, err := sealsock.NewDialer(cfg)
	if err != nil {
		return nil, err
	}
	d.Connect = request
	conn, err := d.Dial(ctx, "tcp://"+addr)
	if err != nil {
		return nil, err
	}
	greeted, err := starttls.WithGreeting(conn, "imap")
	if err != nil {
		conn.Close()
		return nil, err
	}
	return imapclient.New(greeted, options), nil
}

// request connects and sends STARTTLS.
func request(ctx context.Context, a address.Address) (net.Conn, error) {
	raw, err := a.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := starttls.Client(ctx, raw, "imap", a.Host()); err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}
