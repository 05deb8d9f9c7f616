package trust

import (
	"errors"
	"sync"
)

// SystemRoots returns the authorities that the operating system trusts, as a
// set of its own that may be added to. On Windows and macOS the system's own
// judgement is asked first; elsewhere the usual files are read, or those named
// by SSL_CERT_FILE and SSL_CERT_DIR, as other programs do. They are loaded once per
// process.
func SystemRoots() (*Roots, error) {
	roots, err := sharedSystemRoots()
	if err != nil {
		return nil, err
	}
	return roots.Clone(), nil
}

var errNoSystemRoots = errors.New("this system has no trusted certificates in any of the usual places")

// sharedSystemRoots is the set that every policy without roots uses.
var sharedSystemRoots = sync.OnceValues(loadSystemRoots)
