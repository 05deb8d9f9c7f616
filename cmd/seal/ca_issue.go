package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
)

const issueLong = `Issue a certificate for NAMEs: host names, IP addresses, e-mail addresses or URIs;
with --client also a common name. Certificate and chain are written to one file, the
key to another that only its owner may read. Existing files are not replaced without
--force.`

type issueFlags struct {
	cert, key, csr string
	p12            string
	passwordFile   string
	client, server bool
	force          bool
	algorithm      string
	days           int
}

func newCAIssue(out *output) *cobra.Command {
	var flags issueFlags
	cmd := &cobra.Command{
		Use:     "issue NAME...",
		Short:   "Issue a certificate with a new key",
		Long:    issueLong,
		Example: "  seal ca issue printer.local 192.168.1.20\n  seal ca issue --cert web.pem --key web.key --days 30 web.internal\n  seal ca issue --client --p12 alice.p12 alice",
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 && flags.csr == "" {
				return usage("NAME is missing").hinted("as in seal ca issue localhost 127.0.0.1")
			}
			return flags.issue(cmd.Context(), out, names)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.cert, "cert", "", "`file` for the certificate and its chain; the default is NAME.pem")
	f.StringVar(&flags.key, "key", "", "`file` for the key; the default is NAME.key")
	f.StringVar(&flags.p12, "p12", "", "write certificate, chain and key to this PKCS#12 `file` instead")
	f.StringVar(&flags.passwordFile, "key-password-file", "", "`file` whose first line is the password of --p12; the default is to ask on the terminal")
	f.StringVar(&flags.csr, "csr", "", "certify the key of this certification request, a PEM or DER `file`; its names are used if none is given")
	f.BoolVar(&flags.client, "client", false, "for clients instead of servers; with --server for both")
	f.BoolVar(&flags.server, "server", false, "for servers, the default")
	f.BoolVar(&flags.force, "force", false, "replace existing files")
	f.StringVar(&flags.algorithm, "algorithm", "", "`kind` of the key: "+algorithmNames)
	f.IntVar(&flags.days, "days", 90, "lifetime in `days`, at most 397")
	return cmd
}

func (flags *issueFlags) issue(ctx context.Context, out *output, names []string) error {
	request, err := flags.request(ctx, names)
	if err != nil {
		return err
	}
	ca, err := existingAuthority()
	if errors.Is(err, authority.ErrNotExist) {
		ca, err = offerFirst(ctx, out, names, err)
	}
	if err != nil {
		return err
	}
	flags.fillFiles(names)
	if err := flags.refuseExisting(); err != nil {
		return err
	}
	var password string
	if flags.p12 != "" {
		if password, err = newPassword(ctx, flags.passwordFile, flags.p12); err != nil {
			return err
		}
	}
	id, rec, err := ca.Issue(request)
	if err != nil {
		if ca, err = offerSecond(ctx, out, names, err); err != nil {
			return err
		}
		id, rec, err = ca.Issue(request)
	}
	if err != nil {
		return notPermitted(err, names)
	}
	if err := flags.write(id, password); err != nil {
		return err
	}
	issued := recordOf(*rec)
	issued.Cert, issued.Key = flags.cert, flags.key
	if flags.p12 != "" {
		issued.Cert, issued.Key = flags.p12, ""
	}
	out.print(issued)
	return nil
}

func (flags *issueFlags) request(ctx context.Context, names []string) (authority.Request, error) {
	r := authority.Request{Names: names, Client: flags.client, Server: flags.server, Lifetime: time.Duration(flags.days) * 24 * time.Hour}
	var err error
	if r.Algorithm, err = authority.ParseAlgorithm(flags.algorithm); err != nil {
		return r, usage("--algorithm: %v", err).
			hinted("as in --algorithm ecdsa-p256")
	}
	if flags.days <= 0 {
		return r, usage("--days %d is not a valid lifetime", flags.days).hinted("as in --days 90")
	}
	if most := int(authority.MaxLifetime.Hours() / 24); flags.days > most {
		return r, usage("--days %d is more than the %d that browsers accept", flags.days, most).
			hinted("give a shorter time, and renew the certificate: seal ca renew")
	}
	if flags.csr == "" {
		return r, nil
	}
	if flags.key != "" || flags.algorithm != "" || flags.p12 != "" {
		return r, usage("--csr excludes --key, --p12 and --algorithm: it creates no key").hinted("leave them out")
	}
	if r.CSR, err = readBounded(ctx, flags.csr, maxIssued); err != nil {
		if ctx.Err() != nil {
			return r, err
		}
		p := explain(err)
		p.text = "--csr " + p.text
		return r, p
	}
	return r, nil
}

// fillFiles names the files after the first name, where a flag does not.
func (flags *issueFlags) fillFiles(names []string) {
	base := strings.TrimSuffix(flags.csr, ".csr")
	if len(names) > 0 {
		base = names[0]
	}
	base = fileName(base)
	if flags.cert == "" {
		flags.cert = base + ".pem"
	}
	if flags.key == "" && flags.csr == "" {
		flags.key = base + ".key"
	}
}

// fileName is a name without the characters that a name of a file cannot have.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`*/\:`, r) {
			return '_'
		}
		return r
	}, name)
}

// refuseExisting checks for existing files, and missing folders, before a certificate is issued
// that could not be written.
func (flags *issueFlags) refuseExisting() error {
	files := []string{flags.cert, flags.key}
	if flags.p12 != "" {
		files = []string{flags.p12}
	}
	for _, name := range files {
		if name == "" {
			continue
		}
		if folder := filepath.Dir(name); !isFolder(folder) {
			return failed(nil, "%s cannot be written: there is no folder %s", name, folder).
				hinted("create the folder, or name another file")
		}
		if flags.force {
			continue
		}
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return failed(err, "%s exists already", name).hinted("--force replaces it; --cert and --key name other files")
		}
	}
	return nil
}

// write writes the key first: a certificate without its key is of no use.
func (flags *issueFlags) write(id *identity.Identity, password string) error {
	if flags.p12 != "" {
		data, err := id.EncodePKCS12(password)
		if err != nil {
			return err
		}
		return writeNew(flags.p12, data, 0o600, flags.force)
	}
	chain := new(bytes.Buffer)
	for _, der := range id.Chain {
		pem.Encode(chain, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	if id.Signer == nil {
		return writeNew(flags.cert, chain.Bytes(), 0o644, flags.force)
	}
	der, err := x509.MarshalPKCS8PrivateKey(id.Signer.Key())
	if err != nil {
		return err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if flags.key == flags.cert {
		return writeNew(flags.cert, append(key, chain.Bytes()...), 0o600, flags.force)
	}
	return flags.writePair(id, key, chain.Bytes())
}

// writePair writes the key and the certificate to two files.
func (flags *issueFlags) writePair(id *identity.Identity, key, chain []byte) error {
	if flags.force && exists(flags.cert) && exists(flags.key) { // replaces both, or none
		if err := authority.SaveFiles(id, flags.cert, flags.key); err != nil {
			return lostCertificate(flags.cert, err)
		}
		return nil
	}
	if err := writeNew(flags.key, key, 0o600, flags.force); err != nil {
		return err
	}
	err := writeNew(flags.cert, chain, 0o644, flags.force)
	if err != nil && !flags.force {
		os.Remove(flags.key) // which is new, and of no use alone
	}
	return err
}

// isFolder reports whether there is a folder of this name.
func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// exists reports whether there is a file of this name.
func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// writeNew writes a file that does not exist yet, or with force replaces one. An error leaves no
// part of it.
func writeNew(name string, data []byte, mode fs.FileMode, force bool) error {
	if _, err := os.Lstat(name); err == nil && force {
		if err := replaceKept(name, data, mode); err != nil {
			return lostCertificate(name, err)
		}
		return nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return lostCertificate(name, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(name) // a part of it, which would be in the way of the next attempt
		return lostCertificate(name, err)
	}
	return nil
}

// maxPasswordFile bounds a file whose first line is a password.
const maxPasswordFile = 64 << 10

// newPassword is the first line of a file, or what is typed on the terminal, twice.
func newPassword(ctx context.Context, file, what string) (string, error) {
	if file != "" {
		data, err := readBounded(ctx, file, maxPasswordFile)
		if err != nil {
			return "", err
		}
		line, _, _ := strings.Cut(string(data), "\n")
		password := strings.TrimSuffix(line, "\r")
		return password, refuseNoPassword(password, what)
	}
	first, err := interruptibly(ctx, func() ([]byte, error) {
		return askPassword("new password of " +
			what)
	})
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", failed(err, "%s needs a password, and there is no terminal to ask for it", what).hinted("give it in a file: --key-password-file FILE")
	}
	second, err := interruptibly(ctx, func() ([]byte, error) { return askPassword("repeat the password") })
	if err != nil {
		return "", err
	}
	if !bytes.Equal(first, second) {
		return "", failed(nil, "the two passwords differ").hinted("try again")
	}
	return string(first), refuseNoPassword(string(first), what)
}

// refuseNoPassword refuses an empty password, which is an oversight, as with a variable that is
// not set: everyone who has the file could decrypt the key.
func refuseNoPassword(password, what string) error {
	if password != "" {
		return nil
	}
	return failed(nil, "the new password of %s is empty", what).
		hinted("write one into the file of --key-password-file; --cert and --key write a key that is " +
			"not encrypted")
}
