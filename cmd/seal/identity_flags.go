package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/printable"
)

// identityFlags holds the flags for the certificate and key of this side.
type identityFlags struct {
	cert, key, p12, passwordFile string
	rawKey                       bool
	certs, keys                  []string // as given; settle sets the rest
	further                      []keyPair
}

// A keyPair is a certificate and its key; key is empty if both are in one file.
type keyPair struct{ cert, key string }

// settle pairs each --cert with its --key. The first pair becomes cert and key.
func (o *identityFlags) settle() error {
	switch {
	case len(o.certs) > 1 && len(o.keys) != 0 && len(o.keys) != len(o.certs),
		len(o.keys) > max(1, len(o.certs)):
		return usage("--cert was given %d times and --key %d times", len(o.certs), len(o.keys)).
			hinted("give a --key for each --cert, in the same order; or none, with each key in the " +
				"file of its certificate")
	case len(o.certs) > 1 && o.rawKey:
		return usage("--raw-key shows one key, and %d were given", len(o.certs)).
			hinted("leave out all but one --cert")
	}
	for i, cert := range o.certs {
		pair := keyPair{cert: cert}
		if i < len(o.keys) {
			pair.key = o.keys[i]
		}
		o.further = append(o.further, pair)
	}
	if len(o.further) > 0 {
		o.cert, o.key, o.further = o.further[0].cert, o.further[0].key, o.further[1:]
	} else if len(o.keys) > 0 {
		o.key = o.keys[0]
	}
	return nil
}

func (o *identityFlags) register(f *pflag.FlagSet) {
	f.StringArrayVar(&o.certs, "cert", nil,
		"this side's certificate and its chain, a PEM or DER `file`; may be given several times")
	f.StringArrayVar(&o.keys, "key", nil, "the key of each --cert, if it is in another `file`")
	f.StringVar(&o.p12, "p12", "", "certificate, chain and key in a PKCS#12 `file`")
	f.StringVar(&o.passwordFile, "key-password-file", "", "`file` whose first line is the password of the key; the default is to ask on the terminal")
	f.BoolVar(&o.rawKey, "raw-key", false, "use a raw public key (RFC 7250) instead of a certificate, and accept one; needs only --key")
}

// files are the files that the flags name; cert is empty if they name none.
func (o *identityFlags) files() (cert, key string, err error) {
	switch {
	case o.p12 != "" && o.cert != "":
		return "", "", usage("--p12 excludes --cert").hinted("leave out one of them")
	case o.p12 != "":
		return o.p12, "", nil
	case o.cert == "" && o.key != "" && !o.rawKey:
		return "", "", usage("--key needs --cert").hinted("add --cert FILE")
	}
	return o.cert, o.key, nil
}

// given reports whether the flags name a certificate or key.
func (o *identityFlags) given() bool { return o.cert != "" || o.key != "" || o.p12 != "" }

// load returns the identity that the flags name, or nil if they name none. It warns
// of each fault that it corrected (Identity.Notes).
func (o *identityFlags) load(out *output) (*identity.Identity, error) {
	cert, key, err := o.files()
	if err == nil && cert == "" && key != "" {
		id, err := loadKeyOnly(key, o.passwords(""))
		return exposed(out, id, err, key)
	}
	if cert == "" {
		return nil, err
	}
	id, err := identity.Load(cert, key, o.passwords("")...)
	id, err = exposed(out, id, err, cmp.Or(key, cert))
	if err != nil {
		return nil, err
	}
	warnNotes(out, id)
	if o.rawKey {
		return asRawKey(id), nil
	}
	return id, nil
}

// loadFurther returns the identities of the further --cert.
func (o *identityFlags) loadFurther(out *output) ([]*identity.Identity, error) {
	var all []*identity.Identity
	for _, pair := range o.further {
		id, err := identity.Load(pair.cert, pair.key, o.passwords("")...)
		id, err = exposed(out, id, err, cmp.Or(pair.key, pair.cert))
		if err != nil {
			return nil, err
		}
		warnNotes(out, id)
		all = append(all, id)
	}
	return all, nil
}

// watchFurther is loadFurther for a listener.
func (o *identityFlags) watchFurther(out *output) ([]identity.Source, error) {
	var all []identity.Source
	for _, pair := range o.further {
		files, err := watchFiles(out, pair, o.passwords(""))
		if err != nil {
			return nil, err
		}
		all = append(all, files)
	}
	return all, nil
}

// watch is load for a listener: it reloads files that change, and reports it. names
// are for a key that has no certificate.
func (o *identityFlags) watch(out *output, names []string) (identity.Source, error) {
	cert, key, err := o.files()
	if err == nil && cert == "" && key != "" {
		id, err := loadKeyOnly(key, o.passwords(""), names...)
		id, err = exposed(out, id, err, key)
		return fixed{id}, err
	}
	if cert == "" {
		return nil, err
	}
	files, err := watchFiles(out, keyPair{cert, key}, o.passwords(""))
	if err != nil {
		return nil, err
	}
	if o.rawKey {
		return rawSource{files}, nil
	}
	return files, nil
}

// watchFiles loads an identity, reloads it when its files change, and reports that.
func watchFiles(out *output, pair keyPair, options []identity.Option) (*identity.Reloader, error) {
	files, err := identity.Watch(pair.cert, pair.key, options...)
	if _, err := exposed(out, nil, err, cmp.Or(pair.key, pair.cert)); err != nil {
		return nil, err
	}
	files.Notify(func(id *identity.Identity, err error) {
		if err != nil {
			out.warn("%s changed and cannot be used, so the old certificate is kept: %s", pair.cert, explain(err).text)
			return
		}
		out.print(reloaded{pair.cert, namesOf(id.Leaf), day(id.Leaf.NotAfter)})
	})
	warnNotes(out, files.Identity())
	return files, nil
}

// exposed returns id and err. If there is no error, it warns of a key that every user of
// this machine can read or change.
func exposed(out *output, id *identity.Identity, err error, name string) (*identity.Identity,
	error) {
	const others = 0o006
	info, statErr := os.Stat(name)
	if err == nil && statErr == nil && info.Mode().IsRegular() &&
		info.Mode().Perm()&others != 0 && runtime.GOOS != "windows" {
		out.warn("%s holds a private key, and every user of this machine may read or change it: "+
			"chmod 600 keeps it private", name)
	}
	return id, err
}

func warnNotes(out *output, id *identity.Identity) {
	for _, n := range id.Notes {
		out.warn("%s", n)
	}
}

// reloaded reports that a file has another certificate now, which is used from now on.
type reloaded struct {
	File     string   `json:"file"`
	Names    []string `json:"names"`
	NotAfter string   `json:"not_after"`
}

func (reloaded) event() string { return "reloaded" }
func (r reloaded) text() string {
	return "seal: " + r.File + " has a new certificate, for " + shownNames(r.Names, ", ") +
		", until " + r.NotAfter
}

// passwords returns the source of passwords: a file, or a terminal if there is one.
// It is never the command line, which other users can see.
// name stands for a file that has none.
func (o *identityFlags) passwords(name string) []identity.Option {
	if o.passwordFile != "" {
		return []identity.Option{identity.PasswordFile(o.passwordFile)}
	}
	if terminal, err := openTerminal(); err == nil {
		terminal.Close()
		return []identity.Option{identity.Password(askOnce(func(file string) ([]byte, error) {
			return askPassword("password of " + cmp.Or(file, name))
		}))}
	}
	return nil
}

// askOnce asks once for each file: the user is not asked again when a file has
// changed and is read again.
func askOnce(ask func(string) ([]byte, error)) func(string) ([]byte, error) {
	var mu sync.Mutex
	known := make(map[string][]byte)
	return func(file string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if password, ok := known[file]; ok {
			return bytes.Clone(password), nil
		}
		password, err := ask(file)
		if err == nil {
			known[file] = bytes.Clone(password)
		}
		return password, err
	}
}

// askPassword asks on the terminal itself: standard input and output are for data.
func askPassword(what string) ([]byte, error) {
	in, err := openTerminal()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := os.OpenFile(terminalOut, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	fmt.Fprintf(out, "%s: ", printable.Line(what))
	passwordEcho.off(in)
	password, err := term.ReadPassword(int(in.Fd()))
	passwordEcho.on()
	fmt.Fprintln(out)
	return password, err
}

// openTerminal opens the terminal that the process runs on.
func openTerminal() (*os.File, error) {
	f, err := os.OpenFile(terminalIn, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if !term.IsTerminal(int(f.Fd())) {
		f.Close()
		return nil, os.ErrNotExist
	}
	return f, nil
}
