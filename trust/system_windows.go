package trust

import (
	"crypto/x509"
	"unsafe"

	"golang.org/x/sys/windows"
)

// listPlatformRoots reads the stores in which Windows keeps roots.
func listPlatformRoots() []Root {
	name, err := windows.UTF16PtrFromString("ROOT")
	if err != nil {
		return nil
	}
	store, err := windows.CertOpenSystemStore(0, name)
	if err != nil {
		return nil
	}
	defer windows.CertCloseStore(store, 0)
	var all []Root
	var entry *windows.CertContext
	for {
		// Each call frees the entry before it.
		if entry, err = windows.CertEnumCertificatesInStore(store, entry); err != nil {
			return all
		}
		der := append([]byte(nil), unsafe.Slice(entry.EncodedCert, entry.Length)...)
		if c, err := x509.ParseCertificate(der); err == nil {
			all = append(all, Root{Certificate: c, Source: `Cert:\CurrentUser\Root`})
		}
	}
}
