package rds_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/rds"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "RDS", func() *socket.Socket { return open(t, "127.0.0.1:0").Socket })
}

func TestRefusals(t *testing.T) { sockettest.Refuses(t, "RDS", rds.Family, socket.SeqPacket, 0) }
