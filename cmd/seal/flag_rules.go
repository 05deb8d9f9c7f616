package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A flagRule has flags of commands that have no effect without other flags, or beside others.
// To give one is a usage error: it would be ignored, and it may be one that is to protect.
type flagRule struct {
	commands string // their paths without seal, separated by commas
	flags    string // separated by spaces
	needs    string // one of these must be given, separated by spaces; "" for none
	excludes string // none of these may be given, but for unless
	unless   string // one of these makes the flags have an effect beside those of excludes
	reason   string // "" if the names of the flags explain it
}

// verifying are the flags about certificates that an authority issued.
const verifying = "crl revocation revocation-max-age strict"

// flagRules are the rules that the names of flags decide. Others depend on values, arguments or
// addresses, and are where these are used.
var flagRules = []flagRule{
	{commands: "listen", flags: "max-size", needs: "into"},
	{commands: "listen", flags: "drain", excludes: "chat", reason: "a room does not end by itself"},
	{commands: "listen", flags: "drain", needs: "keep to",
		reason: "the end of the only connection is the end of seal"},
	{commands: "listen", flags: "clients", needs: "keep to chat",
		reason: "one connection is served without them"},
	{commands: "listen", flags: verifying, needs: "ca ca-dir client-ca",
		reason: "without an authority no certificate is verified"},
	{commands: "connect", flags: "clients max-per-address allow deny rate idle drain",
		needs: "listen", reason: "it is about the clients of seal"},
	{commands: "connect, bench", flags: "ca ca-dir " + verifying, excludes: "insecure",
		reason: "any certificate is accepted"},
	{commands: "connect, bench, inspect", flags: verifying, excludes: "pin", unless: "ca ca-dir",
		reason: "the key is accepted without a look at its certificate"},
	{commands: "connect", flags: verifying, excludes: "psk-file", unless: "ca ca-dir known-peers",
		reason: "a certificate is not accepted"},
	{commands: "connect, listen, relay", flags: "log-format", needs: "log"},
	{commands: "connect, listen, relay, bench", flags: "key-password-file", needs: "cert key p12"},
	{commands: "connect, listen, relay, bench", flags: "key", excludes: "p12",
		reason: "the key is in the same file as the certificate"},
	{commands: "inspect", flags: "pem", excludes: "json", reason: "the output is one or the other"},
	{commands: "ca create", flags: "allow", excludes: "any-name",
		reason: "the authority may issue for every name"},
	{commands: "ca issue", flags: "key-password-file", needs: "p12"},
	{commands: "ca issue", flags: "cert key", excludes: "p12",
		reason: "one file has the certificate and the key"},
	{commands: "ca renew", flags: "key-password-file", needs: "keep-key",
		reason: "a new key has no password"},
	{commands: "ca renew", flags: "algorithm", excludes: "keep-key",
		reason: "there is no new key"},
	{commands: "send, receive", flags: "ca", excludes: "pin",
		reason: "the key is accepted without a look at its certificate"},
	{commands: "tunnel", flags: "check", excludes: "convert",
		reason: "the output is one or the other"},
}

// refuseIgnored refuses flags that would be ignored.
func refuseIgnored(cmd *cobra.Command, _ []string) error {
	for _, rule := range flagRules {
		if !rule.isFor(cmd) {
			continue
		}
		for flag := range strings.FieldsSeq(rule.flags) {
			if err := rule.check(cmd.Flags(), flag); err != nil {
				return err
			}
		}
	}
	return nil
}

// isFor reports whether cmd is among the commands of a rule.
func (r *flagRule) isFor(cmd *cobra.Command) bool {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return slices.Contains(strings.Split(r.commands, ", "), path)
}

// check returns an error if flag is given and would be ignored.
func (r *flagRule) check(f *pflag.FlagSet, flag string) error {
	reason := r.reason
	if reason != "" {
		reason = ": " + reason
	}
	switch other := given(f, r.excludes); {
	case given(f, flag) == "":
		return nil
	case other != "" && given(f, r.unless) == "":
		p := usage("--%s has no effect beside --%s%s", flag, other, reason).
			hinted("leave out one of them")
		if r.unless != "" {
			p.hint += ", or add " + example(f, r.unless)
		}
		return p
	case r.needs != "" && given(f, r.needs) == "":
		return usage("--%s has no effect without %s%s", flag, alternatives(r.needs), reason).
			hinted("add %s, or leave out --%s", example(f, r.needs), flag)
	}
	return nil
}

// given returns the first of names, separated by spaces, whose flag is given, or "".
func given(f *pflag.FlagSet, names string) string {
	for name := range strings.FieldsSeq(names) {
		flag := f.Lookup(name)
		off := flag != nil && flag.Value.Type() == "bool" && flag.Value.String() == "false"
		if flag != nil && flag.Changed && !off {
			return name
		}
	}
	return ""
}

// example is the first of names as a flag with a value, as in --ca FILE.
func example(f *pflag.FlagSet, names string) string {
	name, _, _ := strings.Cut(names, " ")
	value, _ := pflag.UnquoteUsage(f.Lookup(name))
	return strings.TrimSpace("--" + name + " " + strings.ToUpper(value))
}

// alternatives is "--a", "--a or --b", or "--a, --b or --c".
func alternatives(names string) string {
	flags := strings.Fields(names)
	for i := range flags {
		flags[i] = "--" + flags[i]
	}
	last := len(flags) - 1
	if last == 0 {
		return flags[0]
	}
	return strings.Join(flags[:last], ", ") + " or " + flags[last]
}

// serverFlags are those flags of seal inspect that ask something of servers, and fileFlags those
// about files.
const (
	serverFlags = "name all-addresses starttls fail-under proxy proxy-user-file pem ca ca-dir " +
		"pin " + verifying
	fileFlags = "keylog messages key-password-file"
)

// refuseUnused refuses flags of seal inspect that none of its arguments use.
func refuseUnused(f *pflag.FlagSet, servers, files int) error {
	if flag := given(f, serverFlags); servers == 0 && flag != "" {
		return usage("--%s is about servers, and each argument is a file", flag).
			hinted("name a server, as in example.com:443, or leave out --%s", flag)
	}
	if flag := given(f, fileFlags); files == 0 && flag != "" {
		return usage("--%s is about files, and no argument is one", flag).
			hinted("check the name of the file, or leave out --%s", flag)
	}
	return nil
}

// refuseOthers refuses all flags of a command itself but some.
func refuseOthers(cmd *cobra.Command, but string, p func(flag string) *problem) error {
	var err error
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		fine := slices.Contains(strings.Fields(but), f.Name)
		if err == nil && !fine && given(cmd.Flags(), f.Name) != "" {
			err = p(f.Name)
		}
	})
	return err
}
