package web

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestFiles: a browser and a terminal send files to each other, which arrive byte for byte. The
// name of a file is text in the page and safe on the disk, and what is too large is refused.
func TestFiles(t *testing.T) {
	s := newStage(t)
	folder := t.TempDir()
	t.Chdir(folder) // where the terminal receives
	alice := s.join("alice")
	alice.await("/help lists the")
	carol := s.open(s.link, 360, 640)
	saved := t.TempDir()
	carol.run(call(browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: "allow", DownloadPath: saved}))
	carol.enter("carol")
	alice.await("alice and 1 other member")
	content := make([]byte, 3<<20+17)
	rand.NewChaCha8([32]byte{}).Read(content)

	// To the page, with the keyboard alone.
	const hostile = "<b>x<img src=x>.bin"
	alice.keys("/send " + write(t, s.home, hostile, content) + "\r")
	carol.await(hostile + " from alice (3.0 MiB)")
	if n := carol.evaluate(`document.querySelectorAll("main img, main li b").length`); n != 0.0 {
		t.Errorf("a name became %v elements", n)
	}
	if wide := carol.evaluate(`document.body.scrollWidth > document.body.clientWidth`); wide != false {
		t.Error("the page is wider than the screen")
	}
	carol.evaluate(`document.getElementById("members").lastElementChild.firstElementChild.focus()`)
	carol.run(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)) // Accept
	carol.await(hostile + " from alice was received")
	alice.await("carol has")
	awaitFile(t, filepath.Join(saved, "_b_x_img src=x_.bin"), content)

	// From the page.
	carol.run(chromedp.SetUploadFiles("#file",
		[]string{write(t, s.home, "b.bin", content)}))
	alice.await("/accept 2")
	alice.keys("/accept 2\r")
	carol.await("b.bin to alice has arrived")
	awaitFile(t, filepath.Join(folder, "b.bin"), content)

	// Refused by the user, and by the page.
	alice.keys("/send " + write(t, s.home, "c.bin", content) + "\r")
	carol.await("c.bin from alice (")
	carol.run(chromedp.Click(chromedp.Search(`//ul[@id="files"]//button[text()="Refuse"]`)))
	alice.await("declined") // one word, because lines are wrapped
	large := write(t, s.home, "large.bin", nil)
	if err := os.Truncate(large, 256<<20+1); err != nil {
		t.Fatal(err)
	}
	alice.keys("/send " + large + "\r")
	carol.await("large.bin from alice was refused: it has more than the 256 MiB")
	alice.await("larger")

	// The offers of a member end with it.
	alice.keys("/send " + write(t, s.home, "d.bin", content) + "\r")
	carol.await("d.bin from alice (")
	alice.keys("/quit\r") // which names the offer first
	alice.await("accepted yet")
	alice.keys("/quit\r")
	carol.await("d.bin from alice: the offer was taken back")
	carol.await("alice has left")
	if n := carol.evaluate(`document.getElementById("files").childElementCount`); n != 0.0 {
		t.Errorf("the page has %v offers of a member that left", n)
	}
	carol.checkRequests("localhost:"+s.port, s.secret())
	if carol.problems.all() != "" {
		t.Error(carol.problems.all())
	}
}

// write writes a file into a folder, and returns its path.
func write(t *testing.T, folder, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// awaitFile waits for a file with a content.
func awaitFile(t *testing.T, path string, want []byte) {
	t.Helper()
	var got []byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got, _ = os.ReadFile(path); bytes.Equal(got, want) {
			return
		}
	}
	t.Fatalf("%s has %d bytes, which are not the %d that were sent", path, len(got), len(want))
}
