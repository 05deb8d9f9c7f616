package main

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/starttls"
)

// completeAddresses completes the schemes of addresses: of the argument of a command, and
// of the flags that take an address.
func completeAddresses(cmd *cobra.Command, flags ...string) {
	cmd.ValidArgsFunction = func(
		_ *cobra.Command, args []string, begun string,
	) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return schemesFor(begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, flag := range flags {
		cmd.RegisterFlagCompletionFunc(flag, func(
			_ *cobra.Command, _ []string, begun string,
		) ([]cobra.Completion, cobra.ShellCompDirective) {
			return schemesFor(begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		})
	}
}

// schemesFor returns the schemes that begin with a text, each with its meaning.
func schemesFor(begun string) []cobra.Completion {
	var all []cobra.Completion
	for _, s := range address.Schemes() {
		name := s.Name + "://"
		if s.Name == "stdio" {
			name = "stdio:"
		}
		if strings.HasPrefix(name, begun) {
			all = append(all, cobra.CompletionWithDesc(name, s.Meaning))
		}
	}
	return all
}

// checkEndpoints finds flags about what is before TLS, and behind it, that contradict
// each other.
func (flags *listenFlags) checkEndpoints(a address.Address) error {
	if err := flags.headerFlags.check(); err != nil {
		return err
	}
	if err := checkStartTLS(flags.starttls); err != nil {
		return err
	}
	if err := checkService(a, flags.starttls); err != nil {
		return err
	}
	if err := flags.fleet.nats.check(); err != nil {
		return err
	}
	if err := flags.packetFlags.check(a, flags.streamFlags()); err != nil {
		return err
	}
	if flags.http && a.Scheme() == "wss" {
		return usage("--http answers requests, and wss:// carries the messages of a WebSocket").
			hinted("use an https:// address")
	}
	if flags.send != 0 && flags.to == "" {
		return usage("--send-proxy-header tells the server of --to, and --to was not given").
			hinted("add --to ADDRESS, or leave it out")
	}
	if flags.to == "" {
		return nil
	}
	var err error
	flags.backend, err = backend(flags.to)
	return err
}

// gate returns what decides about clients by their address, or nil. With
// --accept-proxy-header that is the address in the header.
func (flags *listenFlags) gate(a address.Address) (*gate, error) {
	scheme := a.Scheme()
	if flags.accept != "" {
		scheme = ""
	}
	g, err := flags.limitFlags.prepare(scheme)
	if g != nil {
		g.plain = flags.starttls != ""
	}
	return g, err
}

// reportRefused reports clients whose handshake failed.
func reportRefused(out *output, o *credentials) func(net.Addr, error) {
	return func(peer net.Addr, err error) {
		var why *refusalError
		if errors.As(err, &why) && why.client != nil {
			peer = why.client
		}
		if len(o.keys) > 0 {
			err = blameKeys(err)
		}
		out.print(refusedOf(out, peer, err))
	}
}

// prologue returns what comes before the handshake; nil for nothing. g decides about clients
// by the address in a header; nil admits all.
func (flags *listenFlags) prologue(
	a address.Address, g *gate,
) func(context.Context, net.Conn) (net.Conn, error) {
	if flags.accept == "" && flags.starttls == "" {
		return nil
	}
	senders, _ := parseSenders(flags.accept) // checked before
	return func(ctx context.Context, raw net.Conn) (conn net.Conn, err error) {
		conn = raw
		if flags.accept != "" {
			if conn, err = senders.acceptHeader(ctx, raw); err != nil {
				return nil, err
			}
			if g != nil {
				if err := g.admit(conn); err != nil {
					return nil, err
				}
			}
		}
		if flags.starttls != "" {
			err = starttls.Server(ctx, conn, flags.starttls, a.Host())
		}
		return conn, err
	}
}

// checkService finds --starttls beside a scheme whose services begin with TLS.
func checkService(a address.Address, protocol string) error {
	if protocol == "" || a.Network() != "tcp" || strings.HasPrefix(a.Scheme(), "tcp") {
		return nil
	}
	return usage("--starttls begins in plaintext, and %s:// with TLS", a.Scheme()).
		hinted("leave out --starttls, or write the address without the scheme")
}

// checkAddress finds flags that contradict the address or the version.
func (flags *connectFlags) checkAddress(a address.Address) error {
	if err := flags.checkVersion(map[string]bool{
		"--early-data": flags.early != "", "--ech-config": flags.echConfig != "",
	}); err != nil {
		return err
	}
	if a.Scheme() == "wss" && flags.early != "" {
		return usage("--early-data would come before the upgrade to a WebSocket").
			hinted("leave it out, or use a ws:// address")
	}
	if err := flags.headerFlags.check(); err != nil {
		return err
	}
	if err := flags.packetFlags.check(a, flags.streamFlags()); err != nil {
		return err
	}
	return checkService(a, flags.starttls)
}
