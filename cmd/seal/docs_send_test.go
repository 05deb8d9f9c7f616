//go:build !windows

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// transfer runs a command line of send or receive with a relay of the stage, and the other side
// with the code that the sender prints.
func (s *stage) transfer(args []string) error {
	args = slices.Clone(args)
	relay := "localhost:" + s.listening("relay", "localhost:0")
	if at := slices.Index(args, "--relay"); at > 0 {
		args = slices.Delete(args, at, at+2)
	}
	meet := []string{"--ca", "root.pem", "--relay", relay}
	send := append([]string{"send"}, meet...)
	receive := append([]string{"receive", "--yes", "--code-file", "code"}, meet...)
	if args[0] == "send" {
		send = append(send, args[1:]...)
		receive = append(receive, "--dir", s.folder())
	} else {
		send = append(send, "received.txt")
		receive = append(append(receive, "--overwrite"), args[1:]...)
	}
	for name := range strings.FieldsSeq("report.pdf pictures backup.tar received.txt slides.pdf") {
		s.write(name, "x")
	}
	os.Mkdir(filepath.Join(s.dir, "restored"), 0o700)
	sender := s.seal(send...)
	var out, errs words
	sender.Stdout, sender.Stderr = &out, &errs
	if err := sender.Start(); err != nil {
		return err
	}
	defer func() { sender.Process.Kill(); sender.Wait() }()
	for end := time.Now().Add(testTimeout); !strings.HasSuffix(out.text(), "\n"); {
		if time.Now().After(end) {
			return fmt.Errorf("no code: %s", errs.text())
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.write("code", out.text())
	if err := os.Chmod(filepath.Join(s.dir, "code"), 0o600); err != nil {
		return err
	}
	for range max(1, receiversOf(args)) {
		cmd := s.seal(receive...)
		text, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(text, []byte(" received, and compared")) &&
			!slices.Contains(receive, "--quiet") {
			return fmt.Errorf("%v: %s", err, text)
		}
		receive = append(receive, "--overwrite")
	}
	return nil
}

// receiversOf returns the value of --receivers, which has one digit.
func receiversOf(args []string) int {
	if at := slices.Index(args, "--receivers"); at > 0 {
		return int(args[at+1][0] - '0')
	}
	return 0
}

// folder makes a folder in the stage.
func (s *stage) folder() string {
	dir, err := os.MkdirTemp(s.dir, "in")
	if err != nil {
		s.t.Fatal(err)
	}
	return dir
}
