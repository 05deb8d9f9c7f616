//go:build windows || darwin

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
	files, dirs := defaultPaths()
	for _, file := range files {
		_, _ = roots.AddFile(file)
	}
	for _, dir := range dirs {
		_, _ = roots.AddDir(dir)
	}
	return roots, nil
}

func defaultPaths() (files, dirs []string) {
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		files = []string{file}
	}
	return files, filepath.SplitList(os.Getenv("SSL_CERT_DIR"))
}
