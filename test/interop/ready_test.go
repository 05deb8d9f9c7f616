package interop

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadyMadeLines runs the lines that seal listen prints, as they stand, with
// a certificate of the local authority, which is made on the way.
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
		json.Unmarshal([]byte(line), &told) // what is no JSON is not about listening
	}
	programs := map[string]*program{"seal": seal, "openssl": openssl30, "python3": python}
	for _, line := range told.Commands {
		name, _, _ := strings.Cut(line, " ")
		name = filepath.Base(name) // seal is called by the path it was started with
		p := programs[name]
		if p == nil {
			t.Errorf("a line for a program that this test does not know: %s", line)
			continue
		}
		delete(programs, name)
		t.Run(name, func(t *testing.T) {
			need(t, p)
			client := start(t, command{args: []string{"sh", "-c", line}, env: env})
			want := "hello" // which is what the Python line says by itself
			if err := client.say(want+"\n", want, false); err != nil {
				t.Error(err)
			}
		})
	}
	for name := range programs {
		t.Errorf("no line for %s among %q", name, told.Commands)
	}
}
