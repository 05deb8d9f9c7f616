package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// It has one thread: two threads must not use an SSL object of Python at once.
const pythonClient = `
import os, select, socket, ssl, sys
port, root = int(sys.argv[1]), sys.argv[2]
c = ssl.create_default_context(cafile=root).wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost")
c.setblocking(False)
typed = b""
while True:
    readable, writable, _ = select.select([c, 0], [c] if typed else [], [])
    if 0 in readable:
        more = os.read(0, 65536)
        if not more:
            break
        typed += more
    try:
        while data := c.recv(65536):
            os.write(1, data)
        break
    except ssl.SSLWantReadError:
        pass
    if typed:
        try:
            typed = typed[c.send(typed):]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
`

// A chatClient is a client program in the room.
type chatClient struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	mu    sync.Mutex
	shown bytes.Buffer
}

func (g *chatClient) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shown.Write(p)
}

// lines returns the complete lines that the client has received.
func (g *chatClient) lines() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := strings.Split(g.shown.String(), "\n")
	return all[:len(all)-1]
}

func (g *chatClient) await(t *testing.T, what string, done func([]string) bool) {
	t.Helper()
	for end := time.Now().Add(2 * testTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done(g.lines()) {
			return
		}
	}
	all := g.lines()
	t.Fatalf("%s has not seen %s; its last lines are %q", g.name, what, all[max(0, len(all)-10):])
}

// clients returns the commands of the client programs. A peer that is missing is
// replaced by seal, unless the peers are required.
func clients(t *testing.T, port, root string) [][]string {
	script := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(script, []byte(pythonClient), 0o600); err != nil {
		t.Fatal(err)
	}
	all := [][]string{
		{"seal", "connect", "-q", "--ca", root, "localhost:" + port},
		{"openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", root, "-verify_hostname", "localhost", "-connect", "localhost:" + port},
		{"python3", script, port, root},
	}
	for i, c := range all {
		if _, err := exec.LookPath(c[0]); err != nil {
			if os.Getenv("SEALSOCK_PEERS") == "require" {
				t.Fatal(err)
			}
			t.Logf("%s is missing: seal takes its part", c[0])
			all[i] = all[0]
		}
	}
	return all
}

func startChatClient(t *testing.T, name string, args []string) *chatClient {
	t.Helper()
	g := &chatClient{name: name, cmd: exec.Command(args[0], args[1:]...)}
	g.cmd.Stdout = g
	g.cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null", "GORACE=atexit_sleep_ms=0")
	var err error
	if g.stdin, err = g.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.cmd.Process.Kill()
		g.stdin.Close()
		g.cmd.Wait()
	})
	return g
}

// startRoom runs seal listen --chat and returns its port and its authority's root.
func startChat(t *testing.T) (port, root string) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command("seal", "listen", "--chat", "localhost:0")
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+home, "GORACE=atexit_sleep_ms=0")
	said := &chatClient{name: "the room"}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	at := regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+) `)
	said.await(t, "its address", func(lines []string) bool {
		m := at.FindStringSubmatch(strings.Join(lines, "\n"))
		if m != nil {
			port = m[1]
		}
		return m != nil
	})
	return port, filepath.Join(home, "ca", "root.pem")
}

// Twenty clients of three kinds chat in one room; one is killed, one floods. All
// others receive every line once, in order, and all in the same order.
func TestChatOfTwenty(t *testing.T) {
	const guests, lines = 20, 12
	port, root := startChat(t)
	kinds := clients(t, port, root)
	all := make([]*chatClient, guests)
	for i := range all {
		all[i] = startChatClient(t, fmt.Sprint("c", i), kinds[i%len(kinds)])
		fmt.Fprintln(all[i].stdin, all[i].name)
	}
	for _, g := range all {
		g.await(t, "its welcome", func(lines []string) bool {
			return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "* you are "+g.name) })
		})
	}
	flooder, killed, polite := all[guests-1], all[guests-2], all[:guests-2]
	go flooder.flood()
	go func() {
		for n := range lines / 2 {
			fmt.Fprintln(killed.stdin, "line", n)
			time.Sleep(10 * time.Millisecond)
		}
		killed.cmd.Process.Kill()
	}()
	for n := range lines {
		for _, g := range polite {
			fmt.Fprintln(g.stdin, "line", n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	last := fmt.Sprint(": line ", lines-1)
	for _, g := range polite {
		g.await(t, "the last line of each and the end of one", func(lines []string) bool {
			seen := 0
			for _, l := range lines {
				if strings.HasSuffix(l, last) && !strings.HasPrefix(l, flooder.name+":") {
					seen++
				}
			}
			return seen == len(polite)-1 && slices.Contains(lines, "* "+killed.name+" has left")
		})
	}
	for _, g := range polite {
		for _, from := range all {
			if from != g {
				checkLines(t, g, from, lines, from == flooder || from == killed)
			}
		}
		checkOrder(t, polite[0], g)
	}
}

// flood writes lines as fast as the client reads them, until the client is killed.
func (g *chatClient) flood() {
	for n := 0; ; n++ {
		if _, err := fmt.Fprintln(g.stdin, "line", n); err != nil {
			return
		}
	}
}

// checkLines checks that one client received the lines of another, each once and in
// order: all of them, or with some at least one.
func checkLines(t *testing.T, to, from *chatClient, want int, some bool) {
	t.Helper()
	n := 0
	for _, l := range to.lines() {
		rest, ok := strings.CutPrefix(l, from.name+": ")
		if !ok {
			continue
		}
		if rest != fmt.Sprint("line ", n) {
			t.Fatalf("%s saw %q of %s where line %d was due", to.name, rest, from.name, n)
		}
		n++
	}
	if n != want && !some || n == 0 {
		t.Errorf("%s saw %d lines of %s, want %d", to.name, n, from.name, want)
	}
}

// checkOrder checks that the lines that both clients received are in the same order.
func checkOrder(t *testing.T, a, b *chatClient) {
	t.Helper()
	common := func(g *chatClient) []string {
		return slices.DeleteFunc(g.lines(), func(l string) bool {
			return strings.HasPrefix(l, a.name+":") || strings.HasPrefix(l, b.name+":") || strings.HasPrefix(l, "* ")
		})
	}
	of, too := common(a), common(b)
	n := min(len(of), len(too)) // the flood has not ended
	if !slices.Equal(of[:n], too[:n]) {
		t.Errorf("%s and %s saw lines in different orders", a.name, b.name)
	}
}
