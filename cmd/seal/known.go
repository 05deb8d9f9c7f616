package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/trust"
)

// knownServers opens the file of servers that were accepted by their key. On a
// terminal the user is asked about a new one; elsewhere it is accepted with a warning.
func knownServers(out *output, file string, asked *acceptedKeys) (*trust.KnownPeers, error) {
	known, err := trust.OpenKnownPeers(file, func(name string, pin trust.Pin) error {
		terminal, err := openTerminal()
		if err != nil {
			out.warn("no trusted authority certifies %s: its key %s is accepted on first use, and stored in %s", name, pin, file)
			return nil
		}
		terminal.Close()
		return asked.check(newKey{name, pin})
	})
	if err != nil {
		return nil, unusableKnown(file, err)
	}
	return known, nil
}

// A newKey is a key of a server that no authority certifies.
type newKey struct {
	name string
	pin  trust.Pin
}

// newKeyError is the error of a connection to a server about whose key the user is to be
// asked. A server waits only some seconds in a handshake and a user may take longer: the
// connection ends, and another follows after the answer.
type newKeyError struct{ key newKey }

func (*newKeyError) Error() string { return "the user rejected the key" }

// acceptedKeys are the keys that the user has accepted.
type acceptedKeys struct {
	asking sync.Mutex // held while the user is asked
	mu     sync.Mutex
	keys   map[newKey]bool
}

func (a *acceptedKeys) check(key newKey) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keys[key] {
		return nil
	}
	return &newKeyError{key}
}

// ask asks the user about the key that ended a connection with an error. It returns nil
// if the user accepts the key, and else the error of the connection.
func (a *acceptedKeys) ask(ctx context.Context, failed error) error {
	var n *newKeyError
	if !errors.As(failed, &n) {
		return failed
	}
	a.asking.Lock()
	defer a.asking.Unlock()
	if a.check(n.key) == nil {
		return nil // another connection has asked
	}
	question := fmt.Sprintf("No trusted authority certifies %s. Its key is\n  %s\n"+
		"Accept and store this key? (yes or no) ", n.key.name, n.key.pin)
	answer, err := interruptibly(ctx, func() (string, error) { return ask(question) })
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil || strings.TrimSpace(strings.ToLower(answer)) != "yes":
		return failed
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keys == nil {
		a.keys = make(map[newKey]bool)
	}
	a.keys[n.key] = true
	return nil
}

func unusableKnown(file string, err error) error {
	return failed(err, "--known-peers %v", err).hinted("repair the file, or name another; %s has a name and a pin in each line", file)
}

// ask asks a question on the terminal itself, since standard input and output are
// for data.
func ask(question string) (string, error) {
	in, err := openTerminal()
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(terminalOut, os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	defer out.Close()
	io.WriteString(out, printable.Block(question))
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := in.Read(b)
		if n == 0 || b[0] == '\n' || len(line) > 1024 {
			return string(line), err
		}
		line = append(line, b[0])
	}
}

// unanswered is the problem of a question to which no answer came: there is no terminal, or its
// user ended the input.
func unanswered(err error, what string) *problem {
	if errors.Is(err, io.EOF) {
		return failed(err, "no %s was given", what)
	}
	return failed(err, "there is no terminal to ask for the %s", what)
}

// knownClients accepts clients by the keys in a file, where no authority vouches
// for them. A client is looked up by the name that its certificate claims. New ones
// are refused: a listener has no user to ask.
type knownClients struct {
	policy *trust.Policy
	known  *trust.KnownPeers
	file   string
}

var _ sealsock.Verifier = (*knownClients)(nil)

func newKnownClients(policy *trust.Policy, file string) (*knownClients, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, unreadable("--known-peers", file, err, "name a file with a name and a pin in each line")
	}
	known, err := trust.OpenKnownPeers(file, nil)
	if err != nil {
		return nil, unusableKnown(file, err)
	}
	if policy.Roots == nil {
		policy.Roots = new(trust.Roots)
	}
	return &knownClients{policy, known, file}, nil
}

// Verify implements sealsock.Verifier.
func (k *knownClients) Verify(ctx context.Context, peer *trust.Peer) (*trust.Result, error) {
	result, err := k.policy.Verify(ctx, peer)
	var e *trust.Error
	if err == nil || !errors.As(err, &e) || !lacksRoot(e.Code) || e.Certificate == nil {
		return result, err
	}
	leaf := (&trust.Policy{Insecure: true}).Verify
	claimed, err := leaf(ctx, peer)
	if err != nil {
		return nil, err
	}
	name, pin := peerFactsOf(claimed).Name, trust.PinOf(claimed.Leaf)
	pins, err := k.known.Pins(name)
	if err != nil {
		return nil, unusableKnown(k.file, err)
	}
	if len(pins) == 0 {
		return nil, &trust.Error{
			Code: trust.CodeUnknownPeer, Certificate: e.Certificate, Received: e.Received, Err: e,
			Pin: pin, Hint: fmt.Sprintf("to accept it, add this line to %s: %q", k.file,
				k.known.Line(name, pin)),
		}
	}
	return (&trust.Policy{Pins: pins, PinOnly: true, Revocation: k.policy.Revocation}).Verify(ctx, peer)
}

// lacksRoot reports whether the only fault is that no authority vouches for the peer.
func lacksRoot(code trust.Code) bool {
	switch code {
	case trust.CodeUnknownAuthority, trust.CodeSelfSigned, trust.CodeSelfSignedInChain, trust.CodePartialChain, trust.CodeNoRoots:
		return true
	}
	return false
}
