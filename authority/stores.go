package authority

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func sortStores(all []Store, order map[StoreKind]int) {
	slices.SortStableFunc(all, func(a, b Store) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), cmp.Compare(a.Path, b.Path))
	})
}

// anchorFolders are the folders whose certificates a program turns into the
// system's bundle. The first that exists counts.
var anchorFolders = []struct {
	path, suffix string
	program      []string
	get          string
}{
	{"/etc/pki/ca-trust/source/anchors", ".pem", []string{"update-ca-trust", "extract"}, "dnf install ca-certificates"},
	{"/usr/local/share/ca-certificates", ".crt", []string{"update-ca-certificates"}, "apt-get install ca-certificates"},
	{"/etc/ca-certificates/trust-source/anchors", ".crt", []string{"trust", "extract-compat"}, "pacman -S ca-certificates-utils"},
	{"/etc/pki/trust/anchors", ".pem", []string{"update-ca-certificates"}, "zypper install ca-certificates"},
	{"/usr/local/etc/ssl/certs", ".pem", []string{"certctl", "rehash"}, "certctl is part of FreeBSD"},
}

func (h *host) systemStores() []Store {
	switch h.goos {
	case "darwin":
		return []Store{h.keychain()}
	case "windows":
		return []Store{h.windowsStore()}
	}
	for _, f := range anchorFolders {
		folder := h.path(f.path)
		if !h.isDir(folder) {
			continue
		}
		file := func(r *root) string { return filepath.Join(folder, r.name+f.suffix) }
		rebuild := func(ctx context.Context) error {
			program, err := h.tool(f.program[0], f.get)
			if err != nil {
				return err
			}
			return h.run(ctx, program, f.program[1:]...)
		}
		return []Store{{
			Kind: StoreSystem, Path: folder,
			add: func(ctx context.Context, r *root) error {
				if err := writePublic(file(r), r.pem); err != nil {
					return err
				}
				return rebuild(ctx)
			},
			remove: func(ctx context.Context, r *root) error {
				if err := os.Remove(file(r)); errors.Is(err, fs.ErrNotExist) {
					return nil
				} else if err != nil {
					return err
				}
				h.removeLink(r)
				return rebuild(ctx)
			},
		}}
	}
	return nil
}

// removeLink removes the link that Debian made to the file and does not take
// back.
func (h *host) removeLink(r *root) {
	link := h.path("/etc/ssl/certs/" + r.name + ".pem")
	if info, err := os.Lstat(link); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		_ = os.Remove(link)
	}
}

// writePublic writes a file that everyone may read.
func writePublic(path string, data []byte) error {
	if err := writeFile(path, data); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

const systemKeychain = "/Library/Keychains/System.keychain"

func (h *host) keychain() Store {
	security := func(ctx context.Context, args ...string) error {
		program, err := h.tool("security", "it is part of macOS")
		if err != nil {
			return err
		}
		return h.run(ctx, program, args...)
	}
	return Store{
		Kind: StoreSystem, Path: systemKeychain,
		add: func(ctx context.Context, r *root) error {
			return security(ctx, "add-trusted-cert", "-d", "-r", "trustRoot", "-k", systemKeychain, r.file)
		},
		remove: func(ctx context.Context, r *root) error {
			if security(ctx, "find-certificate", "-c", r.cert.Subject.CommonName, systemKeychain) != nil {
				return nil // it is not there
			}
			if err := security(ctx, "remove-trusted-cert", "-d", r.file); err != nil {
				return err
			}
			return security(ctx, "delete-certificate", "-Z", r.sha1, systemKeychain)
		},
	}
}

// windowsStore is the user's own, which needs no administrator; Windows asks
// before it adds a root.
func (h *host) windowsStore() Store {
	certutil := func(ctx context.Context, args ...string) error {
		program, err := h.tool("certutil.exe", "it is part of Windows")
		if err != nil {
			return err
		}
		return h.run(ctx, program, args...)
	}
	return Store{
		Kind: StoreSystem, Path: `Cert:\CurrentUser\Root`,
		add: func(ctx context.Context, r *root) error { return certutil(ctx, "-user", "-addstore", "Root", r.file) },
		remove: func(ctx context.Context, r *root) error {
			if certutil(ctx, "-user", "-store", "Root", r.sha1) != nil {
				return nil // it is not there
			}
			return certutil(ctx, "-user", "-delstore", "Root", r.sha1)
		},
	}
}

// nssFolders are those of the data bases of browsers, below the home folder.
// Firefox has one for each profile.
var nssFolders = []string{
	".pki/nssdb",
	".local/share/pki/nssdb",
	"snap/chromium/current/.pki/nssdb",
	".mozilla/firefox/*",
	".config/mozilla/firefox/*",
	"snap/firefox/common/.mozilla/firefox/*",
	".var/app/org.mozilla.firefox/.mozilla/firefox/*",
	"Library/Application Support/Firefox/Profiles/*",
	"AppData/Roaming/Mozilla/Firefox/Profiles/*",
}

func (h *host) nssStores() []Store {
	if h.home == "" {
		return nil
	}
	h.makeNSS()
	var all []Store
	for _, pattern := range nssFolders {
		folders, err := filepath.Glob(filepath.Join(h.home, filepath.FromSlash(pattern)))
		if err != nil {
			continue
		}
		for _, folder := range folders {
			if h.isFile(filepath.Join(folder, "cert9.db")) {
				all = append(all, h.nssStore(folder))
			}
		}
	}
	return all
}

// makeNSS makes the data base of Chromium, which has none before its first
// start and then reads this one.
func (h *host) makeNSS() {
	folder := filepath.Join(h.home, ".pki", "nssdb")
	if h.goos != "linux" || h.isDir(folder) {
		return
	}
	for _, browser := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if _, err := h.look(browser); err != nil {
			continue
		}
		program, err := h.look("certutil")
		if err != nil || os.MkdirAll(folder, 0o700) != nil {
			return
		}
		_ = h.run(context.Background(), program, "-N", "-d", "sql:"+folder, "--empty-password") // without it the browser has no store to change
		return
	}
}

func (h *host) nssStore(folder string) Store {
	certutil := func(ctx context.Context, args ...string) error {
		program, err := h.tool("certutil", "apt-get install libnss3-tools, dnf install nss-tools, brew install nss")
		if err != nil {
			return err
		}
		return h.run(ctx, program, append([]string{"-d", "sql:" + folder}, args...)...)
	}
	return Store{
		Kind: StoreNSS, Path: folder,
		add: func(ctx context.Context, r *root) error {
			return certutil(ctx, "-A", "-t", "C,,", "-n", r.name, "-i", r.file)
		},
		remove: func(ctx context.Context, r *root) error {
			if certutil(ctx, "-L", "-n", r.name) != nil {
				return nil // it is not there
			}
			return certutil(ctx, "-D", "-n", r.name)
		},
	}
}

// javaPassword protects no secret: it is the one that every Java runtime comes
// with.
const javaPassword = "changeit"

func (h *host) javaStores() []Store {
	var homes []string
	if home := h.getenv("JAVA_HOME"); home != "" {
		homes = append(homes, home)
	}
	if java, err := h.look("java"); err == nil {
		if real, err := filepath.EvalSymlinks(java); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(real)))
		}
	}
	var all []Store
	seen := map[string]bool{}
	for _, home := range homes {
		for _, below := range []string{"lib/security/cacerts", "jre/lib/security/cacerts"} {
			keystore, err := filepath.EvalSymlinks(filepath.Join(home, filepath.FromSlash(below)))
			if err != nil || seen[keystore] || !h.isFile(keystore) {
				continue
			}
			seen[keystore] = true
			all = append(all, h.javaStore(keystore, filepath.Join(home, "bin", "keytool")))
		}
	}
	return all
}

func (h *host) javaStore(keystore, keytool string) Store {
	run := func(ctx context.Context, args ...string) error {
		if !h.isFile(keytool) && !h.isFile(keytool+".exe") {
			var err error
			if keytool, err = h.tool("keytool", "it is part of the Java runtime"); err != nil {
				return err
			}
		}
		return h.run(ctx, keytool, append(args, "-keystore", keystore, "-storepass", javaPassword)...)
	}
	listed := func(ctx context.Context, alias string) bool { return run(ctx, "-list", "-alias", alias) == nil }
	return Store{
		Kind: StoreJava, Path: keystore,
		add: func(ctx context.Context, r *root) error {
			if listed(ctx, r.name) {
				return nil
			}
			return run(ctx, "-importcert", "-noprompt", "-trustcacerts", "-alias", r.name, "-file", r.file)
		},
		remove: func(ctx context.Context, r *root) error {
			// Debian copies the system's store into Java's, under a name of its
			// own, and does not take it back.
			for _, alias := range []string{r.name, "debian:" + r.name + ".pem"} {
				if !listed(ctx, alias) {
					continue
				}
				if err := run(ctx, "-delete", "-alias", alias); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
