//go:build !linux

package names

import "github.com/sealsock/sealsock/socket"

func setHostname(string) error { return socket.NotImplemented("set", "host name") }
