package web

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOfferToPage: the page refuses a file that a member offers, and both see the reason. The
// name of the file is text in the page.
func TestOfferToPage(t *testing.T) {
	s := newStage(t)
	alice := s.join("alice")
	alice.await("/help lists the")
	carol := s.open(s.link, 800, 600)
	carol.enter("carol")
	alice.await("alice and 1 other member")
	file := filepath.Join(s.home, "<b>bold<img src=x>.txt")
	if err := os.WriteFile(file, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	alice.keys("/send " + file + "\r")
	carol.await("alice offered the file <b>bold<img src=x>.txt")
	alice.await("browser") // of the reason, whose line may be wrapped
	if n := carol.evaluate(`document.querySelectorAll("#history img").length`); n != 0.0 {
		t.Errorf("a name became %v elements", n)
	}
	if carol.problems.all() != "" {
		t.Error(carol.problems.all())
	}
}
