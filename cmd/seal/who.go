package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sealsock/sealsock/identity"
)

// ownership is the flags that say who this side is.
type ownership struct {
	cert, key, p12, passwordFile string
}

func (o *ownership) register(f *pflag.FlagSet) {
	f.StringVar(&o.cert, "cert", "", "this side's certificate and its chain, a PEM or DER `file`")
	f.StringVar(&o.key, "key", "", "the key of --cert, if it is in another `file`")
	f.StringVar(&o.p12, "p12", "", "certificate, chain and key in a PKCS#12 `file`")
	f.StringVar(&o.passwordFile, "key-password-file", "", "`file` whose first line is the password of the key; otherwise a terminal is asked")
}

// load returns the identity that the flags name, or nil if they name none. What
// was put right on the way is told.
func (o *ownership) load(talk *talker) (*identity.Identity, error) {
	var id *identity.Identity
	var err error
	switch {
	case o.p12 != "" && o.cert != "":
		return nil, usage("--p12 and --cert were both given").hinted("one of them is enough")
	case o.p12 != "":
		id, err = identity.LoadPKCS12(o.p12, o.passwords("")...)
	case o.cert != "":
		id, err = identity.Load(o.cert, o.key, o.passwords("")...)
	case o.key != "":
		return nil, usage("--key was given without --cert").hinted("name the certificate too: --cert FILE")
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, n := range id.Notes {
		talk.warn("%s", n)
	}
	return id, nil
}

// passwords says where passwords come from: a file, or a terminal if there is
// one. Never from the command line, which other users can see.
// name stands for a file that has none.
func (o *ownership) passwords(name string) []identity.Option {
	if o.passwordFile != "" {
		return []identity.Option{identity.PasswordFile(o.passwordFile)}
	}
	if terminal, err := openTerminal(); err == nil {
		terminal.Close()
		return []identity.Option{identity.Password(func(file string) ([]byte, error) {
			return askPassword("password of " + cmp.Or(file, name))
		})}
	}
	return nil
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
	fmt.Fprintf(out, "%s: ", what)
	password, err := term.ReadPassword(int(in.Fd()))
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
