// Package sealmysql connects the driver go-sql-driver/mysql to MySQL and MariaDB through
// package sealsock.
//
//	config, err := mysql.ParseDSN("user:password@tcp(db.example.com:3306)/app")
//	connector, err := sealmysql.NewConnector(config, cfg)
//	db := sql.OpenDB(connector)
//
// The driver has no hook between the server's greeting and TLS. The connection that this
// package gives it performs the upgrade when the driver answers the greeting: it sends the
// beginning of that answer as SSLRequest, and the whole over TLS. The packets of the
// authentication have other sequence numbers then, which it translates.
//
// All ways to authenticate work but sha256_password of MySQL, because the driver uses it over
// TLS only if TLS is that of crypto/tls. Its successor is caching_sha2_password.
package sealmysql

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
)

// rememberedServers is how many servers sessions are kept for, if Config has no cache.
const rememberedServers = 64

// NewConnector returns a connector for sql.OpenDB each of whose connections is encrypted. The
// server must prove Config.ServerName or, if that is empty, its host in config. There is no
// connection in plaintext: a server that does not offer TLS is a *starttls.Error. Sessions are
// resumed, from a cache of their own if Config.Sessions is nil. A nil cfg is the zero Config.
//
// Net must be "tcp", or empty. TLSConfig may be empty, "true", "false" or "preferred", which
// mean the same here; another one, and a TLS that the caller made, are an error. config is not
// changed.
func NewConnector(config *mysql.Config, cfg *sealsock.Config) (driver.Connector, error) {
	if err := usable(config); err != nil {
		return nil, err
	}
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	if own.Sessions == nil {
		own.Sessions = sealsock.NewMemoryCache(rememberedServers)
	}
	d := &dialer{below: config.DialFunc}
	if d.below == nil {
		d.below = new(net.Dialer).DialContext
	}
	var err error
	if d.sealed, err = sealsock.NewDialer(own); err != nil {
		return nil, err
	}
	d.sealed.Connect = upgraded
	config = config.Clone()
	config.TLS, config.TLSConfig, config.AllowFallbackToPlaintext = nil, "", false
	config.DialFunc = d.dial
	config.Addr = withPort(cmp.Or(config.Addr, "127.0.0.1"))
	// Of a connection to a UNIX-domain socket the driver knows that no one can listen to it,
	// as to this one: with caching_sha2_password it sends the password as it does over TLS.
	// Otherwise it encrypts the password with RSA, which MySQL over TLS does not decrypt.
	config.Net = "unix"
	return mysql.NewConnector(config)
}

// usable returns an error for a configuration of the driver that has no meaning here.
func usable(config *mysql.Config) error {
	switch {
	case config == nil:
		return fmt.Errorf("sealmysql: a nil config: %w", os.ErrInvalid)
	case config.Net != "" && config.Net != "tcp":
		return fmt.Errorf("sealmysql: the network %q: only tcp is encrypted: %w",
			config.Net, os.ErrInvalid)
	case config.TLS != nil && config.TLSConfig == "",
		!slices.Contains([]string{"", "true", "false", "preferred"}, config.TLSConfig):
		return fmt.Errorf("sealmysql: the driver's own settings of TLS have no effect here: "+
			"set Config.Trust and Config.Identities, or use sealsock.FromStandard: %w",
			os.ErrInvalid)
	}
	return nil
}

// withPort returns an address with a port, which is MySQL's if it has none.
func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return net.JoinHostPort(addr, "3306")
	}
	return addr
}

// A dialer opens connections for the driver.
type dialer struct {
	sealed *sealsock.Dialer
	below  func(ctx context.Context, network, addr string) (net.Conn, error)
}

// dial implements mysql.Config.DialFunc. The driver closes what it returns when its context
// ends.
func (d *dialer) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	raw, err := d.below(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	greeting, err := readGreeting(ctx, raw)
	if err != nil {
		raw.Close()
		return nil, err
	}
	c := &conn{raw: raw, pending: greeting, phase: greeted}
	c.upgrade = func() (*sealsock.Conn, error) {
		return d.sealed.Dial(context.WithValue(context.Background(), rawKey{}, raw), "tcp://"+addr)
	}
	if system, ok := raw.(syscall.Conn); ok {
		return struct {
			*conn
			syscall.Conn // with which the driver finds connections that the server has ended
		}{c, system}, nil
	}
	return c, nil
}

// rawKey is the key of the connection whose upgrade was requested, in a context.
type rawKey struct{}

// upgraded implements sealsock.Dialer.Connect.
func upgraded(ctx context.Context, _ address.Address) (net.Conn, error) {
	raw, ok := ctx.Value(rawKey{}).(net.Conn)
	if !ok {
		return nil, fmt.Errorf("sealmysql: a Dialer of this package without a connection: %w",
			os.ErrInvalid)
	}
	return raw, nil
}
