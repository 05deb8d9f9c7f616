package main

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// authorityDir is the folder of the local authority.
func authorityDir() (string, error) {
	if home := os.Getenv("SEALSOCK_HOME"); home != "" {
		return filepath.Join(home, "ca"), nil
	}
	dir, err := authority.DefaultDir()
	if err != nil {
		return "", failed(err, "%v", err).hinted("set SEALSOCK_HOME to a folder for it")
	}
	return dir, nil
}

// openAuthority opens the local authority; its error wraps authority.ErrNotExist
// if there is none.
func openAuthority() (*authority.Authority, error) {
	dir, err := authorityDir()
	if err != nil {
		return nil, err
	}
	ca, err := authority.Open(dir)
	if err != nil && !errors.Is(err, authority.ErrNotExist) {
		return nil, authorityError(dir, err)
	}
	return ca, err
}

func authorityError(dir string, err error) error {
	return failed(err, "the local authority cannot be used: %v", err).
		hinted("it is in %s; SEALSOCK_HOME sets another folder, and --cert and --key replace it", dir)
}

// localIdentity issues a certificate of the local authority, which it creates if
// there is none. The certificate is for an address and further names, and for the
// useful ones if the authority may issue for them.
func localIdentity(out *output, a address.Address, further, useful []string) (*localLeaf, error) {
	dir, err := authorityDir()
	if err != nil {
		return nil, err
	}
	isNew := !authority.Exists(dir)
	ca, err := authority.OpenOrCreate(dir, authority.Options{})
	if err != nil {
		return nil, authorityError(dir, err)
	}
	if isNew {
		out.print(created{Dir: dir, Root: ca.RootFile()})
	}
	names, extra := certifiedNames(a)
	names = append(slices.Clone(names), further...)
	leaf := &localLeaf{ca: ca}
	for _, more := range [][]string{append(slices.Clone(extra), useful...), extra, nil} {
		leaf.names = append(slices.Clone(names), more...)
		if leaf.id, err = ca.ForNames(leaf.names...); err == nil {
			break
		}
	}
	if err != nil {
		return nil, failed(err, "the local authority cannot issue a certificate: %v", err).
			hinted("use another certificate (--cert FILE --key FILE), or create an authority that allows the name (seal ca create --help)")
	}
	return leaf, nil
}

// A localLeaf is a certificate of the local authority, which is renewed in time.
type localLeaf struct {
	ca    *authority.Authority
	names []string

	mu sync.Mutex
	id *identity.Identity
}

// Identity implements identity.Source. It issues a new certificate when a third of
// the lifetime is left, and returns the old one if that fails.
func (l *localLeaf) Identity() *identity.Identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	leaf := l.id.Leaf
	if time.Until(leaf.NotAfter) < leaf.NotAfter.Sub(leaf.NotBefore)/3 {
		if id, err := l.ca.ForNames(l.names...); err == nil {
			l.id = id
		}
	}
	return l.id
}

// created reports that a local authority was made.
type created struct {
	Dir  string `json:"folder"`
	Root string `json:"root"`
}

func (created) event() string { return "authority" }
func (c created) text() string {
	return "seal: created a local authority in " + c.Dir + "; its root is " + c.Root
}

// certifiedNames returns the names that a certificate for an address needs, and
// those that are useful besides, such as this machine's own.
func certifiedNames(a address.Address) (names, extra []string) {
	host := a.Host()
	ip, err := netip.ParseAddr(host)
	own := ownName()
	switch {
	case host == "", err == nil && ip.IsUnspecified():
		return loopbackNames, append(own, privateAddresses()...)
	case host == "localhost", err == nil && ip.IsLoopback():
		names = loopbackNames
		if !slices.Contains(names, host) {
			names = append([]string{host}, names...)
		}
		return names, own
	}
	return []string{host}, own
}

var loopbackNames = []string{"localhost", "127.0.0.1", "::1"}

// ownName is this machine's name, if it can stand in a certificate.
func ownName() []string {
	name, err := os.Hostname()
	if err != nil || name == "localhost" {
		return nil
	}
	if _, err := trust.ASCIIName(name); err != nil {
		return nil
	}
	return []string{strings.ToLower(name)}
}

// privateAddresses are those by which machines of the local network reach this one.
func privateAddresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var private []string
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsPrivate() && len(private) < 16 {
			private = append(private, n.IP.String())
		}
	}
	return private
}

// localRoots adds the root of the local authority, if there is one, to those of
// the system.
func localRoots() (*trust.Roots, error) {
	if _, err := authorityDir(); err != nil {
		return nil, nil // a service without a home has no local authority
	}
	ca, err := openAuthority()
	if errors.Is(err, authority.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	roots, err := trust.SystemRoots()
	if err != nil {
		roots = new(trust.Roots) // a system without roots still has the local one
	}
	return roots, roots.AddDER(ca.Root().Raw)
}
