package authority

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sealsock/sealsock/identity"
)

// ForNames returns a server's identity for names, the same one each time it is
// asked, from the folder: it is issued on the first call, and anew when less
// than a third of its life is left, the authority changed, or it was revoked.
// It suits programs that need a certificate each time they start.
func (a *Authority) ForNames(names ...string) (*identity.Identity, error) {
	if !a.made() {
		return nil, errNotMade
	}
	n, err := sortNames(names, false, true)
	if err != nil {
		return nil, err
	}
	path := a.leafFile(n.list())
	if id, err := identity.Load(path, ""); err == nil && a.fresh(id, n.list()) {
		return id, nil
	}
	id, _, err := a.Issue(Request{Names: names})
	if err != nil {
		return nil, err
	}
	key, err := keyPEM(id.Signer.Key())
	if err != nil {
		return nil, err
	}
	if err := writeFile(path, append(key, certificatePEM(id.Chain...)...)); err != nil {
		return nil, err
	}
	a.removeStale()
	return id, nil
}

// leafFile names the file of a set of names by a hash of them.
func (a *Authority) leafFile(names []string) string {
	names = slices.Sorted(slices.Values(names))
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(names), "\n")))
	return filepath.Join(a.dir, leavesDir, hex.EncodeToString(sum[:12])+".pem")
}

func (a *Authority) fresh(id *identity.Identity, want []string) bool {
	now := a.now()
	if now.Before(id.Leaf.NotBefore) || needsRenewal(id.Leaf.NotBefore, id.Leaf.NotAfter, now) {
		return false
	}
	inter := a.Intermediate()
	if len(id.Chain) != 2 || string(id.Chain[1]) != string(inter.Raw) || id.Leaf.CheckSignatureFrom(inter) != nil {
		return false
	}
	have := (&names{dns: id.Leaf.DNSNames, ips: id.Leaf.IPAddresses, mails: id.Leaf.EmailAddresses, uris: id.Leaf.URIs}).list()
	return len(have) == len(want) && a.leafFile(have) == a.leafFile(want)
}

// removeStale drops leaves that expired unused, and what a crash left.
func (a *Authority) removeStale() {
	entries, err := os.ReadDir(filepath.Join(a.dir, leavesDir))
	if err != nil {
		return
	}
	for _, e := range entries {
		keep := MaxLifetime
		if strings.HasPrefix(e.Name(), tempPrefix) {
			keep = time.Hour
		}
		if info, err := e.Info(); err == nil && a.now().Sub(info.ModTime()) > keep {
			_ = os.Remove(filepath.Join(a.dir, leavesDir, e.Name()))
		}
	}
}
