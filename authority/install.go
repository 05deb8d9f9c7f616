package authority

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // macOS and Windows name certificates by it
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// StoreKind is a kind of place where programs look for trusted roots.
type StoreKind string

// The kinds of stores.
const (
	StoreSystem StoreKind = "system" // the operating system's, which most programs use
	StoreNSS    StoreKind = "nss"    // of Firefox and Chromium
	StoreJava   StoreKind = "java"   // of a Java runtime
)

// Store is one such place on this machine.
type Store struct {
	Kind StoreKind
	// Path is the folder, data base or key store.
	Path string

	add, remove func(context.Context, *root) error
}

// StoreResult tells what became of one store.
type StoreResult struct {
	Store Store
	// Err is why it could not be changed; nil if it was, or needed no
	// change.
	Err error
	// Hint tells what to do about Err.
	Hint string
}

// Install puts the root into the trust stores, of the given kinds or of all.
// Programs that use them then accept leaves of this authority; those that run
// may need a restart. Most system stores need the rights of an administrator.
func (a *Authority) Install(ctx context.Context, kinds ...StoreKind) []StoreResult {
	return a.eachStore(ctx, newHost(), kinds, func(s Store) func(context.Context, *root) error { return s.add })
}

// Uninstall takes the root out of the stores again. It is no error if it is
// not there.
func (a *Authority) Uninstall(ctx context.Context, kinds ...StoreKind) []StoreResult {
	return a.eachStore(ctx, newHost(), kinds, func(s Store) func(context.Context, *root) error { return s.remove })
}

// Stores lists the stores of this machine, of the given kinds or of all.
func Stores(kinds ...StoreKind) []Store { return newHost().stores(kinds) }

// toolTimeout bounds one program that a store is changed with.
const toolTimeout = 2 * time.Minute

// root is the certificate to install, and what stores call it.
type root struct {
	cert *x509.Certificate
	pem  []byte
	file string // a file that holds it in PEM
	name string // its nickname, without spaces or anything that a shell or tool would misread
	sha1 string
}

func (a *Authority) newRoot() *root {
	c := a.Root()
	sum, old := sha256.Sum256(c.Raw), sha1.Sum(c.Raw)
	return &root{cert: c, pem: a.RootPEM(), file: a.RootFile(), name: "sealsock-" + hex.EncodeToString(sum[:6]), sha1: strings.ToUpper(hex.EncodeToString(old[:]))}
}

func (a *Authority) eachStore(ctx context.Context, h *host, kinds []StoreKind, pick func(Store) func(context.Context, *root) error) []StoreResult {
	if !a.made() {
		return []StoreResult{{Err: errNotMade, Hint: "use Open, Create or OpenOrCreate"}}
	}
	r := a.newRoot()
	var results []StoreResult
	for _, s := range h.stores(kinds) {
		ctx, cancel := context.WithTimeout(ctx, toolTimeout)
		err := pick(s)(ctx, r)
		cancel()
		results = append(results, StoreResult{Store: s, Err: err, Hint: hintFor(err, s)})
	}
	return results
}

func hintFor(err error, s Store) string {
	var missing *missingTool
	switch {
	case err == nil:
		return ""
	case errors.As(err, &missing):
		return "install it: " + missing.get
	case errors.Is(err, fs.ErrPermission):
		return "run it as an administrator, with the same authority"
	case s.Kind == StoreNSS:
		return "close the browser and try again"
	}
	return "read the output of the program, or add " + rootFile + " manually"
}

// missingTool is the error if a program that changes a store is not installed.
type missingTool struct{ name, get string }

func (m *missingTool) Error() string { return "the program " + m.name + " is not installed" }

// host is the machine, behind what tests replace.
type host struct {
	goos   string
	prefix string // before every absolute path
	home   string
	getenv func(string) string
	look   func(string) (string, error)
	run    func(ctx context.Context, program string, args ...string) error
}

func newHost() *host {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // the stores of users are left out then
	}
	return &host{goos: runtime.GOOS, home: home, getenv: os.Getenv, look: exec.LookPath, run: runTool}
}

// runTool runs a program and returns its output if it fails.
func runTool(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	said := string(bytes.TrimSpace(out))
	if len(said) > 400 {
		said = said[:400]
	}
	err = fmt.Errorf("%s: %w: %s", filepath.Base(program), err, said)
	if strings.Contains(strings.ToLower(said), "permission denied") || strings.Contains(strings.ToLower(said), "access is denied") {
		return errors.Join(err, fs.ErrPermission)
	}
	return err
}

func (h *host) stores(kinds []StoreKind) []Store {
	var all []Store
	for kind, find := range map[StoreKind]func() []Store{StoreSystem: h.systemStores, StoreNSS: h.nssStores, StoreJava: h.javaStores} {
		wanted := len(kinds) == 0
		for _, k := range kinds {
			wanted = wanted || k == kind
		}
		if wanted {
			all = append(all, find()...)
		}
	}
	// The system's comes first: on Debian it changes Java's too.
	order := map[StoreKind]int{StoreSystem: 0, StoreNSS: 1, StoreJava: 2}
	sortStores(all, order)
	return all
}

// tool finds a program; its error names where to get it.
func (h *host) tool(name, get string) (string, error) {
	path, err := h.look(name)
	if err != nil {
		return "", &missingTool{name, get}
	}
	return path, nil
}

func (h *host) path(p string) string { return filepath.Join(h.prefix, p) }

func (h *host) isDir(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.IsDir()
}

func (h *host) isFile(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.Mode().IsRegular()
}
