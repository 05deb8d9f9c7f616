package identity

import (
	"context"

	"github.com/sealsock/sealsock/iana"
)

// A Request describes the peer for which a Selector is asked.
type Request struct {
	// ServerName is the name that a client asks for; empty if it named none, and on a
	// client.
	ServerName string
	// Protocols are the application protocols that a client offers (ALPN).
	Protocols []string
	// Schemes are the signature schemes that the peer accepts.
	Schemes []iana.SignatureScheme
}

// A Selector chooses an identity for each connection. An *Identity, a *Reloader, Sources and
// an *acme.Manager are Selectors. An Identity may have any crypto.Signer as its key, such as
// one of a cloud's key service.
type Selector interface {
	// Select returns the identity to show to the peer that r describes, or an error. On
	// a client, nil means none. It may block until ctx ends, and is called from many
	// goroutines.
	Select(ctx context.Context, r *Request) (*Identity, error)
}

// Select returns id, which makes it a Selector.
func (id *Identity) Select(context.Context, *Request) (*Identity, error) { return id, nil }

// Select returns the identity as the files have it, which makes a Reloader a Selector.
func (r *Reloader) Select(context.Context, *Request) (*Identity, error) {
	if r == nil || r.load == nil {
		return nil, errNotWatching
	}
	return r.Identity(), nil
}

// Sources are a Selector that selects as Choose does.
type Sources []Source

// Select returns the identity that suits the peer best.
func (s Sources) Select(_ context.Context, r *Request) (*Identity, error) {
	if r == nil {
		r = new(Request)
	}
	return Choose(s, r.ServerName, r.Schemes), nil
}
