package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
)

const renewLong = `Renew a certificate: issue one with the same names, uses and lifetime, and a new key.
With a FILE the new certificate replaces it, and the new key replaces the file of
--key, or else FILE with the suffix .key, or else the key in FILE. With a SERIAL from
seal ca list, or its first eight digits, new files are created, named after the first
name.`

type renewFlags struct {
	issueFlags
	keepKey bool
	owner   identityFlags
}

func newCARenew(out *output) *cobra.Command {
	var flags renewFlags
	cmd := &cobra.Command{
		Use:     "renew FILE-or-SERIAL",
		Short:   "Renew a certificate, with the same names",
		Long:    renewLong,
		Example: "  seal ca renew printer.local.pem\n  seal ca renew --keep-key web.pem\n  seal ca renew 7126bd55",
		Args:    exactArgs("FILE-or-SERIAL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.renew(cmd.Context(), out, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.cert, "cert", "", "`file` for the certificate and its chain, instead of FILE")
	f.StringVar(&flags.key, "key", "", "`file` of the key")
	f.BoolVar(&flags.keepKey, "keep-key", false, "keep the key in the file, so that its pin stays the same")
	f.StringVar(&flags.algorithm, "algorithm", "", "`kind` of the new key; the default is ecdsa-p256")
	f.BoolVar(&flags.force, "force", false, "replace existing files, with a SERIAL")
	f.StringVar(&flags.owner.passwordFile, "key-password-file", "", "`file` whose first line is the password of the kept key; the default is to ask on the terminal")
	return cmd
}

func (flags *renewFlags) renew(ctx context.Context, out *output, what string) error {
	algorithm, err := authority.ParseAlgorithm(flags.algorithm)
	if err != nil {
		return usage("--algorithm: %v", err).
			hinted("as in --algorithm ecdsa-p256")
	}
	ca, err := existingAuthority()
	if err != nil {
		return err
	}
	old, isFile, err := findIssued(ctx, ca, what)
	if err != nil {
		return err
	}
	if err := flags.chooseFiles(what, old, isFile); err != nil {
		return err
	}
	var signer crypto.Signer
	if flags.keepKey {
		signer, err = interruptibly(ctx, func() (crypto.Signer, error) {
			return identity.LoadKey(flags.key, flags.owner.passwords("")...)
		})
		if err != nil {
			return err
		}
	}
	id, rec, err := ca.Renew(old, signer, algorithm)
	if err != nil {
		return failed(err, "no certificate was issued: %v", err).hinted("seal ca issue makes one with other names")
	}
	return flags.save(out, id, rec)
}

// chooseFiles sets the files to which the certificate and the key are written.
func (flags *renewFlags) chooseFiles(what string, old *authority.Record, isFile bool) error {
	if !isFile {
		flags.fillFiles(old.Names)
		if flags.keepKey {
			return nil
		}
		return flags.refuseExisting()
	}
	if flags.key == "" {
		flags.key = strings.TrimSuffix(what, ".pem") + ".key"
		if _, err := os.Stat(flags.key); errors.Is(err, fs.ErrNotExist) {
			flags.key = what // both are in one file, or the key is new
		}
	}
	if flags.cert == "" {
		flags.cert = what
	}
	return nil
}

// save replaces the files, each as a whole. A key that is kept stays as it is,
// unless it is in the certificate's file.
func (flags *renewFlags) save(out *output, id *identity.Identity, rec *authority.Record) error {
	key := flags.key
	if flags.keepKey && flags.key != flags.cert {
		key = ""
	}
	if err := authority.SaveFiles(id, flags.cert, key); err != nil {
		return lostCertificate(flags.cert, err)
	}
	issued := recordOf(*rec)
	issued.Cert, issued.Key = flags.cert, flags.key
	out.print(issued)
	return nil
}

// lostCertificate is the problem of a certificate that could not be written.
func lostCertificate(name string, err error) error {
	return failed(err, "%s cannot be written: %v", name, cause(err)).
		hinted("the issued certificate is lost: check the folder, and issue it again")
}

// maxIssued bounds a file with a certificate that the authority issued.
const maxIssued = 1 << 20

// findIssued finds the record of a certificate, by its file or its serial number.
func findIssued(ctx context.Context, ca *authority.Authority, what string) (rec *authority.Record,
	isFile bool, err error) {
	if _, statErr := os.Stat(what); statErr == nil {
		data, err := readBounded(ctx, what, maxIssued)
		if err != nil {
			return nil, true, err
		}
		rec, err = ca.FindCertificate(data)
		if err != nil {
			return nil, true, failed(err, "%s: %v", what, err).hinted("seal ca list shows what this authority issued")
		}
		return rec, true, nil
	}
	rec, err = ca.Find(what)
	if err != nil {
		return nil, false, failed(err, "%q is neither a file nor a serial number here: %v", what, err).
			hinted("seal ca list shows what this authority issued")
	}
	return rec, false, nil
}

const revokeLong = `Revoke certificates, each given by its file or its serial number. Peers see it in the
next revocation list (seal ca crl) or by OCSP (seal ca serve). It cannot be undone.`

func newCARevoke(out *output) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "revoke FILE-or-SERIAL...",
		Short:   "Revoke certificates",
		Long:    revokeLong,
		Example: "  seal ca revoke printer.local.pem\n  seal ca revoke --reason key-compromise 7126bd55",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("FILE-or-SERIAL is missing").hinted("seal ca list shows the serial numbers")
			}
			why, err := authority.ParseReason(reason)
			if err != nil {
				return usage("--reason: %v", err).
					hinted("as in --reason key-compromise")
			}
			return revoke(cmd.Context(), out, args, why)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "a `word`: key-compromise, affiliation-changed, superseded, cessation-of-operation, privilege-withdrawn or unspecified")
	return cmd
}

// revoke finds all certificates first, so that a wrong argument revokes nothing.
func revoke(ctx context.Context, out *output, args []string, why authority.Reason) error {
	ca, err := existingAuthority()
	if err != nil {
		return err
	}
	var all []*authority.Record
	for _, what := range args {
		rec, _, err := findIssued(ctx, ca, what)
		if err != nil {
			return err
		}
		all = append(all, rec)
	}
	for _, rec := range all {
		now, err := ca.Revoke(rec.Serial, why)
		if err != nil {
			return failed(err, "%s was not revoked: %v", rec.Serial, err).
				hinted("check the folder %s, and its free space", ca.Dir())
		}
		out.print(revoked{recordOf(*now), why.String()})
	}
	return nil
}

// revoked reports that a certificate was revoked.
type revoked struct {
	record
	Reason string `json:"reason"`
}

func (revoked) event() string { return "revoked" }
func (r revoked) text() string {
	return "seal: revoked " + r.Serial + " of " + shownNames(r.Names, ", ") +
		"\npeers see it in a revocation list (seal ca crl > FILE, then --crl FILE) or by OCSP " +
		"(seal ca serve)" +
		fmt.Sprintf("\npeers that have an earlier answer may rely on it until it expires: a list for "+
			"%d days, a response for %d hours", int(authority.ListLifetime.Hours()/24),
			int(authority.ResponseLifetime.Hours()))
}

func newCACRL() *cobra.Command {
	return &cobra.Command{
		Use:   "crl",
		Short: "Print new revocation lists in PEM",
		Long: `Print new revocation lists in PEM: that of the intermediate, which covers leaves,
and that of the root, which covers the intermediate.`,
		Example: "  seal ca crl > revoked.pem\n  seal connect --crl revoked.pem printer.local:443",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ca, err := existingAuthority()
			if err != nil {
				return err
			}
			lists, err := ca.CRL()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(lists)
			return outputError(err)
		},
	}
}
