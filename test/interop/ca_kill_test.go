package interop

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/authority"
)

// The parameters of TestKilledIssue.
const (
	killsInAll   = 1000
	killsInShort = 60
	killsEach    = 50 // for one folder, so that its creation is interrupted often too
	killers      = 2  // concurrently, so that processes wait for each other
)

// TestKilledIssue kills seal ca create and seal ca issue at random moments.
// Afterwards each reported serial number is in the journal exactly once, each
// file is complete, and the authority works.
func TestKilledIssue(t *testing.T) {
	need(t, seal)
	want := killsInAll
	if testing.Short() {
		want = killsInShort
	}
	begin, killed, told := time.Now(), 0, 0
	for killed < want {
		k := &killing{dir: t.TempDir(), told: map[string]bool{}}
		k.makeAuthority(t)
		var all sync.WaitGroup
		for i := range killers {
			all.Go(func() { k.issueAndKill(t, fmt.Sprintf("leaf%d", i), killsEach/killers) })
		}
		all.Wait()
		k.check(t)
		if t.Failed() {
			return
		}
		killed += k.killed
		told += len(k.told)
	}
	if told == 0 {
		t.Error("no process lived long enough to issue anything")
	}
	t.Logf("%d kills in %v; %d certificates were told of", killed, time.Since(begin).Round(time.Second), told)
}

// killing is one folder in which processes are killed.
type killing struct {
	dir string

	sync.Mutex
	killed int
	told   map[string]bool // serial numbers
}

func (k *killing) command(args ...string) *exec.Cmd {
	cmd := exec.Command(file("seal"), args...)
	cmd.Dir = k.dir
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+k.dir)
	return cmd
}

func (k *killing) folder() string { return filepath.Join(k.dir, "ca") }

// makeAuthority runs and kills seal ca create until the authority exists.
func (k *killing) makeAuthority(t *testing.T) {
	t.Helper()
	window := 20 * time.Millisecond
	for !authority.Exists(k.folder()) {
		said, dead, err := runAndKill(k.command("ca", "create"), rand.N(window))
		if err != nil && !dead && !authority.Exists(k.folder()) {
			t.Fatalf("seal ca create: %v\n%s", err, said)
		}
		if dead {
			k.killed++
		}
		window += 10 * time.Millisecond // it must succeed eventually
	}
}

// issueAndKill issues repeatedly and kills the process at a random moment
// within the time that the last run took.
func (k *killing) issueAndKill(t *testing.T, name string, kills int) {
	args := []string{"ca", "issue", "--json", "--force", "--cert", name + ".pem", "--key", name + ".key", "localhost"}
	window := 50 * time.Millisecond
	for n := 0; n < kills; {
		begin := time.Now()
		said, dead, err := runAndKill(k.command(args...), rand.N(window))
		switch {
		case dead:
			n++
		case err != nil:
			t.Errorf("seal %v: %v\n%s", args, err, said)
			return
		default:
			window = (window + time.Since(begin)) / 2
		}
		k.note(t, said, dead)
		if dead {
			window += window / 50
		}
	}
}

// note records the serial number that a process reported.
func (k *killing) note(t *testing.T, said []byte, dead bool) {
	k.Lock()
	defer k.Unlock()
	if dead {
		k.killed++
	}
	for line := range bytes.Lines(said) {
		var told struct{ Event, Serial string }
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &told) != nil || told.Event != "issued" {
			continue
		}
		if k.told[told.Serial] {
			t.Errorf("serial number %s was told of twice", told.Serial)
		}
		k.told[told.Serial] = true
	}
}

// runAndKill runs a program for a limited time. dead reports that it was
// killed.
func runAndKill(cmd *exec.Cmd, after time.Duration) (said []byte, dead bool, err error) {
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		return nil, false, err
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
	err = cmd.Wait()
	timer.Stop()
	return out.Bytes(), err != nil && !cmd.ProcessState.Exited(), err
}

// check opens the folder with the library, and issues a certificate with the
// command.
func (k *killing) check(t *testing.T) {
	t.Helper()
	if said, err := k.command("ca", "issue", "--cert", "last.pem", "--key", "last.key", "localhost").CombinedOutput(); err != nil {
		t.Fatalf("after the kills: %v\n%s", err, said)
	}
	if said, err := k.command("ca", "crl").CombinedOutput(); err != nil {
		t.Errorf("after the kills: %v\n%s", err, said)
	}
	a, err := authority.Open(k.folder())
	if err != nil {
		t.Fatal(err)
	}
	records, err := a.List() // a serial number that is there twice is an error
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range records {
		known[r.Serial] = true
	}
	for serial := range k.told {
		if !known[serial] {
			t.Errorf("serial number %s was lost", serial)
		}
	}
	k.checkFiles(t, a)
}

// checkFiles checks that each written certificate is complete and in the
// journal.
func (k *killing) checkFiles(t *testing.T, a *authority.Authority) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(k.dir, "*.pem"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no certificates: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		block, _ := pem.Decode(data)
		if block == nil {
			t.Errorf("%s was cut off", name)
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err != nil || c.CheckSignatureFrom(a.Intermediate()) != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := a.FindCertificate(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(k.folder(), ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %s, %v", strings.Join(left, ", "), err)
	}
	if _, err := os.Stat(filepath.Join(k.folder(), "journal")); errors.Is(err, fs.ErrNotExist) {
		t.Error("the journal is gone")
	}
}
