package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/trust"
)

// knownServers opens the file of servers that were accepted by their key. On a
// terminal the user is asked about a new one; elsewhere it is accepted with a warning.
func knownServers(out *output, file string) (*trust.KnownPeers, error) {
	known, err := trust.OpenKnownPeers(file, func(name string, pin trust.Pin) error {
		terminal, err := openTerminal()
		if err != nil {
			out.warn("no trusted authority certifies %s: its key %s is accepted on first use, and stored in %s", name, pin, file)
			return nil
		}
		terminal.Close()
		return askAboutKey(name, pin)
	})
	if err != nil {
		return nil, unusableKnown(file, err)
	}
	return known, nil
}

func unusableKnown(file string, err error) error {
	return failed(err, "--known-peers %v", err).hinted("repair the file, or name another; %s has a name and a pin in each line", file)
}

// askAboutKey asks on the terminal whether a key is the right one.
func askAboutKey(name string, pin trust.Pin) error {
	answer, err := ask(fmt.Sprintf("No trusted authority certifies %s. Its key is\n  %s\nAccept and store this key? (yes or no) ", name, pin))
	if err != nil {
		return err
	}
	if strings.TrimSpace(strings.ToLower(answer)) != "yes" {
		return errors.New("the user rejected the key")
	}
	return nil
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
