// Command shim runs the engine under BoringSSL's BoGo tests.
//
// The runner (ssl/test/runner in BoringSSL's tree) starts a shim for each test,
// with flags that say how to set up its TLS and what to expect. The shim
// connects to the runner over TCP, whichever role it plays in TLS, sends eight
// bytes that identify the shim, performs a handshake and then echoes received
// data with every bit inverted. Its exit status is the result: 0 for a
// successful connection, 89 for an unknown flag, 90 if a result differs from a
// flag, and 1 for a failed connection, which some tests expect; the reason is
// on standard error.
//
// It drives the two halves of the engine directly, so that the runner observes
// only the engine. With -async each answer to the engine is delayed and each
// byte is delivered separately.
//
// CONTRIBUTING.md describes how to run it. If the variable BOGO_UNIMPLEMENTED
// names a file, the shim appends each unknown flag to it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// The exit statuses of the protocol with the runner.
const (
	exitOK            = 0
	exitFailed        = 1
	exitUnimplemented = 89
	exitMismatch      = 90 // a failure whatever the test expects
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program except for its exit.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "-is-handshaker-supported" {
		// Splitting a handshake between processes is not implemented.
		fmt.Fprintln(stdout, "No")
		return exitOK
	}
	err := connections(args)
	var missing *unimplementedError
	var other *mismatchError
	switch {
	case errors.As(err, &missing):
		note(missing.what)
		return exitUnimplemented
	case errors.As(err, &other):
		fmt.Fprintln(stderr, err)
		return exitMismatch
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return exitOK
}

// connections makes the connections of one test: the first and those that
// resume.
func connections(args []string) error {
	set, err := parseFlags(args)
	if err != nil {
		return err
	}
	m := newMemory()
	for i := 0; i <= set.initial.resumeCount; i++ {
		s := &set.initial
		if i > 0 {
			s = &set.resume
		}
		if i > 0 && !s.server && m.session == nil {
			return errors.New("there is no session to resume")
		}
		if err := connect(m, s, &set.retry, i > 0); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		m.sleep(s.resumptionDelay)
	}
	return nil
}

// An unimplementedError is a request of the runner that the engine does not
// implement.
type unimplementedError struct{ what string }

func (e *unimplementedError) Error() string { return "not implemented: " + e.what }

func unimplemented(format string, args ...any) error {
	return &unimplementedError{fmt.Sprintf(format, args...)}
}

// A mismatchError is an outcome that a flag does not expect.
type mismatchError struct{ text string }

func (e *mismatchError) Error() string { return e.text }

// mismatch is the error for it.
func mismatch(format string, args ...any) error {
	return &mismatchError{fmt.Sprintf(format, args...)}
}

// note records an unimplemented flag for the totals.
func note(what string) {
	name := os.Getenv("BOGO_UNIMPLEMENTED")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // a test must not fail because of the totals
	}
	defer f.Close()
	fmt.Fprintln(f, what)
}
