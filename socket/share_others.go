//go:build !windows

package socket

// Share prepares the socket for another process, whose number it takes, and
// returns what that process gives to FromShare. Only Windows has this; other
// systems have SendFDs.
func (s *Socket) Share(process int) ([]byte, error) {
	return nil, NotImplemented("share", s.fam().Name)
}

// FromShare opens the socket that another process prepared with Share. Only
// Windows has this.
func FromShare(shared []byte, known ...Family) (*Socket, error) {
	return nil, NotImplemented("share", "socket")
}

// Ioctl is WSAIoctl: it sends in with a control code and returns how many bytes
// of the answer are in out. Only Windows has this.
func (s *Socket) Ioctl(code uint32, in, out []byte) (int, error) {
	return 0, NotImplemented("ioctl", s.fam().Name)
}
