package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// values has the words that flags take, by the name of the flag, for completion. A flag
// whose value is a file is completed by the shell.
var values = map[string][]string{
	"profile":        profileNames(),
	"min":            {"1.2", "1.3"},
	"max":            {"1.2", "1.3"},
	"client-auth":    {"none", "request", "require", "late"},
	"revocation":     {"off", "prefer", "require"},
	"algorithm":      keyKinds,
	"root-algorithm": keyKinds,
	"form":           {"pem", "der", "chain"},
	"reason": {"key-compromise", "affiliation-changed", "superseded",
		"cessation-of-operation", "privilege-withdrawn", "unspecified"},
	"log-format": {"json", "text"},
	"fail-under": {"A+", "A", "B", "C"},

	"accept-proxy-header": {"any", "unix"},
	"send-proxy-header":   {"1", "2"},
}

// profileNames returns the names of the profiles.
func profileNames() []string {
	var names []string
	for _, p := range sealsock.Profiles() {
		names = append(names, string(p))
	}
	return names
}

// keyKinds are the kinds of keys of an authority.
var keyKinds = []string{"ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096",
	"ml-dsa-44", "ml-dsa-65", "ml-dsa-87"}

// folders are the flags whose value is a folder.
var folders = []string{"ca-dir", "dir", "into"}

// lists returns the words of the flags whose value is a list, separated by commas.
func lists() map[string][]string {
	return map[string][]string{
		"alpn":    {"h2", "http/1.1", "postgresql", "imap", "pop3", "xmpp-client"},
		"suites":  namesOfAll(iana.CipherSuites(), speaksSuite),
		"groups":  namesOfAll(iana.NamedGroups(), speaksGroup),
		"sigalgs": namesOfAll(iana.SignatureSchemes(), speaksScheme),
	}
}

// The names that the engine implements.
func speaksSuite(id iana.CipherSuite) bool {
	return suites.TLS13(id) != nil || suites.TLS12(id) != nil
}
func speaksGroup(id iana.NamedGroup) bool       { return suites.GroupByID(id) != nil }
func speaksScheme(id iana.SignatureScheme) bool { return suites.SchemeByID(id) != nil }

func namesOfAll[T fmt.Stringer](all []T, speaks func(T) bool) (names []string) {
	for _, v := range all {
		if speaks(v) {
			names = append(names, v.String())
		}
	}
	return names
}

// completeValues makes the shells complete the values of the flags of cmd and its
// subcommands.
func completeValues(cmd *cobra.Command) {
	lists := lists()
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		switch {
		case values[f.Name] != nil:
			words := cobra.FixedCompletions(values[f.Name], cobra.ShellCompDirectiveNoFileComp)
			cmd.RegisterFlagCompletionFunc(f.Name, words)
		case lists[f.Name] != nil:
			cmd.RegisterFlagCompletionFunc(f.Name, completeList(lists[f.Name]))
		case slices.Contains(folders, f.Name):
			cmd.MarkFlagDirname(f.Name)
		}
	})
	for _, sub := range cmd.Commands() {
		completeValues(sub)
	}
}

// completeList completes the last name of a list. It leaves out the names before it.
func completeList(names []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string,
		cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		var words []string
		for _, name := range names {
			same := func(other string) bool { return strings.EqualFold(name, other) }
			if !slices.ContainsFunc(list(before), same) {
				words = append(words, before+name)
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}
