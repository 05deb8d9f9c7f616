package web

import (
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
)

// natsServer is where Debian's package puts the server.
const natsServer = "/usr/sbin/nats-server"

// startNATS starts a NATS server and returns its address.
func startNATS(t *testing.T) string {
	t.Helper()
	peers.Need(t, natsServer)
	port := freeport.Pick(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command(natsServer, "-a", "127.0.0.1", "-p", fmt.Sprint(port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", at); err == nil {
			c.Close()
			return at
		}
	}
	t.Fatal("the NATS server does not listen")
	return ""
}

// TestTwoRelays: two terminals and one browser talk in a room through two relays, which share an
// external NATS server.
func TestTwoRelays(t *testing.T) {
	at := startNATS(t)
	first := newStage(t, "--nats", "nats://"+at)
	second := newStage(t, "--nats", "nats://"+at)
	second.invite(first.secret())
	alice, bob := first.join("alice"), second.join("bob")
	alice.await("alice and 1 other member")
	carol := second.open(second.link, 800, 600)
	carol.enter("carol")
	alice.await("alice and 2 other members")
	bob.await("bob and 2 other members")
	for i := range 20 {
		alice.keys(fmt.Sprint("count ", i, "\r"))
	}
	carol.await("alice: count 19")
	if got := countsOf(carol.text()); len(got) != 20 || got[0] != "alice: count 0" {
		t.Errorf("the page shows %q", got)
	}
	bob.await("alice: count 19")
	carol.run(chromedp.KeyEvent("from the other relay" + kb.Enter))
	alice.await("carol: from the other relay")
	bob.await("carol: from the other relay")
}
