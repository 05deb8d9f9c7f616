package tunnel

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/identity/acme"
	"github.com/sealsock/sealsock/internal/readfile"
)

// An issuer obtains the certificate of a server and renews it.
type issuer interface {
	identity.Selector
	// Obtain gets the certificates that are missing or near their end.
	Obtain(ctx context.Context) error
}

// newIssuer returns that of a TLS, which asks for nothing yet; nil if certificates are files.
func newIssuer(s *TLS) (issuer, error) {
	switch {
	case s.ACME != nil:
		client, err := s.ACME.client()
		if err != nil {
			return nil, err
		}
		m, err := acme.New(acme.Options{Names: s.ACME.Names, Directory: s.ACME.Directory,
			Email: s.ACME.Email, CacheDir: s.ACME.Cache, AcceptTerms: s.ACME.AcceptTerms,
			HTTPClient: client})
		if err != nil {
			return nil, fmt.Errorf("acme: %w", err)
		}
		return m, nil
	case s.Authority != nil:
		a, err := authority.Open(s.Authority.Folder)
		if err == nil {
			err = a.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("authority %s: %w", s.Authority.Folder, err)
		}
		return &local{authority: a, names: s.Authority.Names}, nil
	}
	return nil, nil
}

// maxRoots bounds a file of authorities, in bytes.
const maxRoots = 4 << 20

// orderTime bounds one request to an ACME authority.
const orderTime = time.Minute

// client reaches the authority.
func (a *ACME) client() (*http.Client, error) {
	roots, err := x509.SystemCertPool() // before a sandbox hides its files
	if len(a.CA) > 0 {
		roots, err = x509.NewCertPool(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("acme: the authorities of the system: %w", err)
	}
	for _, name := range a.CA {
		data, err := readfile.Regular(name, maxRoots)
		if err == nil && !roots.AppendCertsFromPEM(data) {
			err = errors.New("it has no certificate in PEM")
		}
		if err != nil {
			return nil, fmt.Errorf("acme: ca %s: %w", name, err)
		}
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig.RootCAs = roots
	return &http.Client{Transport: t, Timeout: orderTime}, nil
}

// A local issuer has a folder of `seal ca`.
type local struct {
	authority *authority.Authority
	names     []string

	mu     sync.Mutex
	looked time.Time
	id     *identity.Identity
}

// lookTime is how long a certificate is used before the folder is looked at again.
const lookTime = time.Minute

// Select implements identity.Selector. A certificate that cannot be renewed is used until its end.
func (l *local) Select(context.Context, *identity.Request) (*identity.Identity, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.id != nil && time.Since(l.looked) < lookTime {
		return l.id, nil
	}
	err := l.renew()
	if l.id == nil {
		return nil, err
	}
	return l.id, nil
}

// renew takes the certificate from the folder, where it is issued if need be. The caller holds
// the lock.
func (l *local) renew() error {
	id, err := l.authority.ForNames(l.names...)
	l.looked = time.Now()
	if err == nil {
		l.id = id
	}
	return err
}

// Obtain implements issuer.
func (l *local) Obtain(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renew()
}

// keepIssuer lets orders that are under way survive a reload.
func (r *running) keepIssuer(old *running) {
	if old == nil || old.server == nil || old.server.issuer == nil || r.server.issuer == nil {
		return
	}
	a, b := old.cfg.Server, r.cfg.Server
	if reflect.DeepEqual(a.ACME, b.ACME) && reflect.DeepEqual(a.Authority, b.Authority) {
		r.server.issuer = old.server.issuer
		r.server.cfg.Source = old.server.issuer
	}
}

// The pauses between two attempts to obtain certificates: after a failure, and after success.
const (
	retryTime = time.Minute
	renewTime = time.Hour
)

// obtain obtains certificates until ctx ends. Clients do so too: this is for those that come
// first, and for the log.
func obtain(ctx context.Context, i issuer, log *slog.Logger) {
	for {
		within, cancel := context.WithTimeout(ctx, 2*orderTime)
		err := i.Obtain(within)
		cancel()
		wait := renewTime
		if err != nil && ctx.Err() == nil {
			log.Error("no certificate was obtained", "error", errText(err))
			wait = retryTime
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// issued checks the tables acme and authority of a server.
func (k *checker) issued(key string, s *TLS) {
	own := 0
	for _, given := range []bool{s.Cert != "", s.ACME != nil, s.Authority != nil} {
		if given {
			own++
		}
	}
	if own > 1 {
		k.add(key, "leave one", "cert, acme and authority exclude each other")
	}
	if len(s.Certificates) > 0 && (s.ACME != nil || s.Authority != nil) {
		k.add(key+".certificate", "leave it out", "acme and authority have all certificates")
	}
	if s.ACME != nil {
		k.acme(key+".acme", s)
	}
	if s.Authority != nil {
		if s.Authority.Folder == "" {
			k.add(key+".authority", `as in folder = "/var/lib/seal/ca"`, "it has no folder")
		}
		k.issuedNames(key+".authority", s.Authority.Names, true)
	}
}

func (k *checker) acme(key string, s *TLS) {
	a := s.ACME
	k.issuedNames(key, a.Names, false)
	if a.Cache == "" {
		k.add(key, `as in cache = "/var/lib/seal/acme"`, "it has no folder for its certificates")
	}
	if !a.AcceptTerms {
		k.add(key, "add accept_terms = true once you have read them",
			"the authority's terms of service are not accepted")
	}
	if a.Directory != "" && !strings.HasPrefix(a.Directory, "https://") &&
		!strings.HasPrefix(a.Directory, "http://") {
		k.add(key+".directory", `as in "https://ca.example/directory"`, "%q is no URL", a.Directory)
	}
	if s.StartTLS != "" {
		k.add(key, "use cert", "an authority asks for its proof without starttls")
	}
}

// maxIssued bounds the names of a certificate.
const maxIssued = 100

func (k *checker) issuedNames(key string, names []string, wildcards bool) {
	k.bounded(key+".names", min(len(names), maxIssued+1), 0, maxIssued)
	if len(names) == 0 {
		k.add(key, `as in names = ["www.example.com"]`, "it has no names")
	}
	for i, name := range names {
		if name == "" || len(name) > 253 || strings.ContainsAny(name, " /:") && !wildcards ||
			strings.Contains(name, "*") && !wildcards {
			k.add(fmt.Sprintf("%s.names[%d]", key, i), "as in www.example.com",
				"%q is no name that an authority can be asked for", name)
		}
	}
}
