package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/message"
)

// TestMessageExamples runs the clients of examples/message with a server that answers
// each message with its length and its first 100,000 bytes.
func TestMessageExamples(t *testing.T) {
	clients := []struct {
		program *program
		args    func() []string
	}{
		{python, func() []string { return []string{pythonPath, "../../examples/message/client.py"} }},
		{java, func() []string { return []string{"java", "../../examples/message/Client.java"} }},
	}
	long := strings.Repeat("a line longer than a record of TLS. ", 2000)
	for _, client := range clients {
		t.Run(client.program.name, func(t *testing.T) {
			need(t, client.program)
			port := strconv.Itoa(messageServer(t))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			args := append(client.args(), "127.0.0.1", port, file("ca.pem"), serverName)
			cmd := exec.CommandContext(ctx, args[0], args[1:]...)
			cmd.Stdin = strings.NewReader("first\n\nüñí\n" + long + "\nlast\n")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			want := "5 first\n0 \n6 üñí\n" + strconv.Itoa(len(long)) + " " + long + "\n4 last\n"
			if err != nil || string(out) != want {
				t.Errorf("%v: %.200q\n%s", err, out, &stderr)
			}
		})
	}
}

// messageServer starts the server and returns its port.
func messageServer(t *testing.T) int {
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
		Identities:       []*identity.Identity{identities["p256"]},
		OnHandshakeError: func(_ net.Addr, err error) { t.Errorf("handshake: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				c := message.New(raw, message.Options{})
				defer c.Close()
				for {
					p, err := c.Receive(nil)
					if err != nil {
						return
					}
					if c.Send(fmt.Appendf(nil, "%d %.100000s", len(p), p)) != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}
