package names

import (
	"net"
	"os"

	"github.com/sealsock/sealsock/socket"
)

// An Interface is the number and the name of a network interface.
type Interface struct {
	Index int
	Name  string
}

// Interfaces lists the network interfaces of this machine.
func Interfaces() ([]Interface, error) {
	found, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	all := make([]Interface, len(found))
	for i, f := range found {
		all[i] = Interface{f.Index, f.Name}
	}
	return all, nil
}

// InterfaceIndex returns the number of an interface.
func InterfaceIndex(name string) (int, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	return i.Index, nil
}

// InterfaceName returns the name of an interface.
func InterfaceName(index int) (string, error) {
	i, err := net.InterfaceByIndex(index)
	if err != nil {
		return "", err
	}
	return i.Name, nil
}

// Hostname returns the name of this machine.
func Hostname() (string, error) { return os.Hostname() }

// SetHostname gives this machine another name until it restarts, which needs
// privileges. It works on Linux.
func SetHostname(name string) error {
	if err := socket.Audit(socket.AuditEvent{Op: "sethostname", Name: name}); err != nil {
		return err
	}
	return setHostname(name)
}
