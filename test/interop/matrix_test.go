package interop

import (
	"context"
	"testing"
)

// programs are the peers of the matrix.
var programs = []*program{
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

func TestMatrix(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			need(t, p)
			for _, s := range scenarios {
				t.Run(s.name, func(t *testing.T) {
					for role, run := range map[string]func(*testing.T, *program, *scenario){"client": peerIsClient, "server": peerIsServer} {
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
	c := p.client(s, 0)
	port, done, stop := s.serve(t, c)
	c = p.client(s, port)
	proc := start(t, c)
	err := proc.converse(c)
	stop()
	if s.bad {
		if err == nil {
			t.Error("it accepted a certificate that it should refuse")
		}
		if err := <-done; !p.mute && !isAlert(err) {
			t.Errorf("the server got %v, want an alert", err)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", p.name, err)
		proc.kill()
	}
	if err := <-done; err != nil {
		t.Errorf("sealsock: %v", err)
	}
}

// peerIsServer runs the library as a client of the program.
func peerIsServer(t *testing.T, p *program, s *scenario) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	proc, port := startServer(t, p, s, false)
	err := s.talk(ctx, port, p.server(s, 0).http)
	if s.bad {
		if err := s.refusal(err); err != nil {
			t.Error(err)
		}
		if !proc.heardAlert() {
			t.Error("the program did not hear why")
		}
		return
	}
	if err != nil {
		t.Errorf("sealsock: %v", err)
	}
}
