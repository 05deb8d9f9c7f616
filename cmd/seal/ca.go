package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/internal/printable"
)

const caLong = `A private certificate authority for your own servers and clients.

It is stored in a folder: sealsock/ca in the user's configuration folder, or ca in
SEALSOCK_HOME. seal listen creates it if it needs a certificate and has none. Peers
accept its certificates if they trust its root, which seal ca export prints. seal
connect of the same user trusts it by default.

By default it can issue only for local names and private addresses, so that installing
its root is safe.`

const caExample = `  seal ca create
  seal ca issue printer.local 192.168.1.20
  seal ca issue --client alice
  seal ca export > root.pem
  seal ca list`

func newCA(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ca COMMAND",
		Short:   "Run a private certificate authority",
		Long:    caLong,
		Example: caExample,
		Args:    cobra.ArbitraryArgs,
		RunE:    needsSubcommand,

		SuggestionsMinimumDistance: 2,
		DisableFlagsInUseLine:      true,
	}
	cmd.AddCommand(newCACreate(out), newCAIssue(out), newCARenew(out), newCARevoke(out), newCACRL(),
		newCAList(out), newCAExport(), newCAInstall(out), newCAUninstall(out), newCAServe(out),
		newCARepair(out), newCAAccounts(out))
	return cmd
}

// needsSubcommand is the RunE of a command that only groups subcommands.
func needsSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return usage("a command is missing").hinted("%s --help lists them", cmd.CommandPath())
}

func newCACreate(out *output) *cobra.Command {
	var options authority.Options
	var algorithm, rootAlgorithm string
	var days int
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create the authority: a root and an intermediate",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			var err error
			if options.Algorithm, err = authority.ParseAlgorithm(algorithm); err != nil {
				return usage("--algorithm: %v", err).
					hinted("as in --algorithm ecdsa-p256")
			}
			if rootAlgorithm != "" {
				options.RootAlgorithm, err = authority.ParseAlgorithm(rootAlgorithm)
				if err != nil {
					return usage("--root-algorithm: %v", err).
						hinted("as in --root-algorithm ml-dsa-65")
				}
			}
			if days < 0 {
				return usage("--days %d is not a valid lifetime", days).hinted("as in --days 3650")
			}
			if days > maxRootDays {
				return usage("--days %d is more than %d", days, maxRootDays).hinted("as in --days 3650")
			}
			options.Lifetime = time.Duration(days) * 24 * time.Hour
			return createAuthority(out, options)
		},
	}
	f := cmd.Flags()
	f.StringVar(&options.Name, "name", "", "common `name` of the root; the default has a random number")
	f.StringVar(&algorithm, "algorithm", "", "`kind` of its keys: "+algorithmNames)
	f.StringVar(&rootAlgorithm, "root-algorithm", "",
		"`kind` of the root's key, as of --algorithm, which is the default")
	f.StringArrayVar(&options.Names, "allow", nil, "a domain, address or network (`name`) that it may issue for besides the local ones; may be given several times")
	f.BoolVar(&options.AnyName, "any-name", false, "let it issue for every name: its key can then impersonate any server to those who trust its root")
	f.IntVar(&days, "days", 0, "lifetime of the root in `days`; the default is ten years")
	return cmd
}

// algorithmNames lists the kinds of keys in the help.
const algorithmNames = "ecdsa-p256 (the default), ecdsa-p384, ed25519, rsa-2048, rsa-3072, " +
	"rsa-4096, ml-dsa-44, ml-dsa-65 or ml-dsa-87"

// maxRootDays bounds the lifetime of a root, a hundred years.
const maxRootDays = 36500

func createAuthority(out *output, options authority.Options) error {
	dir, err := authorityDir()
	if err != nil {
		return err
	}
	ca, err := authority.Create(dir, options)
	switch {
	case errors.Is(err, authority.ErrExist):
		return failed(err, "there is an authority in %s already", dir).
			hinted("seal ca list shows what it issued; to replace it, move the folder away")
	case err != nil:
		return failed(err, "the authority cannot be created: %v", err).hinted("its folder is %s; SEALSOCK_HOME sets another", dir)
	}
	out.print(created{Dir: dir, Root: ca.RootFile()})
	return nil
}

// ownAuthority opens the authority, which must exist.
func existingAuthority() (*authority.Authority, error) {
	ca, err := openAuthority()
	if errors.Is(err, authority.ErrNotExist) {
		dir, _ := authorityDir()
		return nil, failed(err, "there is no authority in %s", dir).hinted("create it: seal ca create")
	}
	return ca, err
}

func newCAExport() *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the root's certificate in PEM, for others to trust",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ca, err := existingAuthority()
			if err != nil {
				return err
			}
			data, err := ca.Export(form)
			if err != nil {
				return usage("--form: %v", err).hinted("it is pem, der or chain")
			}
			_, err = cmd.OutOrStdout().Write(data)
			return outputError(err)
		},
	}
	cmd.Flags().StringVar(&form, "form", "pem", "a `word`: pem, der, or chain for the root and the intermediate in PEM")
	return cmd
}

// outputError explains a failure to write to standard output.
func outputError(err error) error {
	if err == nil {
		return nil
	}
	return failed(err, "standard output cannot be written: %v", cause(err)).
		hinted("the program that reads it ended, or the disk is full")
}

func newCAList(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the certificates that were issued",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ca, err := existingAuthority()
			if err != nil {
				return err
			}
			records, err := ca.List()
			if err != nil {
				return err
			}
			if warnings, err := ca.Warnings(); err == nil {
				for _, w := range warnings {
					out.warn("%s", printable.Line(w))
				}
			}
			if out.json {
				for _, r := range records {
					line, err := marshal(recordOf(r))
					if err != nil {
						return err
					}
					if _, err := cmd.OutOrStdout().Write(append(line, '\n')); err != nil {
						return outputError(err)
					}
				}
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SERIAL\tSTATUS\tUNTIL\tFOR\tNAMES")
			for _, r := range records {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Serial, r.Status, day(r.NotAfter), uses(r),
					shownNames(r.Names, " "))
			}
			return outputError(w.Flush())
		},
	}
}

// shownNames puts the names of a certificate into a line. They may come from a
// request or a file of another: one with white space in it is quoted, so that it
// makes no second name and no column.
func shownNames(names []string, between string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = printable.Line(name)
		if strings.ContainsFunc(name, unicode.IsSpace) {
			shown[i] = strconv.Quote(shown[i])
		}
	}
	return strings.Join(shown, between)
}

func uses(r authority.Record) string {
	switch {
	case r.Client && r.Server:
		return "both"
	case r.Client:
		return "client"
	}
	return "server"
}

// record is a certificate that was issued, for programs.
type record struct {
	Serial      string     `json:"serial"`
	Names       []string   `json:"names"`
	Status      string     `json:"status"`
	Use         string     `json:"use"` // "server", "client" or "both"
	NotBefore   time.Time  `json:"not_before"`
	NotAfter    time.Time  `json:"not_after"`
	Issued      time.Time  `json:"issued"`
	Revoked     *time.Time `json:"revoked,omitempty"`
	Fingerprint string     `json:"fingerprint"` // SHA-256 of the certificate
	Cert        string     `json:"cert_file,omitempty"`
	Key         string     `json:"key_file,omitempty"`
}

func recordOf(r authority.Record) record {
	issued := record{
		Serial: r.Serial, Names: r.Names, Status: string(r.Status), Use: uses(r),
		NotBefore: r.NotBefore, NotAfter: r.NotAfter, Issued: r.Issued, Fingerprint: r.Fingerprint,
	}
	if !r.Revoked.IsZero() {
		issued.Revoked = &r.Revoked
	}
	return issued
}

func (record) event() string { return "issued" }

func (r record) text() string {
	text := fmt.Sprintf("seal: issued a certificate for %s, until %s: %s", shownNames(r.Names, ", "),
		day(r.NotAfter), r.Cert)
	if r.Key != "" {
		text += ", its key in " + r.Key
	}
	return text
}
