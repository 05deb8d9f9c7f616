package web

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestRoom: two terminals and one browser talk in a room through one relay. The browser and a
// terminal have the same words to compare, and the secret of the room stays in the browser.
func TestRoom(t *testing.T) {
	s := newStage(t)
	alice, bob := s.join("alice"), s.join("bob")
	alice.await("alice and 1 other member")
	carol := s.open(s.link, 1000, 640)
	carol.await("Your name in the room")
	carol.enter("carol")
	alice.await("alice and 2 other members")
	bob.await("bob and 2 other members")
	carol.await("? alice")
	carol.await("? bob")

	alice.keys("Hello. The key is under the mat.\r")
	bob.await("alice: Hello. The key is under the mat.")
	carol.await("alice: Hello. The key is under the mat.")
	bob.keys("Thank you, I am on my way.\r")
	carol.await("bob: Thank you, I am on my way.")
	carol.run(chromedp.KeyEvent("I read it too, in my browser." + kb.Enter))
	alice.await("carol: I read it too, in my browser.")
	bob.await("carol: I read it too, in my browser.")

	alice.keys("/verify carol\r")
	alice.await("the words for you and carol:")
	carol.run(chromedp.Click(chromedp.Search(`//button[text()="? alice"]`)))
	carol.await("The words for you and alice")
	words, _ := carol.evaluate(`document.getElementById("words").textContent`).(string)
	if len(strings.Fields(words)) != 5 || !strings.Contains(alice.display(), words) {
		t.Errorf("the page has the words %q, and the terminal shows\n%s", words, alice.display())
	}
	carol.run(chromedp.Click("#verify-yes"))
	carol.await("✓ alice")
	alice.keys("/verify carol yes\r")
	alice.await("✓ carol")
	if *update {
		alice.picture("../../docs/chat-terminal.svg")
		carol.picture("../../docs/chat-page.png")
	}

	// A text is data in the page.
	bob.keys(`<img src=x onerror="alert(1)"><b>bold</b>` + "\r")
	carol.await(`bob: <img src=x onerror="alert(1)"><b>bold</b>`)
	if n := carol.evaluate(`document.querySelectorAll("#history img").length`); n != 0.0 {
		t.Errorf("a text became %v elements", n)
	}
	for i := range 30 { // in order, in both directions
		alice.keys(fmt.Sprint("count ", i, "\r"))
	}
	carol.await("alice: count 29")
	var expected []string
	for i := range 30 {
		expected = append(expected, fmt.Sprint("alice: count ", i))
	}
	if got := countsOf(carol.text()); strings.Join(got, "\n") != strings.Join(expected, "\n") {
		t.Errorf("the page shows %q", got)
	}
	carol.run(chromedp.Click("#leave"))
	carol.await("you have left the room")
	alice.await("carol has left")
	carol.checkRequests("localhost:"+s.port, s.secret())
	if carol.problems.all() != "" {
		t.Error(carol.problems.all())
	}
}

// countsOf returns the lines of the page that count.
func countsOf(text string) (all []string) {
	for _, line := range strings.Split(text, "\n") {
		if at := strings.Index(line, "alice: count "); at >= 0 {
			all = append(all, line[at:])
		}
	}
	return all
}

// checkRequests checks that the browser connected to the relay alone, and did not send the
// secret.
func (p *page) checkRequests(host, secret string) {
	p.t.Helper()
	urls := strings.Fields(p.requests.all())
	if len(urls) < 5 {
		p.t.Errorf("the requests are %q: the recording is none", urls)
	}
	for _, url := range urls {
		if strings.HasPrefix(url, "chrome:") {
			continue // of the browser's own first page
		}
		if !strings.HasPrefix(url, "https://"+host+"/") && url != "wss://"+host+"/relay" {
			p.t.Errorf("the page requested %s", url)
		}
		if strings.Contains(url, secret) {
			p.t.Error("the secret was sent to the relay")
		}
	}
}

// TestTelephone: the page fits the width of a telephone, the relay may be restarted, and a
// browser keeps its key.
func TestTelephone(t *testing.T) {
	s := newStage(t)
	alice := s.join("alice")
	alice.await("/help lists the")
	dora := s.open(s.link, 360, 640)
	dora.enter("dora")
	alice.await("dora has joined")
	alice.keys(strings.Repeat("long", 200) + "\r")
	dora.await(strings.Repeat("long", 200))
	for _, id := range []string{"document.documentElement", `document.getElementById("history")`} {
		if wide := dora.evaluate(id + ".scrollWidth > " + id + ".clientWidth"); wide != false {
			t.Errorf("%s is wider than the screen", id)
		}
	}
	dora.run(chromedp.KeyEvent(kb.Tab+kb.Tab+kb.Tab), chromedp.KeyEvent(kb.Enter)) // Send, File, Leave
	dora.await("you have left the room")
	alice.await("dora has left")
	dora.run(chromedp.Reload())
	dora.run(chromedp.WaitVisible("#name"))
	if name := dora.evaluate(`document.getElementById("name").value`); name != "dora" {
		t.Errorf("the name is %v", name)
	}
	dora.run(chromedp.KeyEvent(kb.Enter))
	dora.await("dora (you)")
	alice.await("alice and 1 other member") // and no warning: it is the same key
	if strings.Contains(alice.display(), "WARNING") {
		t.Error(alice.display())
	}
}

// TestForgedLink: a link with a secret that is too short, or a name that is none, is refused
// with a reason.
func TestForgedLink(t *testing.T) {
	s := newStage(t)
	p := s.open(s.link[:len(s.link)-3], 800, 600)
	p.run(chromedp.WaitVisible("#name"), chromedp.KeyEvent("eve"+kb.Enter))
	p.await("This is no invitation")
	p = s.open(s.link, 800, 600)
	p.run(chromedp.WaitVisible("#name"), chromedp.KeyEvent("no name!"+kb.Enter))
	p.await("is no name")
}

// TestPolicyHolds: the browser enforces the policy.
func TestPolicyHolds(t *testing.T) {
	s := newStage(t)
	p := s.open(s.link, 800, 600)
	p.run(chromedp.WaitVisible("#name"))
	for name, code := range map[string]string{
		"inline code": `(() => { const s = document.createElement("script");
			try { s.textContent = "globalThis.ran = 1"; document.body.append(s); } catch (e) {}
			return globalThis.ran === undefined })()`,
		"HTML of a text": `(() => { try { document.body.innerHTML = "<b>x</b>"; return false }
			catch (e) { return e instanceof TypeError } })()`,
	} {
		if ok := p.evaluate(code); ok != true {
			t.Errorf("%s is not prevented", name)
		}
	}
	p.evaluate(`fetch("https://localhost:1/").catch(() => 0);
		document.addEventListener("securitypolicyviolation",
			(e) => { globalThis.violated = e.effectiveDirective });
		new Image().src = "https://localhost:1/x.png"; 0`)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if got := p.evaluate("String(globalThis.violated)"); got != "undefined" {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a foreign resource is no violation")
		}
	}
}

// picture writes what the page shows.
func (p *page) picture(file string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
