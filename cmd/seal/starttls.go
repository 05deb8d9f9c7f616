package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/starttls"
)

// checkStartTLS checks the protocol of --starttls.
func checkStartTLS(name string) error {
	if name == "" || slices.Contains(starttls.Protocols(), name) {
		return nil
	}
	return usage("--starttls %q is not supported", printable.Line(name)).
		hinted("one of %s", strings.Join(starttls.Protocols(), ", "))
}

// completeStartTLS completes the protocols of --starttls.
func completeStartTLS(cmd *cobra.Command) {
	names := cobra.FixedCompletions(starttls.Protocols(), cobra.ShellCompDirectiveNoFileComp)
	cmd.RegisterFlagCompletionFunc("starttls", names)
}

// withPort appends the port of the protocol to an address that is a host alone.
func withPort(addr, protocol string) string {
	if protocol == "" {
		return addr
	}
	return withDefaultPort(addr, starttls.Port(protocol))
}

// withDefaultPort appends a port to an address that is a host alone.
func withDefaultPort(addr, port string) string {
	if addr == "" || strings.Contains(addr, "/") || strings.HasSuffix(addr, ":") {
		return addr
	}
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), port)
}

// describeUpgrade explains why a connection did not go over to TLS.
func describeUpgrade(e *starttls.Error) *problem {
	p := &problem{text: strings.TrimPrefix(e.Error(), "starttls: "), code: "starttls"}
	if errors.Is(e, context.DeadlineExceeded) {
		p.code = "timeout"
	}
	switch {
	case e.Refused:
		p.hint = "the server does not offer TLS on this port, or an attacker on the network " +
			"removed the offer; only the request for TLS was sent in plaintext"
	default:
		p.hint = "the server may use another protocol than " + e.Protocol +
			", or implicit TLS: then leave out --starttls"
	}
	return p
}
