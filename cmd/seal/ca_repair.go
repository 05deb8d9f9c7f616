package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/authority"
)

const repairLong = `Repair the authority's journal after it was truncated or changed, from what is left of
it, the newest revocation list, the certificates that seal listen uses, and each FILE
of certificates. No revocation is reversed: if more were counted than can be found,
nothing is changed until --revoked names them. The old journal is kept beside the new
one.`

func newCARepair(out *output) *cobra.Command {
	var revoked []string
	cmd := &cobra.Command{
		Use:     "repair [FILE...]",
		Short:   "Repair a journal that was truncated or changed",
		Long:    repairLong,
		Example: "  seal ca repair\n  seal ca repair --revoked printer.local.pem *.pem",
		RunE: func(cmd *cobra.Command, files []string) error {
			return repair(cmd.Context(), out, files, revoked)
		},
	}
	cmd.Flags().StringArrayVar(&revoked, "revoked", nil,
		"a certificate `FILE-or-SERIAL` that was revoked; may be given several times")
	return cmd
}

func repair(ctx context.Context, out *output, files, revoked []string) error {
	ca, err := existingAuthority()
	if err != nil {
		return err
	}
	var with authority.Repairs
	for _, name := range files {
		data, err := readBounded(ctx, name, maxIssued)
		if err != nil {
			return err
		}
		with.Certificates = append(with.Certificates, data)
	}
	for _, what := range revoked {
		if _, err := os.Stat(what); err != nil {
			with.Revoked = append(with.Revoked, what)
			continue
		}
		data, err := readBounded(ctx, what, maxIssued)
		if err != nil {
			return err
		}
		serial, err := authority.SerialOf(data)
		if err != nil {
			return failed(err, "--revoked %s: %v", what,
				err).hinted("name a certificate in PEM or DER, or its serial number")
		}
		with.Certificates, with.Revoked = append(with.Certificates, data), append(with.Revoked, serial)
	}
	report, err := ca.Repair(with)
	if err != nil {
		p := failed(err, "the authority was not repaired: %v", err)
		p.code = "repair"
		return p.hinted("an earlier revocation list or your own records may name the revoked ones: " +
			"--revoked SERIAL")
	}
	out.print(repaired(*report))
	return nil
}

// repaired reports what a repair did.
type repaired authority.Repaired

func (repaired) event() string { return "repaired" }

func (r repaired) text() string {
	if r.Previous == "" {
		return "seal: the authority needs no repair"
	}
	text := []string{fmt.Sprintf("seal: repaired the authority: %d entries kept, %d unreadable",
		r.Kept, r.Dropped)}
	text = append(text, fmt.Sprintf("%d certificates and %d revocations recovered; the old "+
		"journal is %s",
		r.Found, r.Revoked, r.Previous))
	if r.Unknown > 0 {
		text = append(text, fmt.Sprintf("%d certificates have no record: seal ca repair FILE... gives "+
			"them one", r.Unknown))
	}
	return strings.Join(text, "\n")
}

// repairHint is the hint for an authority whose record was cut.
const repairHint = "seal ca repair restores it from the newest list and the certificates, and reverses " +
	"no revocation"
