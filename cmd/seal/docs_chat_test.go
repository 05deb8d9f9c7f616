//go:build !windows

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// chat runs a command line of chat with a relay of the stage. A partner is in the room that is
// joined.
func (s *stage) chat(args []string) error {
	if args[1] == "new" {
		port := s.listening("relay", "localhost:0")
		s.write("invitation", s.must("chat", "new", "localhost:"+port))
		return nil
	}
	partner, err := s.join("chat", "join", "--as", "partner", "--identity", "partner.key",
		"--known-peers", "partner.known", "--stay", "--ca", "root.pem", "invitation")
	if err != nil {
		return err
	}
	defer partner()
	own := slices.Insert(slices.Clone(args), len(args)-1, "--ca", "root.pem")
	if slices.Contains(args, "--stay") {
		leave, err := s.join(own...)
		if err == nil {
			leave()
		}
		return err
	}
	cmd := s.seal(own...)
	cmd.Stdin = strings.NewReader("hello\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %s", err, out)
	}
	return nil
}

// join starts a member that remains in the room, and returns how it is ended.
func (s *stage) join(args ...string) (leave func(), err error) {
	cmd := s.seal(args...)
	errs := new(words)
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	leave = func() { cmd.Process.Kill(); cmd.Wait() }
	end := time.Now().Add(testTimeout)
	for ; time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(errs.text(), "is your name") {
			return leave, nil
		}
	}
	leave()
	return nil, errors.New(errs.text())
}
