package confine

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// role makes this test a process that confines itself.
const role = "CONFINE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "files":
		confinedFiles(os.Args[1], os.Args[2], os.Args[3])
	case "become":
		if err := Become(os.Args[1], ""); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		if os.Getuid() == 0 || os.WriteFile("/etc/confine-test", nil, 0o600) == nil {
			os.Exit(2)
		}
	}
	os.Exit(0)
}

// confinedFiles prints what is restricted, and which of three files it can still open.
func confinedFiles(read, write, other string) {
	what, err := Files([]string{read}, []string{write})
	if err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(what + "\n")
	if _, err := os.ReadFile(read); err == nil {
		os.Stdout.WriteString("read\n")
	}
	if err := os.WriteFile(filepath.Join(write, "new"), nil, 0o600); err == nil {
		os.Stdout.WriteString("written\n")
	}
	if err := os.WriteFile(read, nil, 0o600); err == nil {
		os.Stdout.WriteString("overwritten\n")
	}
	if _, err := os.ReadFile(other); err == nil {
		os.Stdout.WriteString("other\n")
	}
}

func process(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), role+"="+name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestFiles: a process has the files that were named, and no others, where the kernel can do it;
// elsewhere it is told that nothing is restricted.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"read", "write", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "f"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := process(t, "files", filepath.Join(dir, "read", "f"), filepath.Join(dir, "write"),
		filepath.Join(dir, "other", "f"))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	what, rest, _ := strings.Cut(out, "\n")
	want := "read\nwritten\n"
	if strings.HasPrefix(what, "nothing: ") {
		want = "read\nwritten\noverwritten\nother\n"
	}
	if rest != want {
		t.Errorf("%s: %q, want %q", what, rest, want)
	}
	t.Log(what)
}

// TestBecome: root becomes another user for good; another user becomes only itself.
func TestBecome(t *testing.T) {
	if runtime.GOOS == "windows" {
		if err := Become("x", ""); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
		return
	}
	if err := Become("no-such-user-here", ""); err == nil {
		t.Error("a user that does not exist")
	}
	if os.Getuid() != 0 {
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		if err := Become(me.Username, ""); err != nil {
			t.Error(err)
		}
		if err := Become("root", ""); !errors.Is(err, os.ErrPermission) {
			t.Errorf("a user becomes root: %v", err)
		}
		return
	}
	if out, err := process(t, "become", "65534"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := folders([]string{file, dir, filepath.Join(dir, "none")})
	if len(got) != 1 || got[0] != dir {
		t.Errorf("%v", got)
	}
}
