package chat_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/chat"
)

// TestCutLine: what a failed connection has left of a line, or of a name, is none.
func TestCutLine(t *testing.T) {
	room := chat.New(chat.Limits{}, nil)
	bob := visit(t, room, "bob")
	for _, c := range []struct{ name, end, want string }{
		{"alice", "pay 1000 to carol", "* alice has left"},
		{"", "caro", ""},
		{"dave", "pay 2000", "dave: pay 2000"}, // the end in order ends a line as well
	} {
		here, there := net.Pipe()
		t.Cleanup(func() { here.Close() })
		go io.Copy(io.Discard, here)
		left := make(chan error, 1)
		var conn net.Conn = there
		if c.name != "dave" {
			conn = broken{there}
		}
		go func() { left <- room.Serve(t.Context(), conn) }()
		if c.name != "" {
			io.WriteString(here, c.name+"\n")
			bob.await("* " + c.name + " has joined")
		}
		io.WriteString(here, c.end)
		here.Close()
		<-left
		if c.want != "" {
			bob.await(c.want)
		}
	}
	for _, line := range bob.heard() {
		if strings.Contains(line, "1000") || strings.Contains(line, "caro") {
			t.Errorf("bob heard %q", line)
		}
	}
}

// broken is a connection whose end is an error.
type broken struct{ net.Conn }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
