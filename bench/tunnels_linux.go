package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/internal/measure"
)

// tunnelsMain implements "bench tunnels". It compares seal tunnel with the other programs that
// put TLS in front of a plaintext service, and that are installed: stunnel, hitch, HAProxy and
// ghostunnel. Each runs in front of the same backend; they take alternating turns. The figures
// go into docs/tunnel.md, and a chart beside it.
func tunnelsMain(args []string) error {
	flags := flag.NewFlagSet("tunnels", flag.ExitOnError)
	rounds := flags.Int("rounds", 7, "number of turns of each program")
	length := flags.Duration("time", time.Second, "duration of a turn")
	idle := flags.Int("idle", 1000, "number of idle connections")
	seal := flags.String("seal", "", "the command seal; empty builds it")
	only := flags.String("only", "", "names of programs, with commas between them; empty for all")
	out := flags.String("out", "docs", "the folder to write tunnel.md and tunnel.svg into; - for none")
	_ = flags.Parse(args)
	dir, err := os.MkdirTemp("", "tunnels")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &tunnelsRun{dir: dir, rounds: *rounds, length: *length, idle: *idle}
	if r.seal, err = buildSeal(*seal, dir); err != nil {
		return err
	}
	if err := r.files(); err != nil {
		return err
	}
	if err := r.measure(*only); err != nil {
		return err
	}
	fmt.Print(r.table())
	if *out == "-" {
		return nil
	}
	return errors.Join(writeBetween(filepath.Join(*out, "tunnel.md"), tunnelsBegin, tunnelsEnd, r.text()),
		os.WriteFile(filepath.Join(*out, "tunnel.svg"), []byte(r.chart()), 0o644))
}

// buildSeal returns the path of the command.
func buildSeal(given, dir string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(dir, "seal")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/seal")
	build.Stderr = os.Stderr
	return path, build.Run()
}

// A tunnelsRun is one comparison.
type tunnelsRun struct {
	dir, seal string
	rounds    int
	length    time.Duration
	idle      int
	programs  []*tunnelProgram
}

// files writes the certificate and the key, apart and in one file.
func (r *tunnelsRun) files() error {
	if err := writeMaterial(r.dir); err != nil {
		return err
	}
	both := []byte(nil)
	for _, name := range []string{"key.pem", "cert.pem"} {
		data, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			return err
		}
		both = append(both, data...)
	}
	return os.WriteFile(filepath.Join(r.dir, "both.pem"), both, 0o600)
}

// measure starts the programs and gives them turns.
func (r *tunnelsRun) measure(only string) error {
	for _, k := range tunnelKinds {
		path, err := exec.LookPath(k.program)
		if k.program == "seal" {
			path, err = r.seal, nil
		}
		if err != nil || only != "" && !strings.Contains(","+only+",", ","+k.name+",") {
			fmt.Fprintf(os.Stderr, "bench: without %s\n", k.name)
			continue
		}
		p := &tunnelProgram{kind: k, path: path, dir: r.dir, figures: map[string][]float64{}}
		if p.backend, err = startBackend(); err != nil {
			return err
		}
		r.programs = append(r.programs, p)
		defer p.stop()
		if err := p.start(); err != nil {
			return err
		}
	}
	order := append([]*tunnelProgram(nil), r.programs...)
	for n := range r.rounds {
		for _, p := range order {
			if err := p.turn(r.length, r.idle); err != nil {
				return fmt.Errorf("%s, round %d: %w", p.kind.name, n+1, err)
			}
		}
		order = append(order[1:], order[0])
	}
	return nil
}

// A tunnelKind is a program and how to start it.
type tunnelKind struct {
	name, program string
	version       []string // arguments that print it
	// config returns a configuration, and args what starts the program with it.
	config func(p *tunnelProgram) string
	args   func(p *tunnelProgram, file string) []string
}

var tunnelKinds = []tunnelKind{
	{"seal tunnel", "seal", []string{"version"}, func(p *tunnelProgram) string {
		return fmt.Sprintf(`log = { level = "error" }
[[tunnel]]
name = "t"
listen = [%q]
backend = [{ address = %q }]
server = { cert = "%s/cert.pem", key = "%[3]s/key.pem" }
`, p.addr, p.backend.addr, p.dir)
	}, func(_ *tunnelProgram, file string) []string { return []string{"tunnel", file} }},
	{"stunnel", "stunnel", []string{"-version"}, func(p *tunnelProgram) string {
		return fmt.Sprintf("foreground = yes\npid =\ndebug = 3\n[t]\naccept = %s\nconnect = %s\n"+
			"cert = %s/cert.pem\nkey = %[3]s/key.pem\n", p.addr, p.backend.addr, p.dir)
	}, func(_ *tunnelProgram, file string) []string { return []string{file} }},
	{"hitch", "hitch", []string{"--version"}, func(p *tunnelProgram) string {
		at := func(addr string) string {
			host, port, _ := net.SplitHostPort(addr)
			return "[" + host + "]:" + port
		}
		asRoot := "" // hitch refuses to run as root unless it is told to
		if os.Geteuid() == 0 {
			asRoot = "user = \"root\"\n"
		}
		return fmt.Sprintf("frontend = %q\nbackend = %q\npem-file = \"%s/both.pem\"\nworkers = 2\n"+
			"daemon = off\nlog-level = 0\n%s", at(p.addr), at(p.backend.addr), p.dir, asRoot)
	}, func(_ *tunnelProgram, file string) []string { return []string{"--config=" + file} }},
	{"HAProxy", "haproxy", []string{"-v"}, func(p *tunnelProgram) string {
		return fmt.Sprintf("global\n maxconn 8192\ndefaults\n mode tcp\n timeout connect 10s\n"+
			" timeout client 1h\n timeout server 1h\nlisten t\n bind %s ssl crt %s/both.pem\n"+
			" server s %s\n", p.addr, p.dir, p.backend.addr)
	}, func(_ *tunnelProgram, file string) []string { return []string{"-q", "-db", "-f", file} }},
	{"ghostunnel", "ghostunnel", []string{"--version"}, func(*tunnelProgram) string { return "" },
		func(p *tunnelProgram, _ string) []string {
			return []string{"server", "--listen", p.addr, "--target", p.backend.addr, "--cert",
				p.dir + "/cert.pem", "--key", p.dir + "/key.pem", "--disable-authentication", "--quiet=all"}
		}},
}

// A tunnelProgram is a program that runs, and what was measured of it.
type tunnelProgram struct {
	kind    tunnelKind
	path    string
	dir     string
	addr    string
	backend *tunnelBackend
	cmd     *exec.Cmd
	ended   chan struct{}
	figures map[string][]float64 // by the name of what was measured
}

// start starts the program on a free port, and waits until it accepts.
func (p *tunnelProgram) start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.addr = l.Addr().String()
	l.Close()
	file := filepath.Join(p.dir, p.kind.program+".conf")
	if p.kind.program == "seal" {
		file = filepath.Join(p.dir, "seal.toml")
	}
	if err := os.WriteFile(file, []byte(p.kind.config(p)), 0o600); err != nil {
		return err
	}
	var words strings.Builder
	p.cmd = exec.Command(p.path, p.kind.args(p, file)...)
	p.cmd.Stdout, p.cmd.Stderr = &words, &words
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.ended = ended
	go func() {
		_ = p.cmd.Wait()
		close(ended)
	}()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("%s: %s", p.kind.name, words.String())
		default:
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s does not listen: %s", p.kind.name, words.String())
		}
	}
}

// stop ends the program and its children.
func (p *tunnelProgram) stop() {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
		p.cmd = nil
	}
}

// The names of what is measured.
const (
	downloads   = "download, 4 connections"
	uploads     = "upload, 4 connections"
	newcomers   = "new connections, full handshake"
	downloadCPU = "processor time of a downloaded GB"
	newCPU      = "processor time of a new connection"
	idleMemory  = "memory of an idle connection"
)

// turn measures everything once.
func (p *tunnelProgram) turn(length time.Duration, idle int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	note := func(name string, v float64) { p.figures[name] = append(p.figures[name], v) }
	for _, m := range []struct {
		rate, cpu string
		unit, per float64 // of the rate and of the time
		do        func(context.Context, time.Duration) (float64, error)
	}{
		{downloads, downloadCPU, 1e6, 1e9, p.download},
		{uploads, "", 1e6, 1e9, p.upload},
		{newcomers, newCPU, 1, 1e6, p.connect},
	} {
		before, start := processorTime(p.cmd.Process.Pid), time.Now()
		n, err := m.do(ctx, length)
		if err != nil {
			return fmt.Errorf("%s: %w", m.rate, err)
		}
		took := time.Since(start).Seconds()
		note(m.rate, n/m.unit/took)
		if m.cpu != "" {
			spent := processorTime(p.cmd.Process.Pid) - before
			note(m.cpu, spent.Seconds()/n*m.per)
		}
	}
	p.stop() // memory is that of a new process
	if err := p.start(); err != nil {
		return err
	}
	bytes, err := p.hold(ctx, idle)
	if err != nil {
		return fmt.Errorf("%s: %w", idleMemory, err)
	}
	note(idleMemory, bytes/1024)
	return nil
}

// median is that of a figure.
func (p *tunnelProgram) median(name string) float64 { return measure.MedianOf(p.figures[name]) }
