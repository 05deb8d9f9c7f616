package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// execService runs a program for each connection, joined to its standard input and
// output. Its standard error is seal's.
type execService struct {
	line  string
	guard *guard
}

// grace is how long a program may run after its connection has ended.
const grace = 2 * time.Second

func (c execService) serve(ctx context.Context, conn *serverConn) error {
	end := closeOnDone(ctx, conn)
	child, err := c.start(ctx, conn.facts)
	if err != nil {
		abort(conn.tlsConn)
	}
	defer end()
	if err != nil {
		return err
	}
	defer child.close()
	group := child.Process.Pid
	c.guard.add(group)
	defer c.guard.remove(group)
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer endWithConnection(running, child.Cmd)()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		if err := copyToProgram(child.in, conn); err != nil {
			stop(err) // the client is gone
		}
	}()
	if _, err := io.CopyBuffer(onlyWriter{conn}, onlyReader{child.out}, make([]byte, bufferSize)); err != nil {
		stop(err)
	}
	err = child.Wait()
	if cause := context.Cause(running); cause != nil {
		return cause
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		abort(conn.tlsConn) // a signal ended it: its output is incomplete
		return failed(err, "--exec %q ended with %v", c.line, exit)
	}
	conn.CloseWrite()
	// Closing with unread input would cut off the last output.
	select {
	case <-fed:
	case <-time.After(closeTimeout):
	}
	if exit != nil {
		return failed(err, "--exec %q ended with %v", c.line, exit)
	}
	return err
}

// abort ends a connection with internal_error. Package legacy sends no alerts: its
// connections end without close_notify.
func abort(conn tlsConn) {
	if c, ok := conn.(interface{ Abort(iana.Alert) error }); ok {
		c.Abort(iana.AlertInternalError) // the peer may be gone
	} else {
		conn.NetConn().Close()
	}
}

// A process is a program that runs, with this side's ends of its pipes.
type process struct {
	*exec.Cmd
	in, out *os.File
}

func (p *process) close() {
	p.in.Close()
	p.out.Close()
}

// startPatience bounds the attempts to start a program while the system has no
// descriptor, process or memory for it.
const startTimeout = 5 * time.Second

// codeExhausted is the code for a resource that this machine lacks for now.
const codeExhausted = "exhausted"

// start starts the program. What the system lacks may be there again once another
// connection has ended, so the attempts are repeated for a while.
func (c execService) start(ctx context.Context, f *facts) (*process, error) {
	end := time.Now().Add(startTimeout)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second/2) {
		p, err := c.try(f)
		switch {
		case err == nil:
			return p, nil
		case !exhausted(err):
			return nil, failed(err, "--exec %q cannot be started: %v", c.line, err).
				hinted("run it in a shell to see the error")
		case time.Now().Add(pause).After(end):
			p := failed(err, "--exec %q cannot be started: %v", c.line, cause(err))
			p.code = codeExhausted
			return nil, p.hinted("lower --clients, or raise the limits of this user (ulimit -n, ulimit -u)")
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// try is one attempt. It keeps no descriptor if it fails.
func (c execService) try(f *facts) (*process, error) {
	p := &process{Cmd: c.prepare(f)}
	in, own, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	p.in = own
	own, out, err := os.Pipe()
	if err != nil {
		p.in.Close()
		return nil, err
	}
	defer out.Close()
	p.out, p.Stdin, p.Stdout = own, in, out
	if err := p.Start(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// exhausted reports whether an error means that the system lacks a resource that other
// programs, or other connections, hold now.
func exhausted(err error) bool {
	return slices.ContainsFunc(shortages, func(s syscall.Errno) bool { return errors.Is(err, s) })
}

// endWithConnection makes the end of running end a program and all that it has
// started, first with a request. Call the function it returns after the program ended.
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

// copyToProgram carries what the peer sends to the program. What comes after the
// program stopped reading is dropped. A connection that is cut is an error.
func copyToProgram(in io.WriteCloser, conn io.Reader) error {
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
func (c execService) prepare(f *facts) *exec.Cmd {
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
// must not take one for a verified name. The others concern seal only: the file
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
