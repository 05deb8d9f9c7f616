package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/websocket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/trust"
)

// tcpPair returns both ends of a connection over loopback.
func tcpPair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{dialled, accepted} {
		c.SetDeadline(time.Now().Add(10 * time.Second))
		t.Cleanup(func() { c.Close() })
	}
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// tlsPair returns both ends of an encrypted connection over loopback.
func tlsPair(t *testing.T) (client, server *sealsock.Conn) {
	t.Helper()
	near, far := tcpPair(t)
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	id := &identity.Identity{Chain: leaf.Chain, Signer: identity.NewSigner(leaf.Key)}
	server, err := sealsock.Server(far, &sealsock.Config{Identities: []*identity.Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	client, err = sealsock.Client(near, &sealsock.Config{
		ServerName: "localhost", Trust: &trust.Policy{Insecure: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(t.Context()) }()
	if err := errors.Join(client.HandshakeContext(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// A relayed connection: a TLS client, a plain server, and the relay between them.
type relayed struct {
	client *sealsock.Conn
	server *net.TCPConn
	result chan error
}

func newRelayed(ctx context.Context, t *testing.T) *relayed {
	client, accepted := tlsPair(t)
	dialled, server := tcpPair(t)
	r := &relayed{client, server, make(chan error, 1)}
	go func() {
		r.result <- newRelay(relayEnd{name: "the client", conn: accepted},
			relayEnd{name: "the server", conn: dialled}).run(ctx)
	}()
	// Both directions work.
	for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
		buf := make([]byte, 2)
		if _, err := ends[0].Write([]byte("hi")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(ends[1], buf); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// wantResult compares the error of the relay.
func (r *relayed) wantResult(t *testing.T, want string) {
	t.Helper()
	select {
	case err := <-r.result:
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the relay ended with %v, want %q", err, want)
		}
	case <-time.After(20 * time.Second):
		t.Error("the relay did not end")
	}
}

func alertOf(err error) iana.Alert {
	var e *engine.Error
	if errors.As(err, &e) && e.Fault == engine.FaultAlert {
		return e.Alert
	}
	return 0
}

// TestRelayHalfClose ends one direction after the other, each side first.
func TestRelayHalfClose(t *testing.T) {
	answer := bytes.Repeat([]byte("answer"), 100_000)
	for _, clientFirst := range []bool{true, false} {
		r := newRelayed(t.Context(), t)
		var first, second interface {
			net.Conn
			CloseWrite() error
		} = r.client, r.server
		if !clientFirst {
			first, second = second, first
		}
		first.CloseWrite()
		if _, err := second.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the end arrived as %v", err)
		}
		go func() {
			second.Write(answer)
			second.CloseWrite()
		}()
		if got, err := io.ReadAll(first); err != nil || !bytes.Equal(got, answer) {
			t.Errorf("%d bytes came after the end of the other direction, %v", len(got), err)
		}
		r.wantResult(t, "")
	}
}

// TestRelayCutClient cuts a client off: its server must not take that for the end.
func TestRelayCutClient(t *testing.T) {
	r := newRelayed(t.Context(), t)
	r.client.NetConn().Close()
	if _, err := r.server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server got %v, want a reset", err)
	}
	r.wantResult(t, "the client ended the connection without close_notify")
}

// TestRelayCutServer resets the connection of a server: its client must not take that
// for the end.
func TestRelayCutServer(t *testing.T) {
	r := newRelayed(t.Context(), t)
	r.server.SetLinger(0)
	r.server.Close()
	if _, err := r.client.Read(make([]byte, 1)); alertOf(err) != iana.AlertInternalError {
		t.Errorf("the client got %v, want internal_error", err)
	}
	r.wantResult(t, "the server ended the connection without close_notify")
}

// TestRelayEarlyAnswer has a server that answers and closes before it has read all: the
// client must get the whole answer, and the relay must report the rest.
func TestRelayEarlyAnswer(t *testing.T) {
	r := newRelayed(t.Context(), t)
	if _, err := r.server.Write([]byte("too large")); err != nil {
		t.Fatal(err)
	}
	r.server.CloseWrite()
	got, err := io.ReadAll(r.client)
	if err != nil || string(got) != "too large" {
		t.Errorf("the client got %q, %v", got, err)
	}
	r.server.SetLinger(0)
	r.server.Close()
	for err == nil {
		_, err = r.client.Write(make([]byte, 1<<16))
	}
	r.wantResult(t, "the server")
}

// TestRelayInterrupted ends the context: no side takes that for the end of the data.
func TestRelayInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := newRelayed(ctx, t)
	cancel(&interrupted{syscall.SIGTERM})
	if _, err := r.client.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the client got %v, want an error", err)
	}
	if _, err := r.server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server got %v, want a reset", err)
	}
	r.wantResult(t, "interrupted")
}

// TestRelayResetAtWrite resets the connection of a server while its client sends. The
// write takes the error from the socket, and what is read then looks like an orderly end.
func TestRelayResetAtWrite(t *testing.T) {
	near, far := tcpPair(t)
	far.SetLinger(0)
	far.Close()
	end := relayEnd{name: "the server", conn: near, writing: make(chan struct{}, 1)}
	var err error
	for err == nil {
		err = end.write([]byte("x"))
	}
	if errors.Is(err, syscall.EPIPE) {
		t.Fatalf("the write failed with %v, so this test shows nothing", err)
	}
	accepted, client := tlsPair(t)
	done := make(chan error, 1)
	direction{&end, &relayEnd{conn: accepted}}.carry(done)
	if err := <-done; half(err) != "receive" {
		t.Errorf("the end is %v, want an error", err)
	}
	accepted.Abort(iana.AlertInternalError)
	if _, err := client.Read(make([]byte, 1)); err == io.EOF {
		t.Error("the client got an orderly end")
	}
}

// TestRelayCutWebSocket cuts a client off whose server has a WebSocket: the server must
// not take that for the end.
func TestRelayCutWebSocket(t *testing.T) {
	client, accepted := tlsPair(t)
	near, far := tcpPair(t)
	server := websocket.Server(far, "/")
	go server.Handshake()
	dialled, err := websocket.Client(t.Context(), near, "localhost", "/")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		result <- newRelay(relayEnd{name: "the client", conn: accepted},
			relayEnd{name: "the server", conn: dialled}).run(t.Context())
	}()
	client.NetConn().Close()
	var status *websocket.Error
	if _, err := server.Read(make([]byte, 1)); !errors.As(err, &status) || status.Status != 1011 {
		t.Errorf("the server got %v, want the status 1011", err)
	}
	if err := <-result; err == nil {
		t.Error("the relay reports no error")
	}
}

// TestCutSocket cuts a TCP connection of package socket, as those of other transports are.
func TestCutSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := inet.CreateConnection(t.Context(), l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	cut(near)
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer got %v, want a reset", err)
	}
}

// TestRelayCommands: each command that seal relay prints has the flags that it names, and the pin
// or the authority where it belongs.
func TestRelayCommands(t *testing.T) {
	for _, l := range []*listening{{Pin: "PIN"}, {Pin: "PIN", RootFile: "root.pem"}} {
		l.Commands = []string{"seal connect" + l.trusted(nil) + " localhost:4433"}
		l.Elsewhere = "seal connect --pin PIN host:4433"
		l.inviting(&credentials{})
		if want := "seal send --relay host:4433 --pin PIN FILE"; l.Elsewhere != want {
			t.Errorf("elsewhere %q, want %q", l.Elsewhere, want)
		}
		if len(l.Commands) != 3 {
			t.Errorf("%q", l.Commands)
		}
		for _, command := range l.Commands {
			command = strings.TrimPrefix(command, programName()+" ")
			command, _, _ = strings.Cut(command, " >")
			if err := checkCall(strings.Fields(command)); err != nil {
				t.Errorf("seal %s: %v", command, err)
			}
		}
		shown := strings.Join(l.Commands, "\n")
		if l.RootFile == "" && !strings.Contains(shown, "chat new --pin PIN localhost:4433 >") ||
			!strings.Contains(shown, "send --relay localhost:4433"+l.trusted(nil)+" FILE") {
			t.Error(shown)
		}
	}
}
