package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/trust"
)

// trustFlags holds the flags for which peers to accept, for either side.
type trustFlags struct {
	ca, caDir  []string
	pins       []string
	crl        []string
	revocation string
	maxAge     time.Duration
	strict     bool
	known      string
}

func (a *trustFlags) register(f *pflag.FlagSet, whose string) {
	f.StringArrayVar(&a.ca, "ca", nil, "trusted authorities of "+whose+", a PEM or DER `file`; may be given several times")
	f.StringArrayVar(&a.caDir, "ca-dir", nil, "a `folder` of such files, also one of openssl rehash; may be given several times")
	f.StringArrayVar(&a.pins, "pin", nil, "accept "+whose+" whose public key has this `hash`, as in sha256/Base64; without --ca no authority is needed; may be given several times")
	f.StringArrayVar(&a.crl, "crl", nil, "revocation lists, a `file` or folder; may be given several times")
	f.StringVar(&a.revocation, "revocation", "", "a `word`: off, prefer (request the revocation status) or require (and refuse an unknown status); the default uses only lists and stapled responses")
	f.DurationVar(&a.maxAge, "revocation-max-age", 0,
		"do not rely on answers about revocation that were made longer ago than this `time`")
	f.BoolVar(&a.strict, "strict", false, "check certificates against all rules of RFC 5280")
}

// registerKnown registers --known-peers.
func (a *trustFlags) registerKnown(f *pflag.FlagSet, whose string) {
	f.StringVar(&a.known, "known-peers", "", "accept "+whose+" by the keys in this `file`, if no trusted authority certifies them")
}

// named reports whether the flags name peers or authorities to accept.
func (a *trustFlags) named() bool { return len(a.ca)+len(a.caDir)+len(a.pins) > 0 || a.known != "" }

// policy makes a policy of the flags; its roots are nil if no authority was named.
// The caller adds the known peers, which servers and clients use differently.
func (a *trustFlags) policy() (*trust.Policy, error) {
	if a.maxAge < 0 {
		return nil, usage("--revocation-max-age %v is negative", a.maxAge).
			hinted("as in --revocation-max-age 24h")
	}
	p := &trust.Policy{Strict: a.strict}
	for _, text := range a.pins {
		pin, err := trust.ParsePin(text)
		if err != nil {
			return nil, usage("--pin %s: %v", text, err).hinted("the hint of a refused connection contains the peer's pin")
		}
		p.Pins = append(p.Pins, pin)
	}
	p.PinOnly = len(p.Pins) > 0 && len(a.ca)+len(a.caDir) == 0
	var err error
	if p.Roots, err = a.roots(); err != nil {
		return nil, err
	}
	p.Revocation, err = a.revoked()
	return p, err
}

// roots are those of --ca and --ca-dir, or nil.
func (a *trustFlags) roots() (*trust.Roots, error) {
	if len(a.ca)+len(a.caDir) == 0 {
		return nil, nil
	}
	roots := new(trust.Roots)
	for _, name := range a.ca {
		if _, err := roots.AddFile(name); err != nil {
			return nil, unreadable("--ca", name, err, "name a file with the authority's certificate in PEM or DER")
		}
	}
	for _, name := range a.caDir {
		if _, err := roots.AddDir(name); err != nil {
			return nil, unreadable("--ca-dir", name, err, "name a folder of certificates in PEM or DER")
		}
	}
	return roots, nil
}

// revoked returns how to check certificates for revocation; nil means the default of
// the policy.
func (a *trustFlags) revoked() (*trust.Revocation, error) {
	if a.revocation == "" && len(a.crl) == 0 && a.maxAge == 0 {
		return nil, nil
	}
	mode, err := a.revocationMode()
	if err != nil {
		return nil, err
	}
	r := &trust.Revocation{Mode: mode, MaxAge: a.maxAge}
	if cache, err := os.UserCacheDir(); err == nil {
		r.CacheDir = filepath.Join(cache, "sealsock", "revocation")
	}
	if len(a.crl) > 0 {
		r.Lists = new(trust.Lists)
	}
	for _, name := range a.crl {
		add := r.Lists.AddFile
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			add = r.Lists.AddDir
		}
		if _, err := add(name); err != nil {
			return nil, unreadable("--crl", name, err, "name a file or folder of revocation lists in PEM or DER")
		}
	}
	return r, nil
}

// revocationMode reads --revocation, which if it is off excludes the other flags.
func (a *trustFlags) revocationMode() (trust.RevocationMode, error) {
	switch a.revocation {
	case "":
		return trust.RevocationAtHand, nil
	case "prefer":
		return trust.RevocationPrefer, nil
	case "require":
		return trust.RevocationRequire, nil
	case "off":
	default:
		return 0, usage("--revocation %q is not valid", a.revocation).
			hinted("it is off, prefer or require")
	}
	switch {
	case len(a.crl) > 0:
		return 0, usage("--revocation off excludes --crl").hinted("leave out one of them")
	case a.maxAge > 0:
		return 0, usage("--revocation off excludes --revocation-max-age").
			hinted("leave out one of them")
	}
	return trust.RevocationOff, nil
}

// unreadable is the problem of a file that a flag named.
func unreadable(flag, name string, err error, hint string) error {
	p := failed(err, "%s %v", flag, err).hinted("%s", hint)
	if _, below := errors.AsType[*fs.PathError](err); below {
		p.text = flag + " " + name + " cannot be read: " + cause(err).Error()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.text = flag + " " + name + " does not exist"
		p.hint = "check the name and the folder"
	case errors.Is(err, fs.ErrPermission):
		p.text = flag + " " + name + " cannot be read by this user: permission denied"
		p.hint = "allow this user to read it; it is not secret"
	}
	return p
}
