package main

import (
	"bufio"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"crypto/x509"

	"github.com/sealsock/sealsock/internal/measure"
	"github.com/sealsock/sealsock/internal/peers"
)

//go:embed openssl/helper.c
var helperSource string

// openSSL measures OpenSSL in another process, which is compiled at the start.
type openSSL struct {
	version string
	dir     string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	written map[string]bool
}

// startOpenSSL compiles and starts the helper. It needs a C compiler and OpenSSL's headers.
func startOpenSSL() (*openSSL, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	o := &openSSL{dir: dir, written: map[string]bool{}}
	source, program := filepath.Join(dir, "helper.c"), filepath.Join(dir, "helper")
	if err := os.WriteFile(source, []byte(helperSource), 0o600); err != nil {
		return nil, errors.Join(err, o.close())
	}
	cc := exec.Command("cc", "-O2", "-o", program, source, "-lssl", "-lcrypto", "-lpthread")
	if text, err := cc.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("cc: %w\n%s", err, text), o.close())
	}
	o.cmd = helperCommand(program, dir)
	o.cmd.Stderr = os.Stderr
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, o.close())
	}
	stdout, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	o.out = bufio.NewReader(stdout)
	if err := o.cmd.Start(); err != nil {
		return nil, errors.Join(err, o.close())
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	o.version = strings.Join(strings.Fields(line)[:2], " ")
	return o, nil
}

// helperCommand starts the helper with the libraries of a newer OpenSSL if scripts/peers.sh
// has unpacked one, since that of the system may know no ML-KEM and no ML-DSA.
func helperCommand(program, dir string) *exec.Cmd {
	starter := peers.Newer()
	bin := filepath.Join(filepath.Dir(starter), "usr", "bin")
	if relative, err := filepath.Rel(bin, program); err == nil && executable(starter) {
		return exec.Command(starter, relative, dir)
	}
	return exec.Command(program, dir)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// close ends the helper and removes its files.
func (o *openSSL) close() error {
	if o.cmd != nil && o.cmd.Process != nil {
		o.in.Close()
		_ = o.cmd.Wait()
	}
	return os.RemoveAll(o.dir)
}

// ask sends a command and returns its figures.
func (o *openSSL) ask(format string, args ...any) ([]float64, error) {
	if _, err := fmt.Fprintf(o.in, format+"\n", args...); err != nil {
		return nil, err
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(line)
	switch {
	case len(fields) == 1 && fields[0] == "unsupported":
		return nil, errors.ErrUnsupported
	case len(fields) < 2 || fields[0] != "ok":
		return nil, errors.New(strings.TrimSpace(line))
	}
	var figures []float64
	for _, f := range fields[1:] {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, err
		}
		figures = append(figures, v)
	}
	return figures, nil
}

// askOne is ask for one figure.
func (o *openSSL) askOne(format string, args ...any) (float64, error) {
	if err := o.write("p256", 1); err != nil {
		return 0, err
	}
	f, err := o.ask(format, args...)
	if err != nil {
		return 0, err
	}
	return f[0], nil
}

// write writes the certificates of a kind where the helper reads them.
func (o *openSSL) write(key string, chain int) error {
	name := fmt.Sprintf("%s-%d", key, chain)
	if o.written[name] {
		return nil
	}
	m, err := measure.MaterialFor(key, chain)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(m.Key)
	if err != nil {
		return err
	}
	var certs strings.Builder
	for _, der := range m.Chain {
		_ = pem.Encode(&certs, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	o.written[name] = true
	return errors.Join(
		os.WriteFile(filepath.Join(o.dir, name+".pem"), []byte(certs.String()), 0o600),
		os.WriteFile(filepath.Join(o.dir, name+".key"), pem.EncodeToMemory(
			&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		os.WriteFile(filepath.Join(o.dir, name+".root"), pem.EncodeToMemory(
			&pem.Block{Type: "CERTIFICATE", Bytes: m.Root}), 0o600))
}

// Name implements measure.Side.
func (o *openSSL) Name() string { return o.version }

// Handshakes implements measure.Side.
func (o *openSSL) Handshakes(h measure.Handshake, d time.Duration) (r measure.Shares, err error) {
	if strings.HasPrefix(h.Key, "mldsa") && o.before35() {
		return r, errors.ErrUnsupported
	}
	if err := o.write(h.Key, h.Chain); err != nil {
		return r, err
	}
	resume := 0
	if h.Resume {
		resume = 1
	}
	f, err := o.ask("handshakes %s %d %v %d %d", h.Key, h.Chain, groupName(h), resume,
		d.Milliseconds())
	if err != nil {
		return r, err
	}
	return measure.Shares{PerSecond: f[0], Client: f[1], Server: f[2]}, nil
}

// before35 reports whether this is a version of OpenSSL 3 without ML-DSA.
func (o *openSSL) before35() bool {
	var minor int
	n, _ := fmt.Sscanf(o.version, "OpenSSL 3.%d", &minor)
	return n == 1 && minor < 5
}

// groupName returns OpenSSL's name of a group.
func groupName(h measure.Handshake) string { return strings.ToUpper(h.Group.String()) }

// Bulk implements measure.Side.
func (o *openSSL) Bulk(over measure.Transport, d time.Duration) (float64, error) {
	name := map[measure.Transport]string{measure.Memory: "memory", measure.Loopback: "loopback"}
	if name[over] == "" {
		return 0, errors.ErrUnsupported
	}
	return o.askOne("bulk %s %d", name[over], d.Milliseconds())
}

// Trips implements measure.Side.
func (o *openSSL) Trips(d time.Duration) (float64, error) {
	return o.askOne("trips %d", d.Milliseconds())
}

// FirstByte implements measure.Side.
func (*openSSL) FirstByte(measure.Handshake, time.Duration) (float64, error) {
	return 0, errors.ErrUnsupported
}

// Accepts implements measure.Side.
func (*openSSL) Accepts(time.Duration) (float64, error) { return 0, errors.ErrUnsupported }

// Cost implements measure.Side.
func (*openSSL) Cost(measure.Handshake) (c measure.Costs, err error) {
	return c, errors.ErrUnsupported
}

// Idle implements measure.Side. The style is neither: what a thread costs is not counted.
func (o *openSSL) Idle(s measure.Style, connections int) (float64, error) {
	if s != measure.Goroutine {
		return 0, errors.ErrUnsupported
	}
	return o.askOne("idle %d", connections)
}
