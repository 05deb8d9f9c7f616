//go:build linux

package kernel

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the kernel modules of the families, including those that load on
// demand: the algorithms for package alg and the parts of rxrpc and tls.
const wanted = `can can-raw can-bcm can-isotp can-j1939 vcan
	af_alg algif_hash algif_skcipher algif_aead algif_rng gcm ccm cbc ctr ecb cmac hmac ghash-generic
	chacha20poly1305 chacha chacha_generic poly1305_generic
	drbg ansi_cprng crc32c_generic sha512_generic
	bluetooth hci_vhci rfcomm ecdh_generic vsock vsock_loopback qrtr sctp rds rds_tcp smc smc_diag tipc tls veth dummy diag`

// buildImage makes the initial file system in a folder and returns its path.
func buildImage(l *lab, dir string) (string, error) {
	built := filepath.Join(dir, "built")
	names, err := buildTests(built)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "initrd.cpio")
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	img := &image{w: buffered, made: map[string]bool{}}
	if err := img.fill(l, built, names); err != nil {
		return "", err
	}
	if err := img.end(); err != nil {
		return "", err
	}
	return file, buffered.Flush()
}

func (img *image) fill(l *lab, built string, names []string) error {
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "run"} {
		img.dir(dir)
	}
	img.device("dev/console", 5, 1)
	img.device("dev/null", 1, 3)
	img.file("tests.list", []byte(strings.Join(names, "\n")), 0o644)
	img.file("etc/hosts", []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644)
	img.file("etc/protocols", []byte("ip 0 IP\ntcp 6 TCP\nudp 17 UDP\n"), 0o644)
	img.file("etc/services", []byte("http 80/tcp www\nhttps 443/tcp\ndomain 53/udp\n"), 0o644)
	img.copy("init", filepath.Join(built, "init"))
	img.copy("bin/seal", filepath.Join(built, "seal"))
	libraries := map[string]bool{}
	for _, name := range names {
		file := strings.ReplaceAll(name, "/", "_") + ".test"
		img.copy("tests/"+file, filepath.Join(built, file))
		if underRace {
			if err := l.libraries(filepath.Join(built, file), libraries); err != nil {
				return err
			}
		}
	}
	img.file("patience", []byte(testPatience.String()), 0o644)
	if err := img.modules(l); err != nil {
		return err
	}
	return img.programs(l, libraries)
}

// modules copies the modules and their dependencies, in loading order.
func (img *image) modules(l *lab) error {
	order, err := l.moduleFiles()
	if err != nil {
		return err
	}
	var list []string
	for _, file := range order {
		name := "modules/" + path.Base(file)
		img.copy(name, filepath.Join(l.root, "lib", "modules", l.release, file))
		list = append(list, "/"+name)
	}
	img.file("modules.list", []byte(strings.Join(list, "\n")), 0o644)
	return nil
}

// moduleFiles returns the files of the modules and their dependencies, in loading order.
func (l *lab) moduleFiles() (order []string, err error) {
	text, err := os.ReadFile(filepath.Join(l.root, "lib", "modules", l.release, "modules.dep"))
	if err != nil {
		return nil, err
	}
	needs, files := map[string][]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		file, deps, _ := strings.Cut(line, ":")
		needs[file] = strings.Fields(deps)
		files[moduleName(file)] = file
	}
	add := func(file string) {
		if !slices.Contains(order, file) {
			order = append(order, file)
		}
	}
	for name := range strings.FieldsSeq(wanted) {
		file, ok := files[moduleName(name)]
		if !ok {
			continue // built in, or gone; a family without it fails its tests
		}
		for _, dep := range slices.Backward(needs[file]) {
			add(dep)
		}
		add(file)
	}
	return order, nil
}

// moduleName returns the name that modprobe uses for a file.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// programs copies the peers and the libraries that they load, beside those that
// are given.
func (img *image) programs(l *lab, libraries map[string]bool) error {
	python, err := filepath.Glob(filepath.Join(l.root, "usr/bin/python3.*"))
	if err != nil || len(python) == 0 {
		return fmt.Errorf("no Python in the packages: %v", err)
	}
	sources := map[string]string{"bin/python3": python[0]}
	for _, name := range []string{"cansend", "candump", "isotpsend", "isotprecv", "openssl"} {
		if file := filepath.Join(l.root, "usr/bin", name); exists(file) {
			sources["bin/"+name] = file
		}
	}
	for name, file := range sources {
		img.copy(name, file)
		if err := l.libraries(file, libraries); err != nil {
			return err
		}
	}
	for lib := range libraries {
		file, err := l.library(lib)
		if err != nil {
			return err
		}
		if strings.HasPrefix(lib, "ld-") {
			img.copy("lib64/"+lib, file)
			continue
		}
		img.copy("lib/x86_64-linux-gnu/"+lib, file)
	}
	return img.tree(filepath.Join(l.root, "usr/lib", filepath.Base(python[0])), "usr/lib/"+filepath.Base(python[0]))
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// libraries adds the names of the libraries that a program loads.
func (l *lab) libraries(file string, all map[string]bool) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, lib := range append(needed, "ld-linux-x86-64.so.2") {
		if all[lib] {
			continue
		}
		all[lib] = true
		path, err := l.library(lib)
		if err != nil {
			return err
		}
		if err := l.libraries(path, all); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) library(name string) (string, error) {
	for _, dir := range []string{"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64"} {
		file := filepath.Join(l.root, dir, name)
		if target, err := os.Readlink(file); err == nil && !filepath.IsAbs(target) {
			file = filepath.Join(filepath.Dir(file), target)
		}
		if exists(file) {
			return file, nil
		}
		if matches, _ := filepath.Glob(filepath.Join(l.root, dir, name)); len(matches) > 0 {
			return matches[0], nil
		}
	}
	return "", fmt.Errorf("library %s is in none of the packages", name)
}

// An image is a file system in cpio's "newc" format, which the kernel unpacks
// into its memory.
type image struct {
	w    io.Writer
	err  error
	ino  int
	made map[string]bool // folders
}

// Modes of cpio entries.
const (
	modeDir    = 0o040755
	modeFile   = 0o100000
	modeDevice = 0o020666
)

func (img *image) dir(name string) {
	if name == "." || name == "/" || img.made[name] {
		return
	}
	img.dir(path.Dir(name))
	img.made[name] = true
	img.entry(name, modeDir, 0, 0, nil)
}

func (img *image) file(name string, data []byte, perm fs.FileMode) {
	img.dir(path.Dir(name))
	img.entry(name, modeFile|int(perm), 0, 0, data)
}

func (img *image) copy(name, from string) {
	data, err := os.ReadFile(from)
	if err != nil && img.err == nil {
		img.err = err
	}
	img.file(name, data, 0o755)
}

func (img *image) device(name string, major, minor int) {
	img.dir(path.Dir(name))
	img.entry(name, modeDevice, major, minor, nil)
}

// tree copies a folder without the files that Python does not need.
func (img *image) tree(from, to string) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || strings.Contains(file, "__pycache__") {
			return nil
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		img.copy(path.Join(to, filepath.ToSlash(rel)), file)
		return nil
	})
}

func (img *image) entry(name string, mode, major, minor int, data []byte) {
	if img.err != nil {
		return
	}
	img.ino++
	var b bytes.Buffer
	fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", img.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0)
	b.WriteString(name)
	b.WriteByte(0)
	b.Write(make([]byte, -b.Len()&3))
	b.Write(data)
	b.Write(make([]byte, -len(data)&3))
	_, img.err = img.w.Write(b.Bytes())
}

func (img *image) end() error {
	img.entry("TRAILER!!!", 0, 0, 0, nil)
	return img.err
}
