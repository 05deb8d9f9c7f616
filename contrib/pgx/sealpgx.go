// Package sealpgx connects the PostgreSQL driver pgx through package sealsock.
//
//	config, err := pgx.ParseConfig("postgres://user@db.example.com/app")
//	err = sealpgx.Use(&config.Config, cfg)
//	conn, err := pgx.ConnectConfig(ctx, config)
//
// The driver supports channel binding (SCRAM-SHA-256-PLUS) for connections of crypto/tls
// only: with this package it authenticates with SCRAM-SHA-256. A server that requires
// channel binding refuses it.
package sealpgx

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/starttls"
)

// Use makes each TCP connection of config, also one that cancels a query, an encrypted one:
// after an SSLRequest or, with sslnegotiation=direct, at once. The server must prove
// Config.ServerName or, if that is empty, its host in config. There is no connection in
// plaintext, whatever sslmode is; UNIX-domain sockets are not encrypted. A nil cfg is the
// zero Config. Use sets DialFunc, LookupFunc, TLSConfig and Fallbacks of config, and opens
// the connection below with the DialFunc that was set.
func Use(config *pgconn.Config, cfg *sealsock.Config) error {
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	direct := config.SSLNegotiation == "direct"
	if direct {
		own.ALPN = []string{"postgresql"}
	}
	d := &dialer{below: config.DialFunc, direct: direct}
	var err error
	if d.sealed, err = sealsock.NewDialer(own); err != nil {
		return err
	}
	if d.below == nil {
		d.below = new(net.Dialer).DialContext
	}
	d.sealed.Connect = d.connect
	config.TLSConfig, config.DialFunc = nil, d.dial
	// The names are resolved by the function below, because a server proves its name.
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) {
		return []string{host}, nil
	}
	config.Fallbacks = encrypted(config)
	return nil
}

// encrypted returns the other servers of config, without those that differ from others in
// their encryption only.
func encrypted(config *pgconn.Config) (list []*pgconn.FallbackConfig) {
	seen := map[string]bool{net.JoinHostPort(config.Host, fmt.Sprint(config.Port)): true}
	for _, f := range config.Fallbacks {
		at := net.JoinHostPort(f.Host, fmt.Sprint(f.Port))
		if !seen[at] {
			seen[at] = true
			list = append(list, &pgconn.FallbackConfig{Host: f.Host, Port: f.Port})
		}
	}
	return list
}

// A dialer opens connections for pgx.
type dialer struct {
	sealed *sealsock.Dialer
	below  pgconn.DialFunc
	direct bool
	names  sync.Map // addresses as text, and the host:port that was dialed there
}

// dial implements pgconn.DialFunc. To cancel a query, pgx dials the address of a connection.
func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return d.below(ctx, network, addr)
	}
	if name, ok := d.names.Load(addr); ok {
		addr = name.(string)
	}
	c, err := d.sealed.Dial(ctx, "tcp://"+addr)
	if err != nil {
		return nil, err
	}
	d.names.Store(c.RemoteAddr().String(), addr)
	return c, nil
}

// connect opens the connection below.
func (d *dialer) connect(ctx context.Context, a address.Address) (net.Conn, error) {
	host, port, _ := a.HostPort()
	raw, err := d.below(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil || d.direct {
		return raw, err
	}
	if err := starttls.Client(ctx, raw, "postgres", host); err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}
