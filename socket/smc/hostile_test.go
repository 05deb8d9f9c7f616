package smc_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/smc"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "SMC", func() *socket.Socket {
		a, _ := sockettest.Pair(t, listen("127.0.0.1:0"), dial)
		return a
	})
}

func TestRefusals(t *testing.T) {
	sockettest.Refuses(t, "SMC", smc.Transport.Family(4), socket.Stream, smc.Transport.Protocol)
}
