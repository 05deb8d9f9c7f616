package unix

import "github.com/sealsock/sealsock/socket"

// pathSize is the size of sun_path.
const pathSize = 108

// PeerCredentials returns the process, user and group that opened the other
// end, as they were at that time.
func PeerCredentials(s *socket.Socket) (socket.Credentials, error) {
	c, err := socket.PeerCredentials.Get(s)
	return socket.Credentials{PID: int(c.PID), UID: int(c.UID), GID: int(c.GID)}, err
}
