package tunnel

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/address"
)

// Files returns the files and folders that the process reads and writes while it runs, for a
// sandbox. Those of sockets are among the latter.
func (c *Config) Files() (read, write []string) {
	if c == nil {
		return nil, nil
	}
	add := func(to *[]string, names ...string) {
		for _, n := range names {
			if n != "" {
				*to = append(*to, n)
			}
		}
	}
	write = append(write, c.Writable...)
	add(&read, c.Fleet.Secret, c.Fleet.Auth)
	add(&read, c.Fleet.CA...)
	add(&write, c.PID, c.Log.File, socketFolder(c.Admin))
	for i := range c.Tunnels {
		t := &c.Tunnels[i]
		for _, text := range t.Listen {
			add(&write, socketFolder(text))
		}
		for _, b := range t.Backends {
			add(&write, socketFolder(b.Address))
		}
		for _, r := range t.Routes {
			for _, b := range r.Backends {
				add(&write, socketFolder(b.Address))
			}
		}
		for _, s := range []*TLS{t.Server, t.Client} {
			if s != nil {
				r, w := s.files()
				add(&read, r...)
				add(&write, w...)
			}
		}
	}
	return read, write
}

// files returns the files and folders of one side.
func (s *TLS) files() (read, write []string) {
	read = append(read, s.Cert, s.Key, s.PasswordFile, s.Staple, s.PSKFile)
	read = slices.Concat(read, s.CA, s.CADir, s.CRL)
	write = append(write, s.RevocationCache)
	for _, one := range s.Certificates {
		read = append(read, one.Cert, one.Key, one.Staple)
	}
	if s.ACME != nil {
		read, write = append(read, s.ACME.CA...), append(write, s.ACME.Cache)
	}
	if s.Authority != nil {
		write = append(write, s.Authority.Folder)
	}
	return read, write
}

// socketFolder is the folder of a UNIX socket; empty for another address.
func socketFolder(text string) string {
	a, err := address.Parse(text)
	if err != nil || a.Scheme() != "unix" && a.Scheme() != "seqpacket" {
		return ""
	}
	_, path, _ := strings.Cut(a.String(), "://")
	if path == "" || path[0] == '@' {
		return ""
	}
	return filepath.Dir(path)
}
