package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// command runs a program for each connection, joined to its standard input and
// output. Its standard error is seal's.
type command struct{ line string }

// grace is how long a program may go on after its connection has ended.
const grace = 2 * time.Second

func (c command) serve(ctx context.Context, conn *visitor) error {
	defer endWith(ctx, conn)()
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	child := c.prepare(conn.facts)
	in, err := child.StdinPipe()
	if err != nil {
		return err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return failed(err, "--exec %q cannot be started: %v", c.line, err).hinted("try it in a shell first")
	}
	defer endWithConnection(running, child)()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		if err := feedChild(in, conn); err != nil {
			stop(err) // nobody is there any more to work for
		}
	}()
	if _, err := io.CopyBuffer(onlyWriter{conn}, onlyReader{out}, make([]byte, bufferSize)); err != nil {
		stop(err)
	}
	err = child.Wait()
	if cause := context.Cause(running); cause != nil {
		return cause
	}
	conn.CloseWrite()
	// Closing on input that nobody read would cut off the last output.
	select {
	case <-fed:
	case <-time.After(goodbye):
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return failed(err, "--exec %q ended with %v", c.line, exit)
	}
	return err
}

// endWithConnection makes the end of running end a program and all that it has
// started, first politely. The function it returns is for after the program.
func endWithConnection(running context.Context, child *exec.Cmd) (over func()) {
	ended, killed := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(running, func() {
		defer close(killed)
		endGroup(child, false)
		select {
		case <-ended:
		case <-time.After(grace):
		}
		endGroup(child, true)
	})
	return func() {
		close(ended)
		if !stop() {
			<-killed
		}
	}
}

// feedChild carries what the peer sends to the program. What comes after the
// program stopped reading is dropped. A connection that is cut is an error.
func feedChild(in io.WriteCloser, conn io.Reader) error {
	defer in.Close()
	buf := make([]byte, bufferSize)
	for to := io.Writer(in); ; {
		n, err := conn.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				to = io.Discard
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// prepare makes the process, with the facts of the connection in its environment.
func (c command) prepare(f *facts) *exec.Cmd {
	child := exec.Command(shell[0], append(slices.Clone(shell[1:]), c.line)...)
	child.Stderr = os.Stderr
	ownGroup(child)
	child.Env = append(slices.DeleteFunc(os.Environ(), withheld),
		"SEAL_REMOTE="+f.Remote, "SEAL_LOCAL="+f.Local, "SEAL_VERSION="+f.Version, "SEAL_SUITE="+f.Suite,
		"SEAL_GROUP="+f.Group, "SEAL_SERVER_NAME="+f.Name, "SEAL_ALPN="+f.ALPN, "SEAL_PSK_IDENTITY="+f.PSK)
	if p := f.Peer; p != nil {
		child.Env = append(child.Env, "SEAL_PEER_NAME="+p.Name, "SEAL_PEER_PIN="+p.Pin, "SEAL_PEER_TRUSTED="+p.Trusted)
	}
	return child
}

// withheld reports whether a variable of seal's own environment is not passed on.
// A SEAL_ variable from there is not a fact about the connection, and a program
// must not take one for a proved name. The others concern seal alone: the file
// of its connections' secrets, and the sockets that systemd passed to it.
func withheld(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	name = strings.ToUpper(name) // Windows ignores case
	switch name {
	case "SSLKEYLOGFILE", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES":
		return true
	}
	return strings.HasPrefix(name, "SEAL_")
}

// onlyReader and onlyWriter keep io.Copy to the buffer that it was given.
type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }
