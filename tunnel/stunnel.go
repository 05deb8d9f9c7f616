package tunnel

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LoadStunnel reads a configuration file of stunnel. The notes name, with their lines, the
// options that have no effect here and the differences that matter; options that cannot be
// honoured without changing what a service is are a Problems, as mistakes are.
func LoadStunnel(file string) (*Config, []Problem, error) {
	r := &stunnelReader{}
	data, err := readStunnel(file)
	if err != nil {
		return nil, nil, err
	}
	r.parse(file, data, 0)
	cfg := r.config()
	if len(r.wrong) == 0 {
		k := checker{}
		k.config(cfg)
		for _, p := range k.found {
			p.File = file
			r.wrong = append(r.wrong, p)
		}
	}
	if len(r.wrong) > 0 {
		return nil, r.notes, r.wrong
	}
	return cfg, r.notes, nil
}

func readStunnel(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = fmt.Errorf("%s has more than %d bytes", file, maxConfig)
	}
	return data, err
}

// A stunnelOption is one line.
type stunnelOption struct {
	file        string
	line        int
	name, value string // the name in lower case
}

// A stunnelService is a section, or the options in front of the first one.
type stunnelService struct {
	name    string
	at      stunnelOption
	options []stunnelOption
}

type stunnelReader struct {
	global   stunnelService
	services []*stunnelService
	notes    []Problem
	wrong    Problems
	files    int
}

// maxIncluded bounds the files that one may include.
const maxIncluded = 256

// parse reads the lines of a file. Options in front of the first section are global, or the
// defaults of all services.
func (r *stunnelReader) parse(file string, data []byte, depth int) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		at := stunnelOption{file: file, line: n + 1}
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			r.services = append(r.services, &stunnelService{name: line[1 : len(line)-1], at: at})
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			r.fail(at, "write OPTION = VALUE", "%q is no option", line)
			continue
		}
		at.name, at.value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if at.name == "include" {
			r.include(at, depth)
			continue
		}
		to := &r.global
		if len(r.services) > 0 {
			to = r.services[len(r.services)-1]
		}
		to.options = append(to.options, at)
	}
}

// include reads the files of a folder, in the order of their names.
func (r *stunnelReader) include(at stunnelOption, depth int) {
	entries, err := os.ReadDir(at.value)
	if err != nil || depth > 0 {
		r.fail(at, "", "include %s cannot be followed: %v", at.value, err)
		return
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".conf") {
			continue
		}
		if r.files++; r.files > maxIncluded {
			r.fail(at, "", "more than %d files are included", maxIncluded)
			return
		}
		name := filepath.Join(at.value, e.Name())
		data, err := readStunnel(name)
		if err != nil {
			r.fail(at, "", "%v", err)
			continue
		}
		r.parse(name, data, depth+1)
	}
}

func (r *stunnelReader) fail(at stunnelOption, hint, format string, args ...any) {
	r.wrong = append(r.wrong, Problem{File: at.file, Line: at.line, Column: 1, Key: at.name,
		Text: fmt.Sprintf(format, args...), Hint: hint})
}

func (r *stunnelReader) note(at stunnelOption, format string, args ...any) {
	r.notes = append(r.notes, Problem{File: at.file, Line: at.line, Column: 1, Key: at.name,
		Text: fmt.Sprintf(format, args...)})
}

// config makes the configuration.
func (r *stunnelReader) config() *Config {
	cfg := new(Config)
	var defaults []stunnelOption
	for _, o := range r.global.options {
		if !r.globalOption(cfg, o) {
			defaults = append(defaults, o)
		}
	}
	tunnels := map[string]int{}
	var named []*stunnelTunnel
	for _, s := range r.services {
		t := &stunnelTunnel{reader: r, at: s.at, tls: &TLS{}}
		t.Name = s.name
		for _, o := range slices.Concat(defaults, s.options) {
			t.option(o)
		}
		t.finish()
		if t.master != "" {
			named = append(named, t)
			continue
		}
		tunnels[s.name] = len(cfg.Tunnels)
		cfg.Tunnels = append(cfg.Tunnels, t.Tunnel)
	}
	r.addNames(cfg, tunnels, named)
	return cfg
}

// globalOption handles an option of the process. It reports false for one of a service.
func (r *stunnelReader) globalOption(cfg *Config, o stunnelOption) bool {
	switch o.name {
	case "pid":
		cfg.PID = o.value
	case "setuid":
		cfg.User = o.value
	case "setgid":
		r.group(cfg, o)
	case "output":
		cfg.Log.File = o.value
	case "debug":
		r.debug(cfg, o)
	default:
		return r.withoutEffect(o)
	}
	return true
}

func (r *stunnelReader) group(cfg *Config, o stunnelOption) {
	for _, other := range r.global.options {
		if other.name == "setuid" {
			cfg.Group = o.value
			return
		}
	}
	r.note(o, "a group without setuid is not used")
}

// withoutEffect handles options of the process that have no counterpart.
func (r *stunnelReader) withoutEffect(o stunnelOption) bool {
	no := strings.EqualFold(o.value, "no")
	switch o.name {
	case "foreground":
		if no {
			r.note(o, "the process stays in the foreground; a service manager starts it")
		}
	case "chroot":
		r.note(o, "the process is not moved to a folder; sandbox = true in TOML restricts its files")
	case "fips":
		if !no {
			r.fail(o, "leave it out", "the algorithms are not of a FIPS module")
		}
	case "engine", "enginectrl", "enginenum", "enginedefault":
		r.fail(o, "name a file in cert and key", "keys in an OpenSSL engine cannot be used")
	case "syslog", "compression", "egd", "rndbytes", "rndfile", "rndoverwrite", "log", "iconactive",
		"iconerror", "iconidle", "taskbar", "service":
		r.note(o, "it has no effect")
	default:
		return false
	}
	return true
}

// debug sets what is logged, by the levels of syslog.
func (r *stunnelReader) debug(cfg *Config, o stunnelOption) {
	level := strings.ToLower(o.value[strings.LastIndexByte(o.value, '.')+1:])
	switch level {
	case "debug", "7":
		cfg.Log.Level = "debug"
	case "info", "notice", "6", "5":
		cfg.Log.Level = "info"
	case "warning", "4":
		cfg.Log.Level = "warn"
	case "err", "crit", "alert", "emerg", "3", "2", "1", "0":
		cfg.Log.Level = "error"
	default:
		r.fail(o, "write 0 to 7, or emerg to debug", "%q is no level", o.value)
	}
}
