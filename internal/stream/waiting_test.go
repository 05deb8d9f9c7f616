package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// within fails if do does not return soon.
func within(t *testing.T, what string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal(what + " does not return")
		return nil
	}
}

// held waits until m is locked.
func held(m *mutex) {
	for m.TryLock() {
		m.Unlock()
		runtime.Gosched()
	}
}

// TestRekeyDoesNotOutlastItsContext: a writer that waits for the peer holds the
// sending half, and a Rekey whose context ends does not wait with it.
func TestRekeyDoesNotOutlastItsContext(t *testing.T) {
	a, b := net.Pipe()
	client, server := opened(t, a, b)
	written := make(chan error, 1)
	go func() {
		_, err := client.Write([]byte("nobody reads this yet"))
		written <- err
	}()
	held(&client.out.mutex)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := within(t, "Rekey", func() error { return client.Rekey(ctx, false) }); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Rekey: %v", err)
	}
	got := make([]byte, 64)
	if n, err := server.Read(got); err != nil || string(got[:n]) != "nobody reads this yet" {
		t.Fatalf("%q, %v", got[:n], err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, server)
	// What waited for the lock has let go of it.
	if err := within(t, "Rekey", func() error { return client.Rekey(t.Context(), false) }); err != nil {
		t.Error(err)
	}
}

func TestHandshakeDoesNotOutlastItsContext(t *testing.T) {
	a, b := net.Pipe()
	client, server := wrap(t, a, b)
	go client.Read(make([]byte, 1)) // runs the handshake, and has no context
	held(&client.handshake)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := within(t, "Handshake", func() error { return client.Handshake(ctx) }); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Handshake: %v", err)
	}
	go server.Handshake(t.Context())
	if err := within(t, "Handshake", func() error { return client.Handshake(t.Context()) }); err != nil {
		t.Error(err)
	}
}

// TestUnwrapLosesNothingHeld: data that was kept while an answer was waited for
// stands in the way of Unwrap, also if the peer has ended by then.
func TestUnwrapLosesNothingHeld(t *testing.T) {
	a, b := sockets(t)
	client, server := opened(t, a, b)
	if _, err := client.Write([]byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := server.RequestClientCertificate(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("a client that has ended was asked: %v", err)
	}
	if _, err := server.Unwrap(t.Context()); !errors.Is(err, errUnread) {
		t.Fatalf("Unwrap: %v", err)
	}
	if got, err := io.ReadAll(server); err != nil || string(got) != "kept" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestCauseOfContext: a method that the end of its context interrupts returns the cause of
// that, and the connection continues.
func TestCauseOfContext(t *testing.T) {
	stop := errors.New("stop")
	for name, do := range map[string]func(context.Context, *Conn) error{
		"Rekey": func(ctx context.Context, c *Conn) error { return c.Rekey(ctx, false) },
		"RequestClientCertificate": func(ctx context.Context, c *Conn) error {
			return c.RequestClientCertificate(ctx)
		},
		"Unwrap": func(ctx context.Context, c *Conn) error {
			_, err := c.Unwrap(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			client, server := opened(t, a, b)
			defer a.Close() // so that Close does not wait for the other side
			defer b.Close()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(20*time.Millisecond, func() { cancel(stop) })
			// The client does not read.
			err := within(t, name, func() error { return do(ctx, server) })
			if err != stop {
				t.Fatalf("%s: %v, want the cause of its context", name, err)
			}
			go server.Read(make([]byte, 1))
			if _, err := client.Write([]byte("x")); err != nil {
				t.Errorf("the client cannot write after %s: %v", name, err)
			}
		})
	}
}
