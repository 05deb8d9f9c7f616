package names

import (
	"os"
	"path/filepath"
)

var (
	servicesFile  = system("services")
	protocolsFile = system("protocol")
	hostsFile     = system("hosts")
)

func system(name string) string {
	return filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", name)
}
