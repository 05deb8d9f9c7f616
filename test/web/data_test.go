package web

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hostileText controls a terminal, changes the direction of text, and has a line that looks like
// another member's.
const hostileText = "\x1b[2J\x1b]0;t\x07x\u202e\u2066evil\rbob: forged\u2028\u009b\x7f"

// script joins the room as a script, whose lines are data. It returns its input.
func (s *stage) script(name string) io.Writer {
	s.t.Helper()
	cmd := s.command("chat", "join", "--as", name, "--identity", filepath.Join(s.home, name+".key"),
		"--known-peers", filepath.Join(s.home, name+".known"), s.file)
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		in.Close()
		cmd.Wait()
	})
	return in
}

// TestNamesAndTextsAreData: in the page and on a terminal, names that look alike get a number,
// and characters that control something or change the direction of text are replaced. The page
// verifies no member that the user has not confirmed.
func TestNamesAndTextsAreData(t *testing.T) {
	s := newStage(t)
	bob := s.join("bob")
	bob.await("/help lists the")
	carol := s.open(s.link, 1000, 640)
	carol.enter("carol")
	bob.await("bob and 1 other member")
	carol.await("? bob")
	eve := s.script("\u0412ob") // with a Cyrillic letter that looks like B
	carol.await("? \u0412ob-2")
	bob.await("bob and 2 other members")
	io.WriteString(eve, hostileText+"\n")
	const shown = "\uFFFD[2J\uFFFD]0;t\uFFFDx\uFFFD\uFFFDevil\uFFFDbob: forged\uFFFD\uFFFD\uFFFD"
	carol.await("\u0412ob-2: " + shown)
	bob.await("bob: forged")
	if got := bob.shown.all(); strings.ContainsAny(got, "\u202e\u2066\u2028\u009b\x7f") ||
		strings.Contains(got, "\x1b]0;t") {
		t.Errorf("the terminal received %q", got)
	}
	// Text in letters that are written from the right stays within its own bounds.
	io.WriteString(eve, "\u05d0\u05d1 1\n")
	carol.await("\u05d0\u05d1 1")
	isolated := carol.evaluate(`[...document.querySelectorAll("#history .text")].every((item) =>
		getComputedStyle(item.querySelector("b")).unicodeBidi === "isolate" &&
		getComputedStyle(item.querySelector("bdi")).unicodeBidi.startsWith("isolate"))`)
	if isolated != true {
		t.Error("a text can change the order of what is around it")
	}

	// The answer for one member is not that for the next one.
	carol.run(chromedp.Click(chromedp.Search(`//button[text()="? bob"]`)))
	carol.await("The words for you and bob")
	carol.run(chromedp.Click("#verify-yes"))
	carol.await("✓ bob")
	carol.run(chromedp.Click(chromedp.Search("//button[text()=\"? \u0412ob-2\"]")))
	carol.await("The words for you and \u0412ob-2")
	// Some browsers keep the answer when Esc closes a dialog.
	if answer := carol.evaluate(`document.getElementById("verify").returnValue`); answer != "" {
		t.Errorf("the dialog begins with the answer %q for another member", answer)
	}
	carol.run(chromedp.KeyEvent(kb.Escape))
	bob.keys("now\r") // which follows what Esc has caused
	carol.await("bob: now")
	if text := carol.text(); !strings.Contains(text, "? \u0412ob-2") {
		t.Errorf("Esc verified a member: %s", text)
	}

	// Warnings and notices remove neither texts nor warnings.
	kept := carol.evaluate(`(() => {
		document.getElementById("room").hidden = true; // whose layout is slow
		sealPage.alarm("first");
		for (let i = 0; i < 1100; i++) { sealPage.alarm("second " + i); sealPage.note("n"); }
		return document.querySelectorAll("#history .text").length })()`)
	text, _ := carol.evaluate(`document.getElementById("alarm").textContent`).(string)
	if kept != 3.0 || len(text) > 200 ||
		!strings.HasPrefix(text, "WARNING: first\nWARNING: second 0\n") {
		t.Errorf("%v texts of 3 remain, and the warnings %q", kept, text)
	}
	if carol.problems.all() != "" {
		t.Error(carol.problems.all())
	}
}
