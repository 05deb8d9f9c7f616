//go:build !windows

package names

const (
	servicesFile  = "/etc/services"
	protocolsFile = "/etc/protocols"
	hostsFile     = "/etc/hosts"
)
