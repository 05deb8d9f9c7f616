package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/address"
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
