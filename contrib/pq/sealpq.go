// Package sealpq connects the PostgreSQL driver lib/pq through package sealsock.
//
//	connector, err := sealpq.NewConnector("postgres://user@db.example.com/app", cfg)
//	db := sql.OpenDB(connector)
//
// The driver authenticates with SCRAM-SHA-256. It has no channel binding
// (SCRAM-SHA-256-PLUS), with crypto/tls neither: a server that requires it refuses it.
package sealpq

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/starttls"
)

// NewConnector returns a connector for sql.OpenDB each of whose TCP connections, also one
// that cancels a query, is encrypted: after an SSLRequest or, with sslnegotiation=direct, at
// once. The server must prove Config.ServerName or, if that is empty, its host in dsn. There
// is no connection in plaintext, whatever sslmode is; UNIX-domain sockets are not encrypted.
// Certificates are in cfg: sslrootcert, sslcert and sslkey in dsn or in the environment are an
// error. A nil cfg is the zero Config.
func NewConnector(dsn string, cfg *sealsock.Config) (*pq.Connector, error) {
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, err
	}
	if config.SSLRootCert != "" || config.SSLCert != "" || config.SSLKey != "" {
		return nil, fmt.Errorf("sealpq: sslrootcert, sslcert and sslkey have no effect here: "+
			"set Config.Trust and Config.Identities, and leave them out: %w", os.ErrInvalid)
	}
	own := copyOf(cfg)
	if config.Hostaddr.IsValid() && own.ServerName == "" {
		if len(config.Multi) > 0 {
			return nil, fmt.Errorf("sealpq: hostaddr for several hosts: leave it out: %w",
				os.ErrInvalid)
		}
		own.ServerName = config.Host
	}
	direct := config.SSLNegotiation == pq.SSLNegotiationDirect
	if direct {
		own.ALPN = []string{"postgresql"}
	}
	d, err := newDialer(own, direct)
	if err != nil {
		return nil, err
	}
	config.SSLMode = pq.SSLModeDisable // the Dialer does it
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	connector.Dialer(d)
	return connector, nil
}

// A Dialer opens encrypted connections for the functions of the driver that take a
// pq.Dialer, such as pq.NewDialListener. Their DSN must have sslmode=disable, because the
// Dialer itself sends the SSLRequest: with another sslmode no connection succeeds.
type Dialer struct {
	sealed *sealsock.Dialer
}

var (
	_ pq.Dialer        = (*Dialer)(nil)
	_ pq.DialerContext = (*Dialer)(nil)
)

// NewDialer returns a Dialer. A server must prove Config.ServerName or, if that is empty,
// its host. A nil cfg is the zero Config.
func NewDialer(cfg *sealsock.Config) (*Dialer, error) { return newDialer(copyOf(cfg), false) }

func copyOf(cfg *sealsock.Config) *sealsock.Config {
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	return own
}

func newDialer(cfg *sealsock.Config, direct bool) (*Dialer, error) {
	sealed, err := sealsock.NewDialer(cfg)
	if err != nil {
		return nil, err
	}
	if !direct {
		sealed.Connect = request
	}
	return &Dialer{sealed}, nil
}

// request connects and sends the SSLRequest.
func request(ctx context.Context, a address.Address) (net.Conn, error) {
	raw, err := a.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := starttls.Client(ctx, raw, "postgres", a.Host()); err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}

// DialContext implements pq.DialerContext.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	if d == nil {
		return nil, fmt.Errorf("sealpq: a nil Dialer: %w", os.ErrInvalid)
	}
	return d.sealed.DialContext(ctx, network, addr)
}

// Dial implements pq.Dialer.
func (d *Dialer) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

// DialTimeout implements pq.Dialer.
func (d *Dialer) DialTimeout(network, addr string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return d.DialContext(ctx, network, addr)
}
