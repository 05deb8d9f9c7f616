package main

import (
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
)

// negotiationFlags holds the flags of the TLS parameters, for either side.
type negotiationFlags struct {
	alpn, groups, suites, sigalgs string
	profile                       string
	min, max                      string
	keylog                        string
	trace                         bool
	old                           bool // the command has --legacy
}

func (n *negotiationFlags) register(f *pflag.FlagSet) {
	f.StringVar(&n.alpn, "alpn", "", "application protocols, a `list`, in order of preference, as in h2,http/1.1")
	f.StringVar(&n.groups, "groups", "", "groups for key agreement, a `list`, in order of preference, as in X25519MLKEM768,X25519")
	f.StringVar(&n.suites, "suites", "", "cipher suites, a `list`, in order of preference, as in TLS_AES_256_GCM_SHA384")
	f.StringVar(&n.sigalgs, "sigalgs", "", "signature algorithms, a `list`, in order of preference, as in ed25519,ecdsa_secp256r1_sha256")
	f.StringVar(&n.profile, "profile", "",
		"a `name` for versions, suites, groups, signatures and keys: modern, nist, quantum-safe or cnsa2")
	f.StringVar(&n.min, "min", "", "lowest `version` of TLS, as in 1.3")
	f.StringVar(&n.max, "max", "", "highest `version` of TLS")
	f.StringVar(&n.keylog, "keylog", "", "append the secrets of connections to this `file`, for debugging (Wireshark reads it)")
	f.BoolVar(&n.trace, "trace", false, "show each handshake message and alert; they contain no secrets")
}

// apply puts the flags into cfg. The function it returns closes what was opened.
func (n *negotiationFlags) apply(cfg *sealsock.Config, out *output) (done func(), err error) {
	cfg.ALPN = list(n.alpn)
	if err := n.applyAlgorithms(cfg); err != nil {
		return nil, err
	}
	if cfg.MinVersion, err = n.version("min", n.min); err != nil {
		return nil, err
	}
	if cfg.MaxVersion, err = n.version("max", n.max); err != nil {
		return nil, err
	}
	if cfg.MinVersion != 0 && cfg.MaxVersion != 0 && cfg.MinVersion > cfg.MaxVersion {
		return nil, usage("--min %s is above --max %s", n.min, n.max).hinted("swap them")
	}
	if err := n.applyProfile(cfg, out); err != nil {
		return nil, err
	}
	if !n.old {
		if err := checkNegotiable(cfg); err != nil {
			return nil, err
		}
	}
	if n.trace {
		cfg.Trace = traceFunc(out)
	}
	return n.openKeyLog(cfg, out)
}

// applyProfile sets the profile, and prints what it allows.
func (n *negotiationFlags) applyProfile(cfg *sealsock.Config, out *output) error {
	if n.profile == "" {
		return nil
	}
	cfg.Profile = sealsock.Profile(n.profile)
	rules, ok := cfg.Profile.Rules()
	switch {
	case !ok:
		return usage("--profile: no profile %q", n.profile).
			hinted("choose one of %s", strings.Join(profileNames(), ", "))
	case n.groups+n.suites+n.sigalgs != "":
		return usage("--profile excludes --groups, --suites and --sigalgs").
			hinted("leave out either")
	case cfg.MaxVersion != 0 && cfg.MaxVersion < rules.MinVersion:
		return usage("--profile %s needs %v, which --max %s excludes", n.profile, rules.MinVersion,
			n.max).hinted("leave out one of them")
	}
	out.print(profileNote{Name: n.profile, Allows: cfg.Profile.String()})
	return nil
}

// profileNote reports what the profile of --profile allows.
type profileNote struct {
	Name   string `json:"name"`
	Allows string `json:"allows"`
}

func (profileNote) event() string  { return "profile" }
func (p profileNote) text() string { return "seal: profile " + p.Allows }

// applyAlgorithms puts the suites, groups and signature algorithms into cfg.
func (n *negotiationFlags) applyAlgorithms(cfg *sealsock.Config) (err error) {
	cfg.Groups, err = parseAll("groups", n.groups, iana.ParseNamedGroup, speaksGroup)
	if err != nil {
		return err
	}
	suite := speaksSuite
	if n.old {
		suite = nil // package legacy has others
	}
	cfg.CipherSuites, err = parseAll("suites", n.suites, iana.ParseCipherSuite, suite)
	if err != nil {
		return err
	}
	cfg.SignatureSchemes, err = parseAll("sigalgs", n.sigalgs, iana.ParseSignatureScheme,
		speaksScheme)
	return err
}

// checkVersion finds a flag, given ones being true, that TLS 1.2 has nothing for, if --max
// excludes TLS 1.3.
func (n *negotiationFlags) checkVersion(given map[string]bool) error {
	v, err := iana.ParseVersion(n.max)
	if err != nil || v >= iana.TLS13 { // --max is checked where it is used
		return nil
	}
	for _, flag := range slices.Sorted(maps.Keys(given)) {
		if given[flag] {
			return usage("%s needs TLS 1.3, which --max %s excludes", flag, n.max).
				hinted("leave out one of them")
		}
	}
	return nil
}

// checkConfig finds flags that need a version or suite that the other flags exclude.
func (n *negotiationFlags) checkConfig(cfg *sealsock.Config) error {
	switch {
	case (len(cfg.PSKs) > 0 || cfg.FindPSK != nil) && !hasPSKSuite(cfg.CipherSuites):
		return usage("--suites has no cipher suite for the keys of --psk-file, whose hash is SHA-256").hinted("add TLS_AES_128_GCM_SHA256")
	}
	return nil
}

// checkLegacy finds flags, given ones being true, that have no meaning for package
// legacy.
func (n *negotiationFlags) checkLegacy(given map[string]bool) error {
	given["--trace"], given["--profile"] = n.trace, n.profile != ""
	for _, flag := range slices.Sorted(maps.Keys(given)) {
		if given[flag] {
			return usage("%s is not supported with --legacy", flag).hinted("leave out one of them")
		}
	}
	return nil
}

// openKeyLog opens the file of --keylog or SSLKEYLOGFILE. It is created with access
// for its owner only: its contents decrypt the connections.
func (n *negotiationFlags) openKeyLog(cfg *sealsock.Config, out *output) (done func(), err error) {
	name := n.keylog
	if name == "" {
		name = os.Getenv("SSLKEYLOGFILE")
	}
	if name == "" {
		return func() {}, nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, failed(err, "the key log cannot be opened: %v", err).hinted("name a writable file with --keylog, or unset SSLKEYLOGFILE")
	}
	out.warn("the secrets of each connection are written to %s, which allows others to decrypt them", name)
	if info, err := file.Stat(); err == nil && accessibleToOthers(info) {
		out.warn("other users can read or change %s: run chmod 600 on it", name)
	}
	cfg.KeyLog = &warningWriter{file, func(err error) {
		out.warn("the key log %s cannot be written, and lacks secrets: %v", name, cause(err))
	}}
	return func() { file.Close() }, nil
}

// A warningWriter reports its first error: the engine has no use for one of a key log, and it
// calls Write from one goroutine at a time.
type warningWriter struct {
	io.Writer
	warn func(error) // nil once it was called
}

// Write implements io.Writer.
func (w *warningWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.warn != nil {
		w.warn(err)
		w.warn = nil
	}
	return n, err
}

// list parts a list at its commas.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// parseAll parses a list that a flag gave, parted by commas, or by colons as
// OpenSSL's are. speaks, if set, reports whether seal implements a value.
func parseAll[T any](flag, text string, parse func(string) (T, error), speaks func(T) bool) ([]T,
	error) {
	separator := func(r rune) bool { return r == ',' || r == ':' || r == ' ' }
	var all []T
	for _, name := range strings.FieldsFunc(text, separator) {
		v, err := parse(name)
		if err != nil {
			return nil, usage("--%s: %v", flag, err).hinted("separate names by commas")
		}
		if speaks != nil && !speaks(v) {
			return nil, usage("--%s: seal does not implement %s", flag, name).
				hinted("it has %s", strings.Join(lists()[flag], ", "))
		}
		all = append(all, v)
	}
	return all, nil
}

// version parses the version of --min or --max, which seal must implement: TLS 1.0 and
// 1.1 only with --legacy.
func (n *negotiationFlags) version(flag, text string) (iana.Version, error) {
	if text == "" {
		return 0, nil
	}
	v, err := iana.ParseVersion(text)
	switch {
	case err != nil:
		return 0, usage("--%s %q is not a version of TLS", flag, text).hinted("as in --%s 1.3", flag)
	case v == iana.TLS12, v == iana.TLS13:
		return v, nil
	case n.old && (v == iana.TLS10 || v == iana.TLS11):
		return v, nil
	case v == iana.TLS10, v == iana.TLS11:
		return 0, usage("--%s %s: seal supports %v only with --legacy", flag, text, v).
			hinted("use 1.2 or 1.3, or add --legacy if the peer has nothing newer")
	}
	return 0, usage("--%s %s: seal does not support %v", flag, text, v).hinted("use 1.2 or 1.3")
}
