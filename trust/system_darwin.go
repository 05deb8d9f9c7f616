package trust

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os/exec"
	"time"
)

// The key chains in which macOS keeps roots.
var keychains = []string{
	"/System/Library/Keychains/SystemRootCertificates.keychain",
	"/Library/Keychains/System.keychain",
}

// listPlatformRoots asks the program that comes with macOS, since the system's
// functions need cgo.
func listPlatformRoots() []Root {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var all []Root
	for _, keychain := range keychains {
		text, err := exec.CommandContext(ctx, "/usr/bin/security", "find-certificate", "-a", "-p", keychain).Output()
		if err != nil {
			continue
		}
		for rest := text; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if c, err := x509.ParseCertificate(block.Bytes); err == nil {
				all = append(all, Root{Certificate: c, Source: keychain})
			}
		}
	}
	return all
}
