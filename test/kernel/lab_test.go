//go:build linux

package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// tools are the programs that this test runs, by the Debian package that has
// them.
var tools = map[string]string{"qemu-system-x86_64": "qemu-system-x86", "depmod": "kmod", "xz": "xz-utils", "dpkg-deb": "dpkg"}

// peers are the packages whose programs are the tests' peers in the machine;
// the first three make Python.
var peers = []string{
	"python3-minimal", "libpython3-stdlib", "libc6", "libexpat1", "zlib1g", "can-utils",
	"openssl", "libssl3",
}

// A lab is the folder with the files that are kept between runs.
type lab struct {
	dir     string
	release string // of the kernel: 6.1.0-30-amd64
	root    string // where the packages are unpacked
}

// openLab returns the lab. With install it installs and downloads what is missing; without,
// that is an error.
func openLab(install bool) (*lab, error) {
	if runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("the machine is built for amd64, not %s", runtime.GOARCH)
	}
	if err := installTools(install); err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	l := &lab{dir: filepath.Join(cache, "sealsock", "kernel")}
	if !install {
		return l, l.find()
	}
	if err := os.MkdirAll(filepath.Join(l.dir, "debs"), 0o755); err != nil {
		return nil, err
	}
	kernel, err := dependency("linux-image-amd64", "linux-image-")
	if err != nil {
		return nil, err
	}
	l.use(strings.TrimPrefix(kernel, "linux-image-"))
	if l.complete() {
		return l, nil
	}
	return l, l.unpackAll(kernel)
}

// use names the kernel.
func (l *lab) use(release string) {
	l.release, l.root = release, filepath.Join(l.dir, "root-"+release)
}

// contents are what the lab's root must hold: a lab of another version is not complete.
func contents() string { return wanted + strings.Join(peers, " ") + rootVersion }

// rootVersion changes with the form of the lab's root.
const rootVersion = " 2"

func (l *lab) complete() bool {
	text, err := os.ReadFile(filepath.Join(l.root, "complete"))
	return err == nil && string(text) == contents()
}

// find uses the newest kernel that was unpacked.
func (l *lab) find() error {
	roots, _ := filepath.Glob(filepath.Join(l.dir, "root-*"))
	for _, root := range slices.Backward(roots) {
		l.use(strings.TrimPrefix(filepath.Base(root), "root-"))
		if l.complete() {
			return nil
		}
	}
	return errors.New("its kernel was not downloaded: make peers does that")
}

// installTools installs missing programs, if it may and this process has the permission.
func installTools(install bool) error {
	var missing []string
	for program, pkg := range tools {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 && !install {
		return nil
	}
	if !install {
		return fmt.Errorf("missing packages: %s; make peers installs them",
			strings.Join(missing, " "))
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("the kernel comes from Debian, and there is no apt-get here")
	}
	if len(missing) == 0 {
		return nil
	}
	if os.Getuid() != 0 {
		return fmt.Errorf("missing packages: %s; install them as root", strings.Join(missing, " "))
	}
	if err := run("", "apt-get", "update", "-qq"); err != nil {
		return err
	}
	return run("", "apt-get", append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)...)
}

// dependency returns the package that a meta package depends on.
func dependency(meta, prefix string) (string, error) {
	for range 2 {
		out, err := exec.Command("apt-cache", "depends", meta).Output()
		if err == nil {
			for word := range strings.FieldsSeq(string(out)) {
				if strings.HasPrefix(word, prefix) && word != meta {
					return word, nil
				}
			}
		}
		if err := run("", "apt-get", "update", "-qq"); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("apt knows no package that %s depends on", meta)
}

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// unpackAll downloads the packages and unpacks them into the lab's root.
func (l *lab) unpackAll(kernel string) error {
	python, err := dependency("python3-minimal", "python3.")
	if err != nil {
		return err
	}
	names := append([]string{kernel, python, "lib" + python}, peers[2:]...)
	old, err := os.ReadDir(l.dir) // other kernels, and what earlier versions of this test left
	if err != nil {
		return err
	}
	for _, e := range old {
		if e.Name() == "debs" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(l.dir, e.Name())); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(l.root, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := l.unpack(name); err != nil {
			return err
		}
	}
	if err := run("", "depmod", "-b", l.root, l.release); err != nil {
		return err
	}
	if err := l.uncompressKernel(); err != nil {
		return err
	}
	if err := l.prune(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.root, "complete"), []byte(contents()), 0o644)
}

// prune removes what no run needs: the packages, and nearly all of 400 MB of modules.
func (l *lab) prune() error {
	order, err := l.moduleFiles()
	if err != nil {
		return err
	}
	base := filepath.Join(l.root, "lib", "modules", l.release)
	err = filepath.WalkDir(base, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(base, file)
		if err != nil || rel == "modules.dep" || slices.Contains(order, filepath.ToSlash(rel)) {
			return err
		}
		return os.Remove(file)
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(l.dir, "debs"))
}

func (l *lab) unpack(name string) error {
	debs := filepath.Join(l.dir, "debs")
	find := func() string {
		all, _ := filepath.Glob(filepath.Join(debs, name+"_*.deb"))
		if len(all) == 0 {
			return ""
		}
		return all[len(all)-1]
	}
	if find() == "" {
		if err := run(debs, "apt-get", "download", "-qq", name); err != nil {
			return err
		}
	}
	return run("", "dpkg-deb", "-x", find(), l.root)
}

// uncompressKernel takes the kernel out of its self-extracting image: unpacking
// it in an emulated processor costs seconds of every run. A kernel that is not
// packed with xz boots as it is.
func (l *lab) uncompressKernel() error {
	image, err := os.ReadFile(filepath.Join(l.root, "boot", "vmlinuz-"+l.release))
	if err != nil {
		return err
	}
	magic := []byte("\xfd7zXZ\x00")
	for at := bytes.Index(image, magic); at >= 0; {
		cmd := exec.Command("xz", "-dc", "--single-stream")
		cmd.Stdin = bytes.NewReader(image[at:])
		if out, err := cmd.Output(); err == nil && bytes.HasPrefix(out, []byte("\x7fELF")) {
			return os.WriteFile(l.kernel(), out, 0o644)
		}
		next := bytes.Index(image[at+1:], magic)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return os.WriteFile(l.kernel(), image, 0o644)
}

// memory is the memory of the machine in MiB, including its file system.
var memory = map[bool]string{false: "768", true: "1536"}[underRace]

func (l *lab) kernel() string { return filepath.Join(l.root, "vmlinux") }

// boot runs the machine until it powers off and returns what it printed.
func (l *lab) boot(initrd string, most time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	// Request emulation explicitly: /dev/kvm may exist and not work.
	// no_timer_check: on a busy machine the kernel takes an emulated timer that is late for a
	// broken one, and panics.
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "qemu64", "-smp", "1", "-m", memory,
		"-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio", "-kernel", l.kernel(), "-initrd", initrd,
		"-append", "console=ttyS0 panic=-1 no_timer_check quiet mitigations=off rdinit=/init")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return out.Bytes(), fmt.Errorf("the machine was still running after %v", most)
	}
	if err == nil && !bytes.Contains(out.Bytes(), []byte("@@ over")) {
		err = io.ErrUnexpectedEOF
	}
	return out.Bytes(), err
}
