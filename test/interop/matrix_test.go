package interop

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// programs are the peers of the matrix of TLS 1.3, programs12 those of TLS 1.2.
var (
	programs = []*program{
		openssl30,
		openssl35,
		gnutls37,
		gnutls38,
		python,
		java,
		node,
		nss,
		curl,
		seal,
	}
	programs12 = []*program{
		openssl30,
		openssl35,
		gnutls37,
		gnutls38,
		nss,
		java,
		node,
		python,
		mbedtls,
		standard,
		botan,
	}
)

func TestMatrix(t *testing.T)   { meetAll(t, programs, scenarios) }
func TestMatrix12(t *testing.T) { meetAll(t, programs12, scenarios12) }

// meetAll runs each scenario with each program, in each of its roles.
func meetAll(t *testing.T, programs []*program, scenarios []*scenario) {
	roles := map[string]func(*testing.T, *program, *scenario){
		"client": peerIsClient, "server": peerIsServer,
	}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			need(t, p)
			for _, s := range scenarios {
				t.Run(s.name, func(t *testing.T) {
					for role, run := range roles {
						why := p.cannot(role, s)
						results.set(p, role, s, why)
						if why == "" {
							t.Run(role, func(t *testing.T) { run(t, p, s) })
						}
					}
				})
			}
		})
	}
}

// peerIsClient runs the program as a client of the library.
func peerIsClient(t *testing.T, p *program, s *scenario) {
	m := newMeeting(s, true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := p.client(s, l.Addr().(*net.TCPAddr).Port)
	done := make(chan error, 1)
	go func() { done <- m.serve(l, c) }()
	var said strings.Builder
	for run := &c; run != nil; run = run.next {
		proc := start(t, *run)
		err := proc.converse(*run)
		if good := !s.bad && !s.old().renegotiate; (err == nil) != good {
			t.Errorf("%s ended with %v", p.name, err)
			if good {
				proc.kill()
			}
		}
		proc.stdin.Close()
		io.Copy(io.Discard, proc.stdout)
		// It exits by itself, with either result.
		if proc.wait(); proc.cmd.ProcessState.ExitCode() < 0 {
			t.Errorf("%s had to be stopped, or crashed: %v", p.name, proc.cmd.ProcessState)
		}
		said.WriteString(proc.said.String())
	}
	l.Close()
	if err := m.judge(<-done, p.mute); err != nil {
		t.Errorf("sealsock: %v", err)
	} else if why := m.missing(c, said.String()); why != "" {
		t.Errorf("%s does not say %s", p.name, why)
	}
}

// peerIsServer runs the library as a client of the program.
func peerIsServer(t *testing.T, p *program, s *scenario) {
	m := newMeeting(s, false)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	proc, port := startServer(t, p, s, false)
	c := p.server(s, port)
	if c.authority && s.old().scheme != 0 {
		m.cfg.SignatureSchemes = append(m.cfg.SignatureSchemes, iana.ECDSAWithP256AndSHA256)
	}
	if c.chatty && !c.loop {
		go io.Copy(io.Discard, proc.stdout) // which records its output
	}
	var err error
	for i := range s.connections() {
		if err = m.visit(ctx, port, c, i); err != nil {
			break
		}
	}
	if err := m.judge(err, false); err != nil {
		t.Errorf("sealsock: %v", err)
		return
	}
	if s.bad && !proc.heardAlert() {
		t.Error("the program reports no alert")
	}
	for m.missing(c, proc.said.String()) != "" {
		if ctx.Err() != nil {
			t.Errorf("%s does not say %s", p.name, m.missing(c, proc.said.String()))
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
