package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
)

// The size of a terminal that does not report its size.
const screenWidth, screenHeight = 80, 24

// display returns what the terminal shows now, row by row.
func (s *screen) display() string {
	e := vt.NewEmulator(screenWidth, screenHeight)
	drained := make(chan struct{})
	go func() { // the answers of the terminal to queries
		defer close(drained)
		io.Copy(io.Discard, e)
	}()
	io.WriteString(e, s.text())
	shown := e.String()
	e.InputPipe().(io.Closer).Close() // Close would race with the goroutine
	<-drained
	return shown
}

// awaitDisplay waits until the terminal shows a text.
func (s *screen) awaitDisplay(want string) {
	s.t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(s.display(), want) {
			return
		}
	}
	s.t.Fatalf("the terminal does not show %q:\n%s", want, s.display())
}

// awaitWithout waits until the terminal does not show a text any more.
func (s *screen) awaitWithout(unwanted string) {
	s.t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !strings.Contains(s.display(), unwanted) {
			return
		}
	}
	s.t.Errorf("the terminal still shows %q:\n%s", unwanted, s.display())
}

// A roomStage is a relay with an invitation to a room.
type roomStage struct {
	t          *testing.T
	home       string
	port       string
	invitation string // a file
}

func newRoomStage(t *testing.T) *roomStage {
	t.Helper()
	s := &roomStage{t: t, home: t.TempDir()}
	relay := runSeal(t, s.home, nil, "relay", "localhost:0")
	s.port = relay.await(t, &relay.errors, `listening on 127\.0\.0\.1:(\d+) `)
	cmd := exec.Command("seal", "chat", "new", "localhost:"+s.port)
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+s.home)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	s.invitation = filepath.Join(s.home, "invitation")
	if err := os.WriteFile(s.invitation, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// args returns the arguments with which a member joins.
func (s *roomStage) args(name string, more ...string) []string {
	args := []string{"chat", "join", "--as", name, "--identity", filepath.Join(s.home, name, "key"),
		"--known-peers", filepath.Join(s.home, name, "known")}
	return append(append(args, more...), s.invitation)
}

// join joins the room on a terminal.
func (s *roomStage) join(name string, more ...string) *screen {
	s.t.Helper()
	return newScreenIn(s.t, s.home, nil, s.args(name, more...)...)
}

// TestRoomOnScreen: two users talk on their terminals, compare their words, and leave. What
// they wrote is gone from the terminal then.
func TestRoomOnScreen(t *testing.T) {
	stage := newRoomStage(t)
	alice, bob := stage.join("alice"), stage.join("bob")
	alice.awaitDisplay("alice and 1 other member")
	bob.awaitDisplay("bob and 1 other member")
	alice.keys("hello bob\r")
	bob.awaitDisplay("alice: hello bob")
	bob.keys("a ESC \x1b[31m hello alicf\x7fe\r")
	alice.awaitDisplay("hello alice")
	alice.keys("/verify bob\r")
	alice.awaitDisplay("the words for you and bob:")
	bob.keys("/verify alice\r")
	bob.awaitDisplay("the words for you and alice:")
	if a, b := wordsOn(alice), wordsOn(bob); a != b || len(strings.Fields(a)) != 5 {
		t.Errorf("the words are %q and %q", a, b)
	}
	alice.keys("/verify bob yes\r")
	alice.awaitDisplay("bob is verified")
	alice.awaitDisplay("✓ bob")
	bob.keys("/quit\r")
	bob.exit(exitOK)
	alice.awaitDisplay("bob has left")
	again := stage.join("bob")
	alice.awaitDisplay("bob has joined; its key is verified")
	alice.keys("\x03")
	alice.exit(exitInterrupted)
	alice.awaitWithout("hello") // the last bytes are read after the end of the process
	if alice.modes() != alice.before {
		t.Error("the modes of the terminal were not restored")
	}
	again.awaitDisplay("alice has left")
	again.cmd.Process.Signal(syscall.SIGTERM)
	again.exit(exitTerminated)
}

// wordsOn returns the words that a screen shows after /verify.
func wordsOn(s *screen) string {
	_, rest, _ := strings.Cut(s.display(), "the words for you and ")
	rows := strings.Split(rest, "\n")
	if len(rows) < 2 {
		return ""
	}
	words, _, _ := strings.Cut(rows[1], "|")
	return strings.TrimSpace(words)
}

// TestChangedKeyOnScreen: the key of a name has changed, which is shown until the user has
// seen it.
func TestChangedKeyOnScreen(t *testing.T) {
	stage := newRoomStage(t)
	alice, bob := stage.join("alice"), stage.join("bob")
	alice.awaitDisplay("bob has joined")
	bob.keys("/quit\r")
	bob.exit(exitOK)
	alice.awaitDisplay("bob has left")
	if err := os.Remove(filepath.Join(stage.home, "bob", "key")); err != nil {
		t.Fatal(err)
	}
	stage.join("bob")
	alice.awaitDisplay("WARNING: another member was refused: bob shows another key")
	alice.keys("\x1b")
	for end := time.Now().Add(testTimeout); strings.Contains(alice.display(), "(Esc)"); {
		if time.Now().After(end) {
			t.Fatalf("the warning stays:\n%s", alice.display())
		}
		time.Sleep(20 * time.Millisecond)
	}
	alice.awaitDisplay("alice and 0 other members")
}

// TestPlainRoom: with --plain a user has lines and the same commands. A script's lines are
// data, also if they look like commands.
func TestPlainRoom(t *testing.T) {
	stage := newRoomStage(t)
	alice := stage.join("alice", "--plain")
	alice.await("alice is your name")
	alice.keys("/who\r")
	alice.await("no other member is in the room")
	script := runSeal(t, stage.home, strings.NewReader("/quit\n/who\nend\n"),
		stage.args("script")...)
	alice.await("script: /quit\r\n")
	alice.await("script: end\r\n")
	if code := script.exit(t); code != exitOK {
		t.Errorf("exit code %d: %s", code, script.errors.text())
	}
	alice.keys("/quit\r")
	alice.exit(exitOK)
}

// TestInvitationOnTerminal: a terminal gets the link and its QR code too, a file the line
// alone.
func TestInvitationOnTerminal(t *testing.T) {
	s := newScreen(t, "chat", "new", "relay.example:4433")
	s.await("sealtalk:relay.example:4433#")
	s.await("https://relay.example:4433/#")
	s.await("\x1b[30;107m")
	s.exit(exitOK)
	s = newScreen(t, "chat", "new", "--qr=false", "--link", "wss://relay.example/relay")
	s.await("https://relay.example/#")
	s.exit(exitOK)
	if strings.Contains(s.text(), "\x1b[30;107m") {
		t.Error("there is a QR code")
	}
}
