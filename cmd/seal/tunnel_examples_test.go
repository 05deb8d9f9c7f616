package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/tunnel"
)

// TestTunnelExamples parses the files of examples/tunnel and the blocks of docs/tunnel.md: each
// configuration has no mistakes, and each command line of the others is one of seal.
func TestTunnelExamples(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const folder = "../../examples/tunnel/"
	configs := map[string]string{"tunnel.toml": read(folder + "tunnel.toml")}
	page := read("../../docs/tunnel.md")
	for _, m := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(page, -1) {
		configs["docs/tunnel.md: "+m[1][:40]] = m[1]
	}
	sidecar := read(folder + "sidecar.yaml")
	_, block, ok := strings.Cut(sidecar, "tunnel.toml: |\n")
	if !ok {
		t.Fatal("sidecar.yaml has no configuration")
	}
	configs["sidecar.yaml"] = regexp.MustCompile(`(?m)^    `).ReplaceAllString(block, "")
	if len(configs) != 4 {
		t.Errorf("%d configurations", len(configs))
	}
	for name, text := range configs {
		if _, err := tunnel.Parse(name, []byte(text)); err != nil {
			t.Error(err)
		}
	}
	unit := read(folder + "seal-tunnel.service")
	lines := regexp.MustCompile(`(?m)^Exec\w+=/usr/bin/seal (.*)$`).FindAllStringSubmatch(unit, -1)
	if len(lines) != 3 {
		t.Errorf("%d commands in the unit", len(lines))
	}
	root := newRoot(newOutput(os.Stderr))
	for _, m := range lines {
		words := strings.Fields(m[1])
		cmd, rest, err := root.Find(words)
		if err != nil || !strings.HasPrefix(cmd.CommandPath(), "seal tunnel") ||
			!slices.Contains(rest, "/etc/seal/tunnel.toml") {
			t.Errorf("%s: %v, %v, %v", m[1], cmd.CommandPath(), rest, err)
		}
	}
	container := read(folder + "Containerfile")
	for _, want := range []string{"FROM scratch", `ENTRYPOINT ["/usr/bin/seal", "tunnel"]`, "USER 65532"} {
		if !strings.Contains(container, want) {
			t.Errorf("the container file has no %s", want)
		}
	}
	for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(page, -1) {
		if !documentedKey(key[1]) {
			t.Errorf("docs/tunnel.md names the key %q, which does not exist", key[1])
		}
	}
}

// documentedKey reports whether a word of docs/tunnel.md is a key, or another word in code.
func documentedKey(word string) bool {
	source, err := os.ReadFile("../../tunnel/config.go")
	if err != nil {
		return false
	}
	others := []string{"connect", "exec", "transparent", "local", "redirect", "engine", "socks", "cifs",
		"capwin", "conn", "seal"}
	return slices.Contains(others, word) || strings.Contains(string(source), `toml:"`+word)
}
