package main

import (
	"errors"
	"io/fs"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/trust"
)

// acceptance is the flags that say whom to accept, for either side.
type acceptance struct {
	ca   []string
	pins []string
}

func (a *acceptance) register(f *pflag.FlagSet, whose string) {
	f.StringArrayVar(&a.ca, "ca", nil, "authorities that may vouch for "+whose+", a PEM or DER `file`; may be given several times")
	f.StringArrayVar(&a.pins, "pin", nil, "accept "+whose+" whose public key has this `hash`, as in sha256/Base64; without --ca no authority is asked; may be given several times")
}

// policy makes a policy of the flags; its roots are nil if no authority was named.
func (a *acceptance) policy() (*trust.Policy, error) {
	p := new(trust.Policy)
	for _, text := range a.pins {
		pin, err := trust.ParsePin(text)
		if err != nil {
			return nil, usage("--pin %s: %v", text, err).hinted("a refused connection shows the peer's pin in its hint")
		}
		p.Pins = append(p.Pins, pin)
	}
	p.PinOnly = len(p.Pins) > 0 && len(a.ca) == 0
	for _, name := range a.ca {
		if p.Roots == nil {
			p.Roots = new(trust.Roots)
		}
		if _, err := p.Roots.AddFile(name); err != nil {
			return nil, unreadableRoots(name, err)
		}
	}
	return p, nil
}

func unreadableRoots(name string, err error) error {
	p := failed(err, "--ca %v", err).hinted("name a file with the authority's certificate in PEM or DER")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.text = "--ca " + name + " does not exist"
		p.hint = "check the name, and the folder it is looked for in"
	case errors.Is(err, fs.ErrPermission):
		p.text = "--ca " + name + " may not be read by this user"
		p.hint = "give this user the right to read it; a certificate is no secret"
	}
	return p
}
