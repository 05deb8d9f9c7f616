//go:build !linux

package bluetooth

import "github.com/sealsock/sealsock/socket"

const numberHCI = -1

// option has no numbers: the options are Linux's.
func option(int, int) socket.OptionNumber { return socket.OptionNumber{} }

func controllers() ([]Controller, error) { return nil, socket.NotImplemented("ioctl", "hci") }

func (Controller) start() error { return socket.NotImplemented("ioctl", "hci") }

func (Controller) stop() error { return socket.NotImplemented("ioctl", "hci") }

func (Controller) setVisible(bool, bool) error { return socket.NotImplemented("ioctl", "hci") }
