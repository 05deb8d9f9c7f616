package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// seal is the command of this project, driven in the same way as other
// programs.
var seal = &program{
	name: "seal",
	find: func() (string, error) {
		if err := buildSeal(); err != nil {
			return "", err
		}
		return output(file("seal"), "version")
	},
	client: func(s *scenario, port int) command {
		args := append(sealArgs("connect", s), "--ca", file("ca.pem"), "--name", serverName, "127.0.0.1:"+strconv.Itoa(port))
		if s.clientKey != "" {
			args = append(args, "--cert", file(s.clientKey+".pem"), "--key", file(s.clientKey+".key"))
		}
		return command{args: args, facts: s.sealFacts}
	},
	server: func(s *scenario, _ int) command {
		args := append(sealArgs("listen", s), "--cert", file(s.serverKey()+".pem"), "--key", file(s.serverKey()+".key"), "127.0.0.1:0")
		if s.clientKey != "" {
			args = append(args, "--client-ca", file("ca.pem"), "--client-auth", "require")
		}
		return command{args: args, announces: true, chatty: true, loop: true, ends: true, facts: s.sealFacts}
	},
	without: map[string]string{
		"no compatibility mode": "no option for it",
		"key update":            "no command for it",
	},
}

func sealArgs(verb string, s *scenario) []string {
	args := []string{file("seal"), verb, "--json"}
	if s.group != 0 && (verb == "listen" || !s.retry) {
		args = append(args, "--groups", s.group.String())
	}
	if s.suite != 0 {
		args = append(args, "--suites", s.suite.String())
	}
	if s.alpn != "" {
		args = append(args, "--alpn", s.alpn)
	}
	return args
}

// buildSeal builds the command once.
var buildSeal = sync.OnceValue(func() error {
	if out, err := exec.Command("go", "build", "-o", file("seal"), "../../cmd/seal").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
})

// sealFacts checks the messages of the command about its connection.
func (s *scenario) sealFacts(said string) error {
	for line := range strings.Lines(said) {
		var told struct {
			Event, Version, Suite, Group, ALPN string
		}
		if json.Unmarshal([]byte(line), &told) != nil || told.Event != "connected" {
			continue
		}
		if told.Version != iana.TLS13.String() || s.suite != 0 && told.Suite != s.suite.String() ||
			s.wantGroup() != 0 && told.Group != s.wantGroup().String() || told.ALPN != s.alpn {
			return fmt.Errorf("seal tells of %+v", told)
		}
		return nil
	}
	return fmt.Errorf("seal tells of no connection")
}

// sealScenarios are the scenarios of the command with the other programs. The
// matrix covers the rest with the library.
var sealScenarios = []string{
	"defaults", "X25519MLKEM768 unasked", "ECDSA client certificate", "HelloRetryRequest", "ALPN", "unknown authority refused",
}

func TestSeal(t *testing.T) {
	for _, p := range programs {
		if p == seal {
			continue // the matrix has it with the library
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			need(t, p)
			need(t, seal)
			for _, name := range sealScenarios {
				s := scenarioNamed(name)
				if p.cannot("client", s) == "" && !p.client(s, 0).http {
					t.Run(s.name+"/client", func(t *testing.T) { pair(t, p, seal, s) })
				}
				if p.cannot("server", s) == "" && !p.server(s, 0).http {
					t.Run(s.name+"/server", func(t *testing.T) { pair(t, seal, p, s) })
				}
			}
		})
	}
}

// pair connects two programs.
func pair(t *testing.T, client, server *program, s *scenario) {
	waits := client.client(s, 0).waits
	serving, port := startServer(t, server, s, waits)
	c := client.client(s, relay(t, port, patience))
	talking := start(t, c)
	err := talking.converse(c)
	if s.bad {
		if err == nil {
			t.Error("the client accepted a certificate that it should refuse")
		}
		if !client.mute && !serving.heardAlert() {
			t.Error("the server did not hear why")
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", client.name, err)
		serving.kill()
		return
	}
	for _, p := range []*process{talking, serving} {
		if p.facts != nil {
			if err := p.facts(p.said.String()); err != nil {
				t.Error(err)
			}
		}
	}
}

// pathWithSeal is a PATH on which the command is found.
func pathWithSeal() string { return work + string(os.PathListSeparator) + os.Getenv("PATH") }
