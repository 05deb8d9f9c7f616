package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/iana"
)

// A flagSet holds the flags of a test: for the first connection, for those that
// resume, and for the continuation after refused 0-RTT data.
type flagSet struct{ initial, resume, retry settings }

// parseFlags reads the runner's flags. One without a prefix counts for all
// connections.
func parseFlags(args []string) (*flagSet, error) {
	set := &flagSet{initial: defaults(), resume: defaults(), retry: defaults()}
	for len(args) > 0 {
		name := args[0]
		args = args[1:]
		plain, targets := set.targets(name)
		f, ok := flags[plain]
		if !ok {
			return nil, unimplemented("%s", plain)
		}
		value := ""
		if f.takes {
			if len(args) == 0 {
				return nil, fmt.Errorf("%s needs a value", name)
			}
			value, args = args[0], args[1:]
		}
		for _, s := range targets {
			if err := f.set(s, value); err != nil {
				return nil, fmt.Errorf("%s %s: %w", name, value, err)
			}
		}
	}
	return set, nil
}

func defaults() settings { return settings{initialWrite: "hello", initialWrites: 1} }

// targets removes the prefixes of a flag and returns the settings that it
// applies to.
func (set *flagSet) targets(name string) (string, []*settings) {
	all := []*settings{&set.initial, &set.resume, &set.retry}
	if rest, ok := strings.CutPrefix(name, "-on-handshaker-"); ok {
		name, all = "-"+rest, nil
	} else if rest, ok := strings.CutPrefix(name, "-on-shim-"); ok {
		name = "-" + rest
	}
	for i, prefix := range []string{"-on-initial-", "-on-resume-", "-on-retry-"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && all != nil {
			return "-" + rest, all[i : i+1]
		}
	}
	return name, all
}

// A flag is one flag of the runner's.
type flag struct {
	takes bool // a value follows
	set   func(s *settings, value string) error
}

// on is a flag without a value.
func on(field func(*settings) *bool) flag {
	return flag{set: func(s *settings, _ string) error { *field(s) = true; return nil }}
}

// act is a flag without a value that does more.
func act(f func(*settings)) flag {
	return flag{set: func(s *settings, _ string) error { f(s); return nil }}
}

// ignored is a flag without a value that requests the default behavior of the
// engine, or behavior that cannot be observed.
func ignored() flag { return act(func(*settings) {}) }

// ignoredValue is such a flag with a value.
func ignoredValue() flag { return flag{true, func(*settings, string) error { return nil }} }

func text(field func(*settings) *string) flag {
	return flag{true, func(s *settings, v string) error { *field(s) = v; return nil }}
}

func bytesOf(field func(*settings) *[]byte) flag {
	return flag{true, func(s *settings, v string) (err error) {
		*field(s), err = base64.StdEncoding.DecodeString(v)
		return err
	}}
}

// blobs is a flag that may be repeated.
func blobs(field func(*settings) *[][]byte) flag {
	return flag{true, func(s *settings, v string) error {
		b, err := base64.StdEncoding.DecodeString(v)
		p := field(s)
		*p = append(*p, b)
		return err
	}}
}

type integer interface {
	~int | ~uint8 | ~uint16 | ~uint64
}

func parse[N integer](v string) (N, error) {
	n, err := strconv.ParseUint(v, 10, 64)
	if N(n) < 0 || uint64(N(n)) != n {
		return 0, fmt.Errorf("%s is too large", v)
	}
	return N(n), err
}

func number[N integer](field func(*settings) *N) flag {
	return flag{true, func(s *settings, v string) (err error) {
		*field(s), err = parse[N](v)
		return err
	}}
}

func list[N integer](field func(*settings) *[]N) flag {
	return flag{true, func(s *settings, v string) error {
		n, err := parse[N](v)
		p := field(s)
		*p = append(*p, n)
		return err
	}}
}

// without disables a version.
func without(minor int) flag { return on(func(s *settings) *bool { return &s.without[minor] }) }

func policy(name string) flag { return act(func(s *settings) { s.policy = name }) }

func newCredential(kind credentialKind) flag {
	return act(func(s *settings) { s.credentials = append(s.credentials, &credential{kind: kind}) })
}

func pskHash(bits int) flag { return act(func(s *settings) { s.current().pskHash = bits }) }

func expectCredential(s *settings, v string) error {
	s.expect.hasCredential = true
	n, err := strconv.Atoi(v)
	s.expect.credential = n
	return err
}

func expectKind(s *settings, v string) (err error) {
	s.expect.hasKind = true
	s.expect.kind, err = parse[iana.CertificateType](v)
	return err
}

func expectedParams(s *settings) *[]byte { return &s.expect.quicParams }

func noKeyShares(s *settings) { s.keyShares = []iana.NamedGroup{} }
