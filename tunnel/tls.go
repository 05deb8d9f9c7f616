package tunnel

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/pskfile"
	"github.com/sealsock/sealsock/internal/readfile"
	"github.com/sealsock/sealsock/trust"
	_ "github.com/sealsock/sealsock/trust/fetch" // asks authorities about revocation
)

// A side is the encryption of one side of a tunnel, made of a TLS.
type side struct {
	cfg     *sealsock.Config
	sources []identity.Source
	files   []*identity.Reloader
	psks    []*engine.PSK

	attempts engine.AntiReplay // of 0-RTT data
	issuer   issuer            // nil if certificates are files
}

// newSide opens the files that a TLS names. notify is called when a certificate changed.
func newSide(s *TLS, server bool, notify func(string, error)) (*side, error) {
	d := &side{cfg: &sealsock.Config{}}
	if err := d.identities(s, notify); err != nil {
		return nil, err
	}
	policy, err := s.policy(server)
	if err != nil {
		return nil, err
	}
	d.cfg.Trust = policy
	if err := d.negotiation(s); err != nil {
		return nil, err
	}
	if s.PSKFile != "" {
		if d.psks, err = readPSKs(s.PSKFile); err != nil {
			return nil, err
		}
	}
	if len(s.Peers) > 0 {
		rules, err := newPeerRules(s.Peers, s.Match == "all")
		if err != nil {
			return nil, err
		}
		d.cfg.VerifyConnection = rules.verify
	}
	if !server {
		return d, d.client(s)
	}
	d.server(s)
	if d.issuer, err = newIssuer(s); err == nil && d.issuer != nil {
		d.cfg.Source = d.issuer
	}
	return d, err
}

// identities opens the certificates.
func (d *side) identities(s *TLS, notify func(string, error)) error {
	all := s.Certificates
	if s.Cert != "" {
		all = append([]Certificate{{Cert: s.Cert, Key: s.Key, Staple: s.Staple}}, all...)
	}
	for _, c := range all {
		var options []identity.Option
		if s.PasswordFile != "" {
			options = append(options, identity.PasswordFile(s.PasswordFile))
		}
		files, err := identity.Watch(c.Cert, cmp.Or(c.Key, c.Cert), options...)
		if err != nil {
			return err
		}
		files.Notify(func(_ *identity.Identity, err error) { notify(c.Cert, err) })
		d.files = append(d.files, files)
		var source identity.Source = files
		if c.Staple != "" {
			source = &stapled{source: files, file: c.Staple}
		}
		d.sources = append(d.sources, source)
	}
	return nil
}

// unverified reports whether a peer makes its certificate itself: with Insecure, and without a pin
// or a rule, which has one then.
func (s *TLS) unverified() bool { return s.Insecure && len(s.Pins)+len(s.Peers) == 0 }

// policy is how the peer is verified.
func (s *TLS) policy(server bool) (*trust.Policy, error) {
	p := &trust.Policy{Insecure: s.Insecure, AnyName: s.AnyName}
	for _, text := range s.Pins {
		pin, err := trust.ParsePin(text)
		if err != nil {
			return nil, err
		}
		p.Pins = append(p.Pins, pin)
	}
	p.PinOnly = len(p.Pins) > 0 && len(s.CA)+len(s.CADir) == 0
	if len(s.CA)+len(s.CADir) > 0 || server {
		p.Roots = new(trust.Roots) // a server's clients are not vouched for by the system
	}
	for _, name := range s.CA {
		if _, err := p.Roots.AddFile(name); err != nil {
			return nil, fmt.Errorf("ca %s: %w", name, err)
		}
	}
	for _, name := range s.CADir {
		if _, err := p.Roots.AddDir(name); err != nil {
			return nil, fmt.Errorf("ca_dir %s: %w", name, err)
		}
	}
	var err error
	p.Revocation, err = s.revocation()
	return p, err
}

// revocation is how to find out whether the peer's certificate was revoked.
func (s *TLS) revocation() (*trust.Revocation, error) {
	modes := map[string]trust.RevocationMode{"off": trust.RevocationOff,
		"prefer": trust.RevocationPrefer, "require": trust.RevocationRequire}
	r := &trust.Revocation{Mode: modes[s.Revocation], CacheDir: s.RevocationCache}
	if len(s.CRL) > 0 {
		r.Lists = new(trust.Lists)
	}
	for _, name := range s.CRL {
		add := r.Lists.AddFile
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			add = r.Lists.AddDir
		}
		if _, err := add(name); err != nil {
			return nil, fmt.Errorf("crl %s: %w", name, err)
		}
	}
	return r, nil
}

// negotiation sets versions, suites, groups and protocols.
func (d *side) negotiation(s *TLS) error {
	versions := map[string]iana.Version{"1.2": iana.TLS12, "1.3": iana.TLS13}
	d.cfg.MinVersion, d.cfg.MaxVersion = versions[s.MinVersion], versions[s.MaxVersion]
	d.cfg.ALPN = s.ALPN
	for _, text := range s.Suites {
		suite, err := iana.ParseCipherSuite(text)
		if err != nil {
			return err
		}
		d.cfg.CipherSuites = append(d.cfg.CipherSuites, suite)
	}
	for _, text := range s.Groups {
		group, err := iana.ParseNamedGroup(text)
		if err != nil {
			return err
		}
		d.cfg.Groups = append(d.cfg.Groups, group)
	}
	return nil
}

// server completes the settings of a server.
func (d *side) server(s *TLS) {
	switch {
	case s.ClientAuth == "request":
		d.cfg.ClientAuth = engine.RequestClientCert
	case s.ClientAuth == "require", s.ClientAuth == "" && (s.named() || s.Insecure):
		d.cfg.ClientAuth = engine.RequireClientCert
	}
	d.cfg.HandshakeTimeout = -1 // limits.handshake bounds more than the handshake of TLS
	if d.cfg.NumTickets = s.Tickets; s.Tickets >= 0 {
		d.cfg.TicketsWithData = true // one write less for a connection
		d.cfg.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
		d.cfg.MaxEarlyData = uint32(s.MaxEarlyData)
		d.cfg.AntiReplay = sealsock.NewAntiReplay(maxAttempted, nil)
	}
	if len(d.sources) > 0 {
		d.cfg.SelectIdentity = func(_ context.Context, r *engine.CredentialRequest) (
			*identity.Identity, error,
		) {
			if id := identity.Choose(d.sources, r.ServerName, r.SignatureSchemes); id != nil {
				return id, nil
			}
			return d.sources[0].Identity(), nil
		}
	}
	if len(d.psks) > 0 {
		byName := make(map[string]*engine.PSK, len(d.psks))
		for _, k := range d.psks {
			byName[string(k.Identity)] = k
		}
		d.cfg.FindPSK = func(_ context.Context, identity []byte) (*engine.PSK, error) {
			return byName[string(identity)], nil
		}
	}
}

// client completes the settings of a client.
func (d *side) client(s *TLS) error {
	d.cfg.ServerName = s.ServerName
	d.cfg.Sessions = sealsock.NewMemoryCache(0)
	if len(d.sources) > 0 {
		d.cfg.SelectIdentity = func(_ context.Context, r *engine.CredentialRequest) (
			*identity.Identity, error,
		) {
			return identity.Choose(d.sources, "", r.SignatureSchemes), nil
		}
	}
	for _, k := range d.psks {
		if s.PSKIdentity == "" || s.PSKIdentity == string(k.Identity) {
			d.cfg.PSKs = []*engine.PSK{k}
			d.cfg.PSKOnly = !s.named() && !s.Insecure
			return nil
		}
	}
	if s.PSKFile != "" {
		return fmt.Errorf("psk_file %s has no key for psk_identity %q", s.PSKFile, s.PSKIdentity)
	}
	return nil
}

// readPSKs reads a file of pre-shared keys.
func readPSKs(file string) ([]*engine.PSK, error) {
	data, err := readfile.Read(context.Background(), file, pskfile.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("psk_file %s: %w", file, err)
	}
	keys, _, err := pskfile.Parse(data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("psk_file %s, %w", file, err)
	case len(keys) == 0:
		return nil, fmt.Errorf("psk_file %s has no key: a line is IDENTITY:HEX", file)
	}
	return keys, nil
}

// A stapled source adds an OCSP response from a file, which is read again when it changes.
type stapled struct {
	source identity.Source
	file   string

	mu     sync.Mutex
	looked time.Time
	read   time.Time // modification time of what was read
	staple []byte
	from   *identity.Identity
	made   *identity.Identity
}

const (
	maxStaple    = 1 << 20         // bytes
	stapleWindow = 5 * time.Second // between two looks at the file
)

// Identity implements identity.Source. Without a usable file there is no response.
func (s *stapled) Identity() *identity.Identity {
	id := s.source.Identity()
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	if now := time.Now(); now.Sub(s.looked) > stapleWindow {
		s.looked = now
		if info, err := os.Stat(s.file); err == nil && !info.ModTime().Equal(s.read) {
			if data, err := readfile.Regular(s.file, maxStaple); err == nil {
				s.staple, s.read, changed = data, info.ModTime(), true
			}
		}
	}
	if id != s.from || changed || s.made == nil {
		copied := *id
		copied.OCSPStaple = s.staple
		s.from, s.made = id, &copied
	}
	return s.made
}
