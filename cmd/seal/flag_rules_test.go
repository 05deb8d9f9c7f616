package main

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// independentFlags are those that have an effect without others, in each command that has them
// and no rule about them.
const independentFlags = `
	keep echo exec http chat to listen into framed
	max-per-address allow deny rate member-rate idle timeout
	cert key p12 name raw-key sni-strict psk-file ca ca-dir client-ca client-auth pin known-peers
	insecure mtu proxy starttls accept-proxy-header alpn session tickets max-early-data
	nats ticket-keys ech-keys ech-config profile min max suites groups sigalgs legacy
	log trace keylog time parallel get check convert client admin
	list fail-under expires-within all-addresses dns html messages pem
	algorithm root-algorithm any-name days csr server force keep-key reason form store
	acme url remove revoked id max-name out link qr as dir identity passphrase plain stay wait
	attempts receivers words relay no-direct code code-file overwrite yes
	strict crl revocation revocation-max-age key-password-file clients version`

// otherRules has commands with a flag that is ignored without another one, or beside it, where
// the check is not in flagRules: because of a value, an argument, or a better error.
var otherRules = []string{
	"connect --early-data FILE localhost:1", "connect --raw-key --key FILE localhost:1",
	"connect --proxy-user-file FILE localhost:1", "connect --mtu 1400 localhost:1",
	"connect --send-proxy-header 3 localhost:1",
	"connect --max 1.2 --ech-config AAAA localhost:1",
	"connect --max 1.2 --session none --early-data FILE localhost:1",
	"connect --key FILE localhost:1", "bench --proxy-user-file FILE localhost:1",
	"inspect --proxy-user-file FILE localhost:1",
	"listen --psk-without-dhe --tickets 0 localhost:0",
	"listen --send-proxy-header 2 localhost:0", "listen --nats-auth FILE localhost:0",
	"listen --nats-ca FILE localhost:0", "listen --nats-tls-first localhost:0",
	"listen --fleet-secret FILE localhost:0", "listen --max-early-data 1 --tickets 0 localhost:0",
	"listen --max-early-data 1 --max 1.2 localhost:0", "listen --ech-keys FILE --max 1.2 localhost:0",
	"listen --http --client-auth late --client-ca FILE --max 1.2 localhost:0",
	"listen --client-auth late localhost:0",
	"relay --nats-auth FILE localhost:0", "relay --nats-ca FILE localhost:0",
	"relay --nats-tls-first localhost:0",
	"ca serve --acme-allow 127.0.0.0/8 localhost:0", "tunnel --name x --listen localhost:0 --to a:1",
	"tunnel --admin localhost:0 FILE", "tunnel --client FILE", "tunnel --cert FILE FILE",
	"bench --parallel 2", "bench --insecure", "bench --echo",
	"inspect --fail-under A FILE", "inspect --pem FILE", "inspect --strict FILE",
	"inspect --keylog FILE localhost:1", "inspect --messages localhost:1",
	"inspect --key-password-file FILE localhost:1",
}

// TestFlagRules checks that each flag is one that has an effect alone, or that a rule has it: who
// adds a flag has to decide.
func TestFlagRules(t *testing.T) {
	used := map[string]bool{}
	alone := strings.Fields(independentFlags)
	allCommands(func(cmd *cobra.Command) {
		_, path, _ := strings.Cut(cmd.CommandPath(), " ")
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || strings.HasPrefix(path, "completion") {
				return
			}
			known := slices.Contains(alone, f.Name)
			used[f.Name] = true
			for _, r := range flagRules {
				known = known || r.isFor(cmd) && slices.Contains(strings.Fields(r.flags), f.Name)
			}
			for _, line := range otherRules {
				known = known || strings.HasPrefix(line, path+" ") &&
					slices.Contains(strings.Fields(line), "--"+f.Name)
			}
			if !known {
				t.Errorf("seal %s --%s: say in flagRules, otherRules or independentFlags "+
					"whether it has an effect alone", path, f.Name)
			}
		})
	})
	for _, name := range alone {
		if !used[name] {
			t.Errorf("independentFlags has --%s, and no command", name)
		}
	}
	for _, r := range flagRules {
		for name := range strings.FieldsSeq(r.flags + " " + r.needs + " " + r.excludes) {
			if !used[name] && name != "json" {
				t.Errorf("flagRules has --%s, and no command", name)
			}
		}
	}
}

// runArgs runs a command in this process and returns its error. One that is not refused may serve
// until the end of the context.
func runArgs(t *testing.T, args ...string) *problem {
	t.Helper()
	root := newRoot(newOutput(os.Stderr))
	root.SetOut(new(bytes.Buffer))
	root.SetArgs(args)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return nil
	}
	return explain(err)
}

// checkRefused checks that an error is one about the usage, with a hint, and names flag.
func checkRefused(t *testing.T, args []string, flag string) {
	t.Helper()
	p := runArgs(t, args...)
	if p == nil || p.exit != exitUsage || p.hint == "" || !strings.Contains(p.text, flag) {
		t.Fatalf("seal %s: %+v", strings.Join(args, " "), p)
	}
}

// TestIgnoredFlags gives each flag of flagRules without those that it needs, and with those that
// exclude it.
func TestIgnoredFlags(t *testing.T) {
	root := newRoot(newOutput(os.Stderr))
	for _, rule := range flagRules {
		for path := range strings.SplitSeq(rule.commands, ", ") {
			cmd, _, err := root.Find(strings.Fields(path))
			if err != nil {
				t.Fatal(err)
			}
			others := strings.Fields(rule.excludes)
			if rule.needs != "" {
				others = append(others, "")
			}
			for flag := range strings.FieldsSeq(rule.flags) {
				for _, other := range others {
					args := append(strings.Fields(path), flagWithValue(cmd, flag)...)
					if other != "" {
						args = append(args, flagWithValue(cmd, other)...)
					}
					checkRefused(t, append(args, argumentsOf[path]...), "--"+flag+" has no effect")
				}
			}
		}
	}
}

// argumentsOf has the arguments that commands need.
var argumentsOf = map[string][]string{
	"connect": {"localhost:1"}, "listen": {"localhost:0"}, "relay": {"localhost:0"},
	"bench": {"localhost:1"}, "inspect": {"localhost:1"}, "ca issue": {"localhost"},
	"ca renew": {"none.pem"}, "send": {"none"},
}

// flagWithValue is a flag with a value of its type.
func flagWithValue(cmd *cobra.Command, name string) []string {
	f := cmd.Flags().Lookup(name)
	if f == nil {
		f = cmd.Root().PersistentFlags().Lookup(name)
	}
	switch f.Value.Type() {
	case "bool":
		return []string{"--" + name}
	case "duration":
		return []string{"--" + name, "1s"}
	case "int", "uint32":
		return []string{"--" + name, "1"}
	}
	return []string{"--" + name, "x"}
}

// TestOtherRules gives flags that checks elsewhere refuse.
func TestOtherRules(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SEALSOCK_HOME", t.TempDir())
	if err := runArgs(t, "ca", "create"); err != nil {
		t.Fatal(err)
	}
	for _, line := range otherRules {
		args := strings.Fields(strings.ReplaceAll(line, "FILE", file))
		why := ""
		if strings.HasPrefix(line, "tunnel ") && strings.HasSuffix(line, " FILE") {
			why = "is for a tunnel without a file"
		}
		checkRefused(t, args, why)
	}
}

// TestEffectiveFlags gives flags of flagRules with those that they need: no rule refuses them.
func TestEffectiveFlags(t *testing.T) {
	root := newRoot(newOutput(os.Stderr))
	for _, line := range []string{
		"listen --into x --max-size 1M", "listen --to a:1 --drain 1s", "listen --keep --clients 2",
		"listen --strict --client-ca x", "listen --crl x --pin y --ca z", "connect --pin x --insecure",
		"connect --strict --pin x --ca y", "connect --insecure --strict=false", "connect --strict",
		"connect --psk-file x --known-peers y --strict", "connect --listen x --idle 1m",
		"connect --p12 x --key-password-file y", "ca renew --keep-key --key-password-file x",
		"inspect --pin x --ca-dir y --revocation require",
	} {
		cmd, rest, err := root.Find(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Changed = false })
		if err := cmd.ParseFlags(rest); err != nil {
			t.Fatal(err)
		}
		if err := refuseIgnored(cmd, nil); err != nil {
			t.Errorf("seal %s: %v", line, err)
		}
	}
}

// TestTooManyArguments gives commands with an argument that may be missing two of them.
func TestTooManyArguments(t *testing.T) {
	for _, line := range []string{"tunnel a b", "chat join a b", "bench a b", "version a"} {
		checkRefused(t, strings.Fields(line), "unexpected argument")
	}
}

// TestRelayAddress gives a relay without a port.
func TestRelayAddress(t *testing.T) {
	for _, line := range []string{"send --relay relay.example .",
		"receive --relay relay.example --code 1-a-b"} {
		checkRefused(t, strings.Fields(line), "did you mean relay.example:443?")
	}
}

// TestUsageHints checks that each error about the command line is made with a hint.
func TestUsageHints(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		hinted := map[ast.Node]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				hinted[n.X] = hinted[n.X] || n.Sel.Name == "hinted"
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "usage" && !hinted[n] {
					format, _ := n.Args[0].(*ast.BasicLit)
					t.Errorf("%s: the usage error %s has no hint", name, format.Value)
				}
			}
			return true
		})
	}
}
