// Command shim puts this module's engine under BoringSSL's BoGo tests.
//
// The runner (ssl/test/runner in BoringSSL's tree) starts a shim for each test,
// with flags that say how to set up its TLS and what to expect. The shim
// connects to the runner over TCP, whichever role it plays in TLS, sends eight
// bytes that say which shim it is, does a handshake and then echoes what it
// reads with every bit turned. Its exit status is its verdict: 0 for a
// connection that went as the flags say, 89 for a flag that it does not know,
// 90 if what came out is not what a flag expects, and 1 for a connection that
// failed, which some tests want; the reason is on standard error.
//
// It drives the engine's two halves directly, so that what the runner sees is
// the engine's doing alone. With -async each answer to the engine comes late
// and each byte by itself.
//
// CONTRIBUTING.md says how to run it. When the environment names a file in
// BOGO_UNIMPLEMENTED, the shim appends each flag that it does not know.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// The exit statuses that the runner knows.
const (
	exitOK            = 0
	exitFailed        = 1
	exitUnimplemented = 89
	exitMismatch      = 90 // a failure whatever the test expects
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program but for its exit.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "-is-handshaker-supported" {
		// There is no second process to split a handshake with.
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

// An unimplementedError is a wish of the runner's that the engine has nothing for.
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

// note writes down what was missing, for the totals.
func note(what string) {
	name := os.Getenv("BOGO_UNIMPLEMENTED")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // the totals are not worth a failed test
	}
	defer f.Close()
	fmt.Fprintln(f, what)
}
