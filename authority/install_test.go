package authority

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/peers"
)

// fakeHost is a machine on which programs are only written down.
type fakeHost struct {
	*host
	ran  []string
	fail map[string]error // by the beginning of the command line
}

func newFakeHost(t *testing.T, goos string) *fakeHost {
	t.Helper()
	f := &fakeHost{fail: map[string]error{}}
	f.host = &host{goos: goos, prefix: t.TempDir(), home: t.TempDir(),
		getenv: func(string) string { return "" },
		look:   func(name string) (string, error) { return "/none/" + name, nil },
		run: func(_ context.Context, program string, args ...string) error {
			line := filepath.Base(program) + " " + strings.Join(args, " ")
			f.ran = append(f.ran, line)
			for beginning, err := range f.fail {
				if strings.HasPrefix(line, beginning) {
					return err
				}
			}
			return nil
		}}
	return f
}

func (f *fakeHost) mkdir(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func (f *fakeHost) touch(t *testing.T, path string) string {
	t.Helper()
	f.mkdir(t, filepath.Dir(path))
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (f *fakeHost) install(a *Authority, kinds ...StoreKind) []StoreResult {
	return a.eachStore(context.Background(), f.host, kinds, func(s Store) func(context.Context, *root) error { return s.add })
}

func (f *fakeHost) uninstall(a *Authority, kinds ...StoreKind) []StoreResult {
	return a.eachStore(context.Background(), f.host, kinds, func(s Store) func(context.Context, *root) error { return s.remove })
}

func checkResults(t *testing.T, results []StoreResult, want int) {
	t.Helper()
	if len(results) != want {
		t.Errorf("%d stores, expected %d: %+v", len(results), want, results)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Store.Path, r.Err)
		}
	}
}

func TestInstallIntoAnchorFolders(t *testing.T) {
	a := newAuthority(t, Options{})
	for _, folder := range anchorFolders {
		f := newFakeHost(t, "linux")
		dir := f.mkdir(t, f.path(folder.path))
		checkResults(t, f.install(a, StoreSystem), 1)
		files, err := filepath.Glob(filepath.Join(dir, "sealsock-*"+folder.suffix))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", folder.path, files, err)
		}
		if data, err := os.ReadFile(files[0]); err != nil || string(data) != string(a.RootPEM()) {
			t.Errorf("%s: %v", files[0], err)
		}
		if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: others cannot read it: %v", files[0], err)
		}
		checkResults(t, f.uninstall(a, StoreSystem), 1)
		checkResults(t, f.uninstall(a, StoreSystem), 1) // it is gone already
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: left behind: %v", dir, left)
		}
		if want := strings.Join(folder.program, " "); len(f.ran) != 2 || strings.TrimSpace(f.ran[0]) != want || f.ran[0] != f.ran[1] {
			t.Errorf("%s: ran %q, expected %q twice", folder.path, f.ran, want)
		}
	}
}

func TestInstallOnOtherSystems(t *testing.T) {
	a := newAuthority(t, Options{})
	for goos, want := range map[string][]string{
		"darwin":  {"security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ", "security find-certificate", "security remove-trusted-cert -d ", "security delete-certificate -Z "},
		"windows": {"certutil.exe -user -addstore Root ", "certutil.exe -user -store Root ", "certutil.exe -user -delstore Root "},
	} {
		f := newFakeHost(t, goos)
		checkResults(t, f.install(a, StoreSystem), 1)
		checkResults(t, f.uninstall(a, StoreSystem), 1)
		if len(f.ran) != len(want) {
			t.Fatalf("%s: ran %q", goos, f.ran)
		}
		for i := range want {
			if !strings.HasPrefix(f.ran[i], want[i]) {
				t.Errorf("%s: ran %q, expected %q", goos, f.ran[i], want[i])
			}
		}
		f.fail["security find"], f.fail["certutil.exe -user -store"] = errors.New("not there"), errors.New("not there")
		before := len(f.ran)
		checkResults(t, f.uninstall(a, StoreSystem), 1)
		if len(f.ran) != before+1 {
			t.Errorf("%s: ran %q though it is not there", goos, f.ran[before:])
		}
	}
	if stores := newFakeHost(t, "plan9").stores([]StoreKind{StoreSystem}); len(stores) != 0 {
		t.Errorf("a system without a store has %v", stores)
	}
}

func TestInstallIntoBrowsers(t *testing.T) {
	a := newAuthority(t, Options{})
	f := newFakeHost(t, "linux")
	for _, profile := range []string{".mozilla/firefox/a.default", "snap/firefox/common/.mozilla/firefox/b", ".pki/nssdb"} {
		f.touch(t, filepath.Join(f.home, profile, "cert9.db"))
	}
	f.mkdir(t, filepath.Join(f.home, ".mozilla/firefox/Crash Reports"))
	checkResults(t, f.install(a, StoreNSS), 3)
	checkResults(t, f.uninstall(a, StoreNSS), 3)
	name := a.newRoot().name
	first := "certutil -d sql:" + filepath.Join(f.home, ".mozilla/firefox/a.default")
	want := first + " -A -t C,, -n " + name + " -i " + a.RootFile()
	if f.ran[0] != want || f.ran[3] != first+" -L -n "+name || f.ran[4] != first+" -D -n "+name {
		t.Errorf("ran %q, expected %q first", f.ran, want)
	}
	// A browser that was never started gets a data base.
	f = newFakeHost(t, "linux")
	checkResults(t, f.install(a, StoreNSS), 0) // certutil only pretended to make it
	if len(f.ran) != 1 || f.ran[0] != "certutil -N -d sql:"+filepath.Join(f.home, ".pki/nssdb")+" --empty-password" {
		t.Errorf("ran %q", f.ran)
	}
}

func TestInstallIntoJava(t *testing.T) {
	a := newAuthority(t, Options{})
	f := newFakeHost(t, "linux")
	home := t.TempDir()
	store := f.touch(t, filepath.Join(home, "lib/security/cacerts"))
	f.touch(t, filepath.Join(home, "bin/keytool"))
	f.getenv = func(name string) string { return map[string]string{"JAVA_HOME": home}[name] }
	f.fail["keytool -list"] = errors.New("no such alias")
	checkResults(t, f.install(a, StoreJava), 1)
	checkResults(t, f.uninstall(a, StoreJava), 1)
	delete(f.fail, "keytool -list")
	checkResults(t, f.install(a, StoreJava), 1)
	checkResults(t, f.uninstall(a, StoreJava), 1)
	name := a.newRoot().name
	common := " -keystore " + store + " -storepass changeit"
	debian := "debian:" + name + ".pem"
	want := []string{
		"keytool -list -alias " + name, "keytool -importcert -noprompt -trustcacerts -alias " + name + " -file " + a.RootFile(),
		"keytool -list -alias " + name, "keytool -list -alias " + debian,
		"keytool -list -alias " + name,
		"keytool -list -alias " + name, "keytool -delete -alias " + name,
		"keytool -list -alias " + debian, "keytool -delete -alias " + debian,
	}
	if len(f.ran) != len(want) {
		t.Fatalf("ran %q", f.ran)
	}
	for i := range want {
		if f.ran[i] != want[i]+common {
			t.Errorf("ran %q, expected %q", f.ran[i], want[i]+common)
		}
	}
}

func TestInstallErrors(t *testing.T) {
	a := newAuthority(t, Options{})
	for name, tc := range map[string]struct {
		spoil func(*fakeHost)
		hint  string
	}{
		"no tool":    {func(f *fakeHost) { f.look = func(string) (string, error) { return "", errors.New("no") } }, "apt-get install"},
		"no right":   {func(f *fakeHost) { f.fail["update-ca"] = fs.ErrPermission }, "as an administrator"},
		"tool fails": {func(f *fakeHost) { f.fail["update-ca"] = errors.New("broken") }, "manually"},
	} {
		f := newFakeHost(t, "linux")
		f.mkdir(t, f.path("/usr/local/share/ca-certificates"))
		tc.spoil(f)
		results := f.install(a, StoreSystem)
		if len(results) != 1 || results[0].Err == nil || !strings.Contains(results[0].Hint, tc.hint) {
			t.Errorf("%s: %+v", name, results)
		}
	}
	f := newFakeHost(t, "linux")
	f.touch(t, filepath.Join(f.home, ".pki/nssdb/cert9.db"))
	f.fail["certutil"] = errors.New("locked")
	if results := f.install(a); len(results) != 1 || !strings.Contains(results[0].Hint, "close the browser") {
		t.Errorf("%+v", results)
	}
}

func TestRunTool(t *testing.T) {
	peers.Need(t, "sh")
	for script, want := range map[string]error{"exit 0": nil, "echo Permission denied; exit 1": fs.ErrPermission} {
		if err := runTool(context.Background(), "sh", "-c", script); !errors.Is(err, want) {
			t.Errorf("%s: %v", script, err)
		}
	}
	err := runTool(context.Background(), "sh", "-c", "yes | head -c 5000; exit 3")
	if err == nil || len(err.Error()) > 500 {
		t.Errorf("%v", err)
	}
}
