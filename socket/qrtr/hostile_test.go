package qrtr_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/qrtr"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "QRTR", func() *socket.Socket { return open(t, 0).Socket })
}

func TestRefusals(t *testing.T) { sockettest.Refuses(t, "QRTR", qrtr.Family, socket.Datagram, 0) }
