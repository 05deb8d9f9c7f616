package socket_test

import (
	"errors"
	"net"
	"strconv"
	"testing"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// TestOptionRange: the value of an option has 32 bits, and a larger one is not cut off.
func TestOptionRange(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("an int has 32 bits here")
	}
	s, err := socket.New(inet.Family4, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	large := int64(1) << 40
	var op *net.OpError
	err = s.SetOptionInt(socket.OptionNumber{Level: 1, Name: 1}, int(large))
	if !errors.As(err, &op) || op.Net != "inet" {
		t.Errorf("%#v, want a *net.OpError of inet", err)
	}
}
