// Package sealnats connects the NATS client through package sealsock.
//
//	option, err := sealnats.Client(cfg, servers, sealnats.Options{})
//	conn, err := nats.Connect(servers, option)
//
// Package natsserve, below this one, serves NATS over a listener of sealsock.
package sealnats

import (
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/natsdial"
)

// Options of a client.
type Options struct {
	// TLSFirst begins TLS at once, as servers with handshake_first expect.
	// Otherwise the server begins with INFO in plaintext, which an attacker can alter.
	TLSFirst bool
}

// Client returns the option that encrypts each connection of a client to servers, which are the
// URLs that nats.Connect gets, separated by commas. There is no connection in plaintext. A server
// must prove Config.ServerName or, if that is empty, its host; one that the client knows from
// another server must prove the host of the first one. A nil cfg is the zero Config. The option
// excludes nats.Secure and the like.
func Client(cfg *sealsock.Config, servers string, opts Options) (nats.Option, error) {
	dialer, err := natsdial.New(cfg, opts.TLSFirst, strings.Split(servers, ","))
	if err != nil {
		return nil, err
	}
	return func(o *nats.Options) error {
		if o.Secure || o.TLSConfig != nil || o.TLSHandshakeFirst {
			return fmt.Errorf("sealnats: the options of nats.go for TLS have no effect here: "+
				"leave them out: %w", os.ErrInvalid)
		}
		o.CustomDialer, o.SkipHostLookup = dialer, true
		return nil
	}, nil
}
