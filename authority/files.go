package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sealsock/sealsock/identity"
)

// SaveFiles writes an identity to files in PEM: the chain to certFile and the
// key to keyFile, or both to one file if the names are the same. Each file is
// replaced whole, and neither before both are on the disk: if one cannot be written, the old
// two stay. A new file has mode 0600, which its owner may widen for the certificate; mode and
// owner of an existing one stay. If keyFile is empty or the identity has no key, only the chain
// is written.
func SaveFiles(id *identity.Identity, certFile, keyFile string) error {
	if id == nil {
		return fmt.Errorf("authority: the Identity to save is nil: %w", os.ErrInvalid)
	}
	if len(id.Chain) == 0 { // an old certificate would be replaced by an empty file
		return fmt.Errorf("authority: the Identity to save has no certificate: %w", os.ErrInvalid)
	}
	chain := certificatePEM(id.Chain...)
	if keyFile == "" || id.Signer == nil {
		return replaceKept(certFile, chain)
	}
	key, err := keyPEM(id.Signer.Key())
	if err != nil {
		return err
	}
	if keyFile == certFile {
		return replaceKept(certFile, append(key, chain...))
	}
	newKey, err := stageKept(keyFile, key)
	if err != nil {
		return err
	}
	newChain, err := stageKept(certFile, chain)
	if err != nil {
		newKey.discard()
		return err
	}
	// The key goes first: a chain without its key is of no use, but a key
	// without its chain is only early.
	if err := newKey.commit(); err != nil {
		newChain.discard()
		return err
	}
	return newChain.commit()
}

// Exists reports whether there is an authority in dir; empty means DefaultDir.
func Exists(dir string) bool {
	dir, err := folder(dir)
	if err != nil {
		return false
	}
	_, err = Open(dir)
	return !errors.Is(err, ErrNotExist)
}

// exposed reports whether other users may read a file. Windows has no such
// modes.
func exposed(info os.FileInfo) bool {
	const groupAndOthers fs.FileMode = 0o077
	return os.PathSeparator == '/' && info.Mode().Perm()&groupAndOthers != 0
}
