package main

import (
	"context"
	"fmt"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// certificateFact describes a further certificate of a listener.
type certificateFact struct {
	Names    []string `json:"names"`
	NotAfter string   `json:"not_after"`
	Pin      string   `json:"pin"`
}

func certificateFactOf(id *identity.Identity) certificateFact {
	return certificateFact{namesOf(id.Leaf), day(id.Leaf.NotAfter), trust.PinOf(id.Leaf).String()}
}

// allSources returns the first source and those of the further --cert.
func (o *credentials) allSources(out *output, flags *listenFlags, first identity.Source) (
	[]identity.Source, error) {
	further, err := flags.watchFurther(out)
	if err != nil {
		return nil, err
	}
	all := append([]identity.Source{first}, further...)
	for _, s := range all {
		if files := reloaderOf(s); files != nil {
			o.files = append(o.files, files)
		}
	}
	for _, s := range further {
		o.further = append(o.further, certificateFactOf(s.Identity()))
	}
	return all, nil
}

// serveIdentities makes cfg show the identity that suits a client best: one with the name
// that the client requests and a key that it accepts. With strict a client that requests
// another name, or none, is refused. RFC 6066, Section 3.
func serveIdentities(cfg *sealsock.Config, sources []identity.Source, strict bool) {
	cfg.SelectIdentity = func(_ context.Context, r *engine.CredentialRequest) (*identity.Identity,
		error) {
		if len(sources) == 1 {
			return sources[0].Identity(), nil
		}
		if id := identity.Choose(sources, r.ServerName, r.SignatureSchemes); id != nil {
			return id, nil
		}
		return sources[0].Identity(), nil
	}
	if !strict {
		return
	}
	cfg.ForClient = func(_ context.Context, hello *engine.ClientHelloInfo) (*sealsock.Config, error) {
		for _, s := range sources {
			if trust.MatchName(s.Identity().Leaf, hello.ServerName) == nil {
				return nil, nil
			}
		}
		return nil, unknownName(hello.ServerName)
	}
}

// An unknownName is a server name that no certificate of this side has.
type unknownName string

func (n unknownName) Error() string {
	if n == "" {
		return "the client requested no server name, which --sni-strict requires"
	}
	return fmt.Sprintf("the client requested the server name %q, which no certificate has", string(n))
}

// Alert is the alert for the client.
func (unknownName) Alert() iana.Alert { return iana.AlertUnrecognizedName }
