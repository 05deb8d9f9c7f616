package unix

import "github.com/sealsock/sealsock/socket"

// pathSize is the size of sun_path.
const pathSize = 108

// PeerCredentials are not available on Windows.
func PeerCredentials(*socket.Socket) (socket.Credentials, error) {
	return socket.Credentials{}, socket.NotImplemented("get", "unix peer credentials")
}
