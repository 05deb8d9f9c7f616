//go:build !windows && !darwin

package trust

import (
	"os"
	"path/filepath"
	"slices"
)

// The first of these files that exists is used: Debian, Fedora, openSUSE,
// OpenELEC, CentOS 7, Alpine and OpenBSD, FreeBSD, DragonFly, NetBSD.
var systemFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
	"/usr/local/etc/ssl/cert.pem",
	"/usr/local/share/certs/ca-root-nss.crt",
	"/etc/openssl/certs/ca-certificates.crt",
}

// These are tried where no such file exists.
var systemDirs = []string{
	"/etc/ssl/certs",
	"/etc/pki/tls/certs",
	"/usr/local/share/certs",
	"/etc/openssl/certs",
	"/system/etc/security/cacerts",
}

func defaultPaths() (files, dirs []string) {
	files, dirs = slices.Clone(systemFiles), slices.Clone(systemDirs)
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		files = []string{file}
	}
	if dir := os.Getenv("SSL_CERT_DIR"); dir != "" {
		dirs = filepath.SplitList(dir)
	}
	return files, dirs
}

// listPlatformRoots is for systems that decide by themselves.
func listPlatformRoots() []Root { return nil }

func loadSystemRoots() (*Roots, error) {
	files, dirs := defaultPaths()
	dir := os.Getenv("SSL_CERT_DIR")
	roots := new(Roots)
	for _, f := range files {
		// A system's bundle may hold a certificate that cannot be read: the
		// others count all the same.
		if n, _ := roots.AddFile(f); n > 0 {
			break
		}
	}
	if len(roots.entries) == 0 || dir != "" {
		for _, d := range dirs {
			_, _ = roots.AddDir(d)
		}
	}
	if s := roots.Stats(); s.Certificates == 0 && s.Directories == 0 {
		return nil, errNoSystemRoots
	}
	return roots, nil
}
