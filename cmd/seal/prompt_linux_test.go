package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// writePKCS12 writes a certificate and its key with a password, and returns the file.
func writePKCS12(t *testing.T) string {
	t.Helper()
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	p12, err := id.EncodePKCS12("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "me.p12")
	if err := os.WriteFile(file, p12, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// silent waits until what is typed is not shown.
func (s *screen) silent() {
	s.t.Helper()
	for end := time.Now().Add(testTimeout); s.modes().Lflag&unix.ECHO != 0; {
		if time.Now().After(end) {
			s.t.Fatal("the terminal still shows what is typed")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestInterruptedPrompts answers each question with Ctrl-C. It ends the command, and the
// terminal shows again what is typed.
func TestInterruptedPrompts(t *testing.T) {
	p12 := writePKCS12(t)
	server := runSeal(t, t.TempDir(), nil, "listen", "--keep", "--echo", "localhost:0")
	port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
	dir := t.TempDir()
	for name, test := range map[string]struct {
		args   string
		prompt string
	}{
		"listen":       {"listen --p12 P12 localhost:0", "password of "},
		"connect":      {"connect --insecure --p12 P12 localhost:1", "password of "},
		"cert":         {"cert P12", "password of "},
		"inspect":      {"inspect P12", "password of "},
		"issue":        {"ca issue --p12 DIR/new.p12 localhost", "new password of "},
		"known server": {"connect --known-peers DIR/known localhost:" + port, "Accept and store this key?"},
	} {
		t.Run(name, func(t *testing.T) {
			args := strings.NewReplacer("P12", p12, "DIR", dir).Replace(test.args)
			s := newScreenAfter(t, []string{"ca", "create"}, strings.Fields(args)...)
			s.await(test.prompt)
			if name != "known server" {
				s.silent()
			}
			s.keys("\x03")
			s.exit(exitInterrupted)
			if s.modes() != s.before {
				t.Error("the modes of the terminal were not restored")
			}
		})
	}
	t.Run("repeated password", func(t *testing.T) {
		s := newScreenAfter(t, []string{"ca", "create"}, "ca", "issue", "--p12", dir+"/new.p12",
			"localhost")
		s.await("new password of ")
		s.silent()
		s.keys("open sesame\r")
		s.await("repeat the password")
		s.silent()
		s.keys("\x03")
		s.exit(exitInterrupted)
		if s.modes() != s.before {
			t.Error("the modes of the terminal were not restored")
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("files were written: %v, %v", left, err)
	}
}

// TestUserTakesTime answers the question about the key of a server after the time for a
// handshake, and after the server's too. The user is not asked again.
func TestUserTakesTime(t *testing.T) {
	server := runSeal(t, t.TempDir(), nil, "listen", "--keep", "--echo", "--timeout", "6s",
		"localhost:0")
	port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
	known := filepath.Join(t.TempDir(), "known")
	args := []string{"connect", "--timeout", "6s", "--known-peers", known, "localhost:" + port}
	s := newScreen(t, args...)
	s.await("Accept and store this key?")
	time.Sleep(6200 * time.Millisecond)
	s.keys("yes\r")
	s.await("connected to ")
	s.keys("\x03")
	s.exit(exitInterrupted)

	s = newScreen(t, args...)
	s.await("connected to ")
	s.keys("\x03")
	s.exit(exitInterrupted)
	if strings.Contains(s.text(), "Accept") {
		t.Errorf("the user was asked again: %q", s.text())
	}

	s = newScreen(t, "connect", "--known-peers", known+"2", "localhost:"+port)
	s.await("Accept and store this key?")
	s.keys("no\r")
	s.await("the user rejected the key")
	s.exit(exitFailure)
}

// TestAuthorityForPublicName issues a certificate for a public name in one step: the command
// offers to create the authority that may, both where there is none and beside one for local
// names.
func TestAuthorityForPublicName(t *testing.T) {
	for name, test := range map[string]struct {
		before         bool // there is an authority
		question, says string
	}{
		"no authority": {false, "Create one for local names and myapp.dev?", "created a local authority"},
		"beside another": {true, "Create another one for it in ",
			"other commands use this authority with SEALSOCK_HOME="},
	} {
		t.Run(name, func(t *testing.T) {
			dir, user := t.TempDir(), t.TempDir()
			t.Setenv("HOME", user)
			t.Chdir(dir)
			screenOf := func() *screen {
				args := []string{"ca", "issue", "--force", "myapp.dev"}
				if test.before {
					return newScreenAfter(t, []string{"ca", "create"}, args...)
				}
				return newScreen(t, args...)
			}
			s := screenOf()
			s.await(test.question)
			s.keys("no\r")
			s.exit(exitFailure)
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("files were written: %v", left)
			}
			for _, again := range []string{"Create ", "Use the one in "} {
				s = screenOf()
				if !test.before {
					again = "Create "
				}
				s.await(again)
				s.keys("yes\r")
				s.await(test.says)
				s.await("issued a certificate for myapp.dev")
				s.exit(exitOK)
			}
			if _, err := os.Stat(filepath.Join(dir, "myapp.dev.pem")); err != nil {
				t.Error(err)
			}
		})
	}
}
