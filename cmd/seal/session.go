package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/printable"
)

// The file of --session is PEM: a block of this type, with the server that the
// session is for in a header.
const (
	sessionLabel  = "SEALSOCK SESSION"
	sessionServer = "Server"
	maxSession    = 4 << 20 // bytes; what a server has shown is most of it
)

// A sessionFile is the session of --session: the one to resume, and the latest that
// the server issued for the next connection. A nil one does nothing.
type sessionFile struct {
	file   string
	server string          // that it is for
	stored *engine.Session // from the file; nil for none
	used   bool            // the old one was used: each is used once
	spent  bool            // it was used by a connection before this one, and has no successor

	mu     sync.Mutex
	latest *engine.Session // from the server
}

// openSession reads the file, which need not be there yet.
func openSession(out *output, file, server string) (*sessionFile, error) {
	r := &sessionFile{file: file, server: printable.Line(server)}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(file)); err != nil {
			return nil, failed(err, "--session %s cannot be written: its folder does not exist", file).hinted("create the folder, or name another file")
		}
		return r, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, failed(nil, "--session %s is not a file", file).hinted("name a separate file, which each new session replaces")
	}
	if err == nil && ownedByOther(info) {
		// The user who made the file can impersonate the server: the server's
		// certificate in it is public, and that user knows the secret beside it.
		return nil, failed(nil, "--session %s may have been written by another user, who could impersonate the server with it", file).
			hinted("remove it, and store sessions in a folder that only you can write to")
	}
	data, err := readSecret(out, "--session", file, maxSession)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return r, nil // made beforehand, with its mode
	}
	session, name, err := parseSession(data)
	if err != nil {
		return nil, failed(err, "--session %s: %v", file, err).hinted("name another file, or remove this one")
	}
	if name != r.server {
		return nil, failed(nil, "--session %s is for %q, not for %q", file, name, r.server).hinted("use a separate file for each server")
	}
	r.stored = session
	return r, nil
}

var (
	errNoSession    = errors.New("it contains no session of seal")
	errOwnSession   = errors.New("it contains a session of OpenSSL, which only OpenSSL can read")
	errCutSession   = errors.New("its session is truncated or damaged")
	opensslsSession = []byte("-----BEGIN SSL SESSION PARAMETERS-----")
)

// parseSession reads what marshalSession wrote, and the server it is for.
func parseSession(data []byte) (*engine.Session, string, error) {
	block, rest := pem.Decode(data)
	switch {
	case bytes.Contains(data, opensslsSession):
		return nil, "", errOwnSession
	case block == nil || block.Type != sessionLabel:
		return nil, "", errNoSession
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, "", errCutSession
	}
	s, err := engine.ParseSession(block.Bytes)
	if err != nil {
		return nil, "", errCutSession
	}
	return s, block.Headers[sessionServer], nil
}

func marshalSession(s *engine.Session, server string) ([]byte, error) {
	data, err := s.Marshal()
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: sessionLabel, Headers: map[string]string{sessionServer: server}, Bytes: data}), nil
}

// apply puts the session into cfg and makes cfg report new ones to r.
func (r *sessionFile) apply(cfg *sealsock.Config) {
	if r == nil {
		return
	}
	if r.stored != nil && !r.expired() && !r.spent {
		cfg.Session = r.stored
	}
	cfg.OnSession = func(s *engine.Session) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.latest = s
	}
}

// renew makes the latest session the one to resume.
func (r *sessionFile) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.latest != nil {
		r.stored, r.latest, r.used = r.latest, nil, false
		return
	}
	r.spent = r.used && r.stored.Version >= iana.TLS13
}

func (r *sessionFile) expired() bool { return r.stored.Expired(time.Now()) }

// outcome returns how the session was used, once the handshake is done: "new",
// "expired", "resumed" or "refused".
func (r *sessionFile) outcome(resumed bool) string {
	switch {
	case r == nil:
		return ""
	case r.stored == nil || r.spent:
		return "new"
	case resumed:
		r.used = true
		return "resumed"
	case r.expired():
		return "expired"
	}
	r.used = true
	return "refused"
}

// outcomes has the text for each outcome that is not a resumption.
var outcomes = map[string]string{
	"new":     "not resumed (no stored session)",
	"expired": "not resumed (the session has expired)",
	"refused": "not resumed (the server rejected the session)",
}

// close writes the newest session into the file. One that was used and has no
// successor is removed: an observer who sees a ticket twice knows that both connections
// are of one client (RFC 9846, Appendix C.4). In TLS 1.2 the same ticket stays in use.
func (r *sessionFile) close(out *output) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	switch {
	case r.latest != nil:
		var data []byte
		if data, err = marshalSession(r.latest, r.server); err == nil {
			err = replaceSecret(r.file, data)
		}
	case r.used && r.stored.Version >= iana.TLS13:
		err = os.Remove(r.file)
	}
	if err != nil {
		out.warn("the next session cannot be written to %s: %v", r.file, cause(err))
	}
}
