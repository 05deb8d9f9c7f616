package sctp_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/sctp"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "SCTP", func() *socket.Socket {
		a, _ := sockettest.Pair(t, listen("127.0.0.1:0"), dial)
		return a
	})
}

func TestRefusals(t *testing.T) {
	sockettest.Refuses(t, "SCTP", sctp.Transport.Family(4), socket.Stream, sctp.Transport.Protocol)
}

// TestReceiveInfo checks the stream and the sequence number of a message:
// SCTP_RCVINFO of RFC 6458, Section 5.3.5.
func TestReceiveInfo(t *testing.T) {
	sockettest.Shows(t, "SCTP", sockettest.Ancillary)
	a, b := sockettest.Pair(t, listen("127.0.0.1:0"), dial)
	const receiveInfo, infoType = 32, 3
	if err := b.SetOptionInt(socket.OptionNumber{Level: sctp.Protocol, Name: receiveInfo}, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, item := range sockettest.Received(t, b) {
		if raw, ok := item.(socket.RawAncillary); ok && raw.Level == sctp.Protocol && raw.Type == infoType && len(raw.Data) >= 28 {
			return
		}
	}
	t.Error("the message came without its stream")
}
