package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestPassphrase: with --passphrase the key of a user is encrypted, and the terminal asks for the
// passphrase from then on, without showing it.
func TestPassphrase(t *testing.T) {
	stage := newRoomStage(t)
	file := filepath.Join(stage.home, "alice", "key")
	alice := stage.join("alice", "--plain", "--passphrase")
	alice.await("new passphrase for " + file)
	alice.silent()
	alice.keys("correct horse\r")
	alice.await("the same again")
	alice.silent()
	alice.keys("correct house\r")
	alice.await("the second is another one")
	alice.exit(exitFailure)

	alice = stage.join("alice", "--plain", "--passphrase")
	alice.await("new passphrase for " + file)
	alice.silent()
	alice.keys("correct horse\r")
	alice.await("the same again")
	alice.silent()
	alice.keys("correct horse\r")
	alice.await("alice is your name")
	alice.keys("/quit\r")
	alice.exit(exitOK)
	b, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(b, []byte("BEGIN ENCRYPTED PRIVATE KEY")) {
		t.Errorf("the file has %.40q, %v", b, err)
	}

	alice = stage.join("alice", "--plain")
	alice.await("passphrase of " + file)
	alice.silent()
	alice.keys("wrong\r")
	alice.await("the key of --identity cannot be used")
	alice.exit(exitFailure)

	alice = stage.join("alice", "--plain")
	alice.await("passphrase of " + file)
	alice.silent()
	alice.keys("correct horse\r")
	alice.await("alice is your name")
	if bytes.Contains([]byte(alice.text()), []byte("horse")) {
		t.Error("the terminal has shown the passphrase")
	}
	alice.keys("/quit\r")
	alice.exit(exitOK)
}
