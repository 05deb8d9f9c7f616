package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
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
}

func (o *identityFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.cert, "cert", "", "this side's certificate and its chain, a PEM or DER `file`")
	f.StringVar(&o.key, "key", "", "the key of --cert, if it is in another `file`")
	f.StringVar(&o.p12, "p12", "", "certificate, chain and key in a PKCS#12 `file`")
	f.StringVar(&o.passwordFile, "key-password-file", "", "`file` whose first line is the password of the key; otherwise a terminal is asked")
	f.BoolVar(&o.rawKey, "raw-key", false, "show the bare key instead of a certificate (RFC 7250), and accept one; --key is enough then")
}

// files are the files that the flags name; cert is empty if they name none.
func (o *identityFlags) files() (cert, key string, err error) {
	switch {
	case o.p12 != "" && o.cert != "":
		return "", "", usage("--p12 and --cert were both given").hinted("one of them is enough")
	case o.p12 != "":
		return o.p12, "", nil
	case o.cert == "" && o.key != "" && !o.rawKey:
		return "", "", usage("--key was given without --cert").hinted("name the certificate too: --cert FILE")
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
		return loadKeyOnly(key, o.passwords(""))
	}
	if cert == "" {
		return nil, err
	}
	id, err := identity.Load(cert, key, o.passwords("")...)
	if err != nil {
		return nil, err
	}
	warnNotes(out, id)
	if o.rawKey {
		return asRawKey(id), nil
	}
	return id, nil
}

// watch is load for a listener: it reloads files that change, and reports it. names
// are for a key that has no certificate.
func (o *identityFlags) watch(out *output, names []string) (identity.Source, error) {
	cert, key, err := o.files()
	if err == nil && cert == "" && key != "" {
		id, err := loadKeyOnly(key, o.passwords(""), names...)
		return fixed{id}, err
	}
	if cert == "" {
		return nil, err
	}
	files, err := identity.Watch(cert, key, o.passwords("")...)
	if err != nil {
		return nil, err
	}
	files.Notify(func(id *identity.Identity, err error) {
		if err != nil {
			out.warn("%s changed, and the old certificate stays: %s", cert, explain(err).text)
			return
		}
		out.print(reloaded{cert, namesOf(id.Leaf), day(id.Leaf.NotAfter)})
	})
	warnNotes(out, files.Identity())
	if o.rawKey {
		return rawSource{files}, nil
	}
	return files, nil
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
