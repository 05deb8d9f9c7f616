package trust

import "sync"

// platformListing reads, once, the roots of an operating system that decides
// by itself. They are for display only: whether one of them vouches for a peer is
// decided by the system, which may have distrusted it since.
var platformListing = sync.OnceValue(listPlatformRoots)

// DefaultPaths returns where SystemRoots looks: the files, of which the first
// that exists is read, and the directories that are read where there is none. The
// variables SSL_CERT_FILE and SSL_CERT_DIR, if they are set, are already in
// force. Both are empty where the operating system decides and no variable is
// set.
func DefaultPaths() (files, dirs []string) { return defaultPaths() }
