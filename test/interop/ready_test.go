package interop

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadyMadeLines runs the commands that seal listen prints, unchanged, with
// a certificate of a new local authority.
func TestReadyMadeLines(t *testing.T) {
	need(t, seal)
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "PATH=" + pathWithSeal()}
	server := start(t, command{args: []string{file("seal"), "listen", "--json", "--keep", "--echo", "localhost:0"}, env: env, chatty: true})
	var told struct {
		Event    string
		Commands []string
	}
	for told.Event != "listening" {
		line, err := server.stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("no line about listening: %v", err)
		}
		json.Unmarshal([]byte(line), &told) // other lines are not JSON
	}
	programs := map[string]*program{"seal": seal, "openssl": openssl30, "python3": python}
	for _, line := range told.Commands {
		name, _, _ := strings.Cut(line, " ")
		name = filepath.Base(name) // the command contains the path with which seal was started
		p := programs[name]
		if p == nil {
			t.Errorf("a line for a program that this test does not know: %s", line)
			continue
		}
		delete(programs, name)
		t.Run(name, func(t *testing.T) {
			need(t, p)
			client := start(t, command{args: []string{"sh", "-c", line}, env: env})
			want := "hello" // the greeting of the Python command
			if err := client.say(want+"\n", want, false); err != nil {
				t.Error(err)
			}
		})
	}
	for name := range programs {
		t.Errorf("no line for %s among %q", name, told.Commands)
	}
}
