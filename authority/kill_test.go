package authority

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("AUTHORITY_TEST_ISSUE_IN"); dir != "" {
		issueForever(dir)
	}
	os.Exit(m.Run())
}

// issueForever prints each serial number once it has the certificate.
func issueForever(dir string) {
	for {
		a, err := OpenOrCreate(dir, Options{})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		for i := range 4 {
			_, r, err := a.Issue(Request{Names: []string{"localhost"}})
			if err != nil {
				fmt.Println("error:", err)
				os.Exit(1)
			}
			fmt.Println(r.Serial)
			if i == 3 {
				if _, err = a.Revoke(r.Serial, ReasonSuperseded); err == nil {
					_, err = a.CRL()
				}
				if err != nil {
					fmt.Println("error:", err)
					os.Exit(1)
				}
				fmt.Println("revoked " + r.Serial)
			}
		}
		if _, err := a.ForNames("localhost", fmt.Sprintf("a%d.localhost", rand.IntN(1000))); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
}

// TestKilledWhileIssuing kills a process at random moments, from before the
// authority exists, and expects every serial number and every revocation it printed
// of in the journal, once.
func TestKilledWhileIssuing(t *testing.T) {
	kills := 300 // test/interop kills the command a thousand times
	if testing.Short() {
		kills = 50
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	told := 0
	const each = 100 // kills for one folder, so that creation is hit too
	for n := range kills / min(each, kills/2) {
		dir := filepath.Join(top, fmt.Sprint(n))
		seen, revoked := map[string]bool{}, []string(nil)
		life := 40 * time.Millisecond
		for i := range min(each, kills/2) {
			cmd := exec.Command(self, "-test.run=^$")
			cmd.Env = append(os.Environ(), "AUTHORITY_TEST_ISSUE_IN="+dir)
			var out strings.Builder
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if len(seen) == 0 && i%3 == 2 {
				life *= 2 // on a busy machine none has come so far yet
			}
			time.Sleep(time.Duration(rand.IntN(int(life))))
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			for line := range strings.Lines(out.String()) {
				serial, whole := strings.CutSuffix(line, "\n")
				switch {
				case strings.HasPrefix(serial, "error:"):
					t.Fatal(serial)
				case whole && strings.HasPrefix(serial, "revoked "):
					revoked = append(revoked, strings.TrimPrefix(serial, "revoked "))
				case whole && seen[serial]:
					t.Fatalf("serial number %s was given twice", serial)
				case whole:
					seen[serial] = true
				}
			}
		}
		told += len(seen)
		checkAfterKills(t, dir, seen, revoked)
	}
	if told == 0 {
		t.Fatal("no process lived long enough to issue anything")
	}
	t.Logf("%d kills, %d certificates", kills, told)
}

func checkAfterKills(t *testing.T, dir string, seen map[string]bool, revoked []string) {
	t.Helper()
	a, err := OpenOrCreate(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	id, last, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := accepts(a, id, "localhost", 1); err != nil {
		t.Error(err)
	}
	all, err := a.List() // a serial number that is there twice is an error
	if err != nil {
		t.Fatal(err)
	}
	seen[last.Serial] = true
	for _, r := range all {
		delete(seen, r.Serial)
	}
	for _, serial := range revoked {
		if r, err := a.Find(serial); err != nil || r.Status != StatusRevoked {
			t.Errorf("%s was revoked, and the journal says %+v, %v", serial, r, err)
		}
	}
	for serial := range seen {
		t.Errorf("serial number %s was lost", serial)
	}
}
