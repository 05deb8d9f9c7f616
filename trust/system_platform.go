//go:build windows || darwin || ios

package trust

import (
	"crypto/x509"
	"os"
	"path/filepath"
)

// loadSystemRoots lets the operating system decide. SSL_CERT_FILE and
// SSL_CERT_DIR name further roots, as they do for other programs.
func loadSystemRoots() (*Roots, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, errNoSystemRoots
	}
	roots := &Roots{platform: pool}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		_, _ = roots.AddFile(file)
	}
	for _, dir := range filepath.SplitList(os.Getenv("SSL_CERT_DIR")) {
		_, _ = roots.AddDir(dir)
	}
	return roots, nil
}
