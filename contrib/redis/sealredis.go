// Package sealredis connects the Redis client go-redis through package sealsock.
//
//	options, err := redis.ParseURL("rediss://user:password@cache.example.com:6379")
//	err = sealredis.Use(options, cfg)
//	client := redis.NewClient(options)
package sealredis

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sealsock/sealsock"
)

// rememberedServers is how many servers sessions are kept for, if Config has no cache.
const rememberedServers = 64

// Use makes each TCP connection of a client with the options an encrypted one. A server must
// prove Config.ServerName or, if that is empty, the host of its address. There is no
// connection in plaintext, also with a URL of redis://; UNIX-domain sockets are not
// encrypted. Sessions are resumed, from a cache of their own if Config.Sessions is nil. A nil
// cfg is the zero Config.
//
// Use sets Dialer, and sets TLSConfig to nil, which redis.ParseURL fills for rediss://. A
// TLSConfig with certificates or authorities is an error: they are in cfg.
func Use(options *redis.Options, cfg *sealsock.Config) error {
	if options == nil {
		return fmt.Errorf("sealredis: nil options: %w", os.ErrInvalid)
	}
	if c := options.TLSConfig; c != nil &&
		(c.RootCAs != nil || len(c.Certificates) > 0 || c.InsecureSkipVerify) {
		return fmt.Errorf("sealredis: Options.TLSConfig has no effect here: "+
			"set Config.Trust and Config.Identities, or use sealsock.FromStandard: %w",
			os.ErrInvalid)
	}
	dial, err := Dialer(cfg)
	if err != nil {
		return err
	}
	options.Dialer, options.TLSConfig = dial, nil
	return nil
}

// Dialer returns the function that Use sets, for the field Dialer of the other kinds of
// options: redis.ClusterOptions, FailoverOptions, RingOptions and UniversalOptions, whose
// TLSConfig must be nil. Nodes that a cluster or a sentinel names must prove the host that it
// gives, which may be an address, unless Config.ServerName is set.
func Dialer(cfg *sealsock.Config) (
	func(ctx context.Context, network, addr string) (net.Conn, error), error) {
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	if own.Sessions == nil {
		own.Sessions = sealsock.NewMemoryCache(rememberedServers)
	}
	sealed, err := sealsock.NewDialer(own)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !strings.HasPrefix(network, "tcp") {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		return sealed.DialContext(ctx, network, addr)
	}, nil
}
