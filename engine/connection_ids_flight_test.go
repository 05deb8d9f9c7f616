package engine

import (
	"bytes"
	"testing"

	"github.com/sealsock/sealsock/internal/record"
)

// TestConnectionIDImmediateForFlight: the new ID is in what is sent again under an earlier key too.
// RFC 9147, Section 9: "one of the new CIDs MUST be used immediately for all future records."
func TestConnectionIDImmediateForFlight(t *testing.T) {
	client, server := datagramConfigs(t, versionsOfDatagrams[0])
	client.ConnectionIDLength = 4
	l := newLink(t, client, server, DatagramOptions{})
	// The server's ACK of the client's Finished is lost.
	for range 10 {
		l.carry(l.client, l.server)
		if l.server.State().HandshakeDone {
			break
		}
		l.carry(l.server, l.client)
	}
	for l.server.NextDatagram() != nil {
	}
	if err := l.server.NewConnectionIDs(l.now, 2, true); err != nil {
		t.Fatal(err)
	}
	l.carry(l.server, l.client)
	for l.client.NextDatagram() != nil {
	}
	if l.client.flight.Empty() {
		t.Fatal("the Finished is acknowledged")
	}
	again := 0
	for range 3 {
		l.now = l.client.Timeout()
		l.client.take(l.client.Expire(l.now))
		for d := l.client.NextDatagram(); d != nil; d = l.client.NextDatagram() {
			for len(d) > 0 {
				r, rest, ok := record.NextRecord(d, l.server.ids.length())
				if !ok || !bytes.Equal(r.ConnectionID(), l.client.ids.peer) {
					t.Fatalf("a record with the ID %x, expected %x", r.ConnectionID(), l.client.ids.peer)
				}
				if r.Matches(2) {
					again++
				}
				d = rest
			}
		}
	}
	if again == 0 {
		t.Error("the Finished was not sent again")
	}
}

// TestConnectionIDOvertaken: a record with the ID that was used before one for immediate use still
// counts, however many IDs are between them.
func TestConnectionIDOvertaken(t *testing.T) {
	l := idsOf(t, nil)
	if err := l.server.NewConnectionIDs(l.now, 4, false); err != nil {
		t.Fatal(err)
	}
	l.settle()
	late := sealedBy(t, l.client, "on its way")
	if err := l.server.NewConnectionIDs(l.now, 1, true); err != nil {
		t.Fatal(err)
	}
	l.settle()
	l.send(t, l.client, l.server, "with the new ID")
	before := len(l.server.messages)
	l.server.take(l.server.Receive(l.now, late))
	if len(l.server.messages) != before+1 {
		t.Error("a message that was overtaken is lost")
	}
	if n := len(l.server.ids.own); n != 3 {
		t.Errorf("%d IDs, expected 3", n)
	}
}
