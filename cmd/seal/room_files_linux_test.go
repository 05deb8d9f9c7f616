package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesInRoom: users on a screen and with lines send each other files, which replace nothing,
// and a script is sent none.
func TestFilesInRoom(t *testing.T) {
	stage := newRoomStage(t)
	source := filepath.Join(stage.home, "source", "two words.bin")
	dir := filepath.Join(stage.home, "received")
	for _, folder := range []string{filepath.Dir(source), dir} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	content := bytes.Repeat([]byte("content"), 300_000)
	kept := filepath.Join(dir, "two words.bin")
	for path, b := range map[string][]byte{source: content, kept: []byte("kept")} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alice := stage.join("alice")
	bob := stage.join("bob", "--plain", "--dir", dir)
	alice.awaitDisplay("alice and 1 other member")
	bob.await("alice has joined")
	alice.keys("/send " + source + "\r")
	bob.await("alice offers two words.bin (2.0 MiB): /accept 1 or /refuse 1")
	bob.keys("/accept 1\r")
	bob.await("received two words-2.bin (2.0 MiB) from alice")
	alice.awaitDisplay("bob has received two words.bin")
	for path, want := range map[string][]byte{
		filepath.Join(dir, "two words-2.bin"): content, kept: []byte("kept")} {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	bob.keys("/send @alice " + kept + "\r")
	alice.awaitDisplay("bob offers two words.bin (4 B): /accept 2")
	alice.keys("/refuse 2\r")
	bob.await("the file was refused: it was declined")

	script := runSeal(t, stage.home, strings.NewReader(""), stage.args("script", "--stay")...)
	bob.await("script has joined")
	bob.keys("/send @script " + kept + "\r")
	bob.await("the file was refused: the member takes no files here")
	script.await(t, &script.errors, "bob offered two words.bin .* which was refused")
	bob.keys("/quit\r")
	bob.exit(exitOK)
	alice.keys("/quit\r")
	alice.exit(exitOK)
}
