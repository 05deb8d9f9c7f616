package sealsock

import (
	"crypto/x509"
	"runtime"
	"slices"
	"strings"
	"sync"
	"weak"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
)

// credentials are what the engine shows of Config.Identities. They are made once for
// a list, because a server may have thousands, and shared by its connections, which
// must not change them.
type credentials struct {
	of     []*identity.Identity
	list   []*engine.Credential
	byName map[string][]int // by namesOf, into list
	raw    bool             // one has a raw public key to show
}

// A credentialsKey names a list by its place in memory, which it does not keep alive.
type credentialsKey struct {
	first weak.Pointer[*identity.Identity]
	n     int
}

// noCredentials are those of an empty list, which nothing changes.
var noCredentials = new(credentials)

// made holds the *credentials of lists that are in use.
var made sync.Map // by credentialsKey

// credentialsOf returns the credentials of a list. It may be called from any
// goroutine.
func credentialsOf(ids []*identity.Identity) *credentials {
	if len(ids) == 0 {
		return noCredentials
	}
	key := keyOf(ids)
	if found, ok := made.Load(key); ok {
		if c := found.(*credentials); slices.Equal(c.of, ids) {
			return c
		}
	} else {
		forget := func(key credentialsKey) { made.Delete(key) }
		runtime.AddCleanup(&ids[0], forget, key)
	}
	c := newCredentials(ids)
	made.Store(key, c)
	return c
}

func keyOf(ids []*identity.Identity) credentialsKey {
	return credentialsKey{weak.Make(&ids[0]), len(ids)}
}

func newCredentials(ids []*identity.Identity) *credentials {
	c := &credentials{of: slices.Clone(ids), byName: map[string][]int{}}
	for i, id := range ids {
		c.list = append(c.list, credential(id))
		c.raw = c.raw || id.RawPublicKey
		for _, name := range namesOf(id.Leaf) {
			if at := c.byName[name]; len(at) == 0 || at[len(at)-1] != i {
				c.byName[name] = append(at, i)
			}
		}
	}
	return c
}

// anyName is in byName what an index cannot find.
const anyName = "*"

// namesOf returns what a certificate is found by.
func namesOf(leaf *x509.Certificate) []string {
	if leaf == nil {
		return nil // it is for no name
	}
	var names []string
	for _, name := range leaf.DNSNames {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if strings.Contains(strings.TrimPrefix(name, "*."), "*") {
			name = anyName
		}
		names = append(names, name)
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// choose returns the first credential that is for the server name and can sign for
// the peer; if none is for the name, the first that can sign; else nil. It looks only
// at those that may be for the name.
func (c *credentials) choose(req *engine.CredentialRequest) *engine.Credential {
	for _, i := range c.candidates(req.ServerName) {
		if cred := c.list[i]; req.Fits(cred) && cred.Matches(req.ServerName) {
			return cred
		}
	}
	for _, cred := range c.list {
		if req.Fits(cred) {
			return cred
		}
	}
	return nil
}

// candidates returns which credentials may be for name, in order.
func (c *credentials) candidates(name string) []int {
	if name == "" {
		return nil
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	all := slices.Concat(c.byName[name], c.byName[anyName])
	if _, parent, ok := strings.Cut(name, "."); ok {
		all = append(all, c.byName["*."+parent]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
