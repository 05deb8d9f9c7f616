package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/internal/printable"
)

const certLong = `Show what is in each FILE, or with - in standard input: certificates, certification
requests, revocation lists and keys, in PEM, DER, PKCS#12 or PKCS#7. Of a private key only
the public half is shown. Nothing is verified; what breaks a rule or looks like an
attack is listed as a problem. With --json each item is one line on standard output.`

// maxCertFile bounds a file; revocation lists are the largest.
const maxCertFile = certificate.MaxListSize + 1<<20

func newCert(out *output) *cobra.Command {
	var owner identityFlags
	cmd := &cobra.Command{
		Use:     "cert FILE...",
		Short:   "Show certificates, requests, revocation lists and keys",
		Long:    certLong,
		Example: "  seal cert server.pem\n  seal cert --json *.pem\n  seal ca crl | seal cert -",
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				return usage("FILE is missing").hinted("as in seal cert server.pem; - is standard input")
			}
			var first error
			for _, name := range files {
				if len(files) > 1 && !out.json {
					fmt.Fprintf(cmd.OutOrStdout(), "%s:\n", printable.Line(name))
				}
				err := showFile(cmd.Context(), cmd.OutOrStdout(), out, &owner, name)
				if err != nil && first != nil {
					out.fail(first) // main prints the last one
				}
				if err != nil {
					first = err
				}
			}
			return first
		},
	}
	cmd.Flags().StringVar(&owner.passwordFile, "key-password-file", "", "`file` whose first line is the password; the default is to ask on the terminal")
	return cmd
}

// showFile shows what is in one file.
func showFile(ctx context.Context, stdout io.Writer, out *output, owner *identityFlags,
	name string) error {
	items, err := interruptibly(ctx, func() ([]certificate.Item,
		error) {
		return itemsOf(ctx, owner, name)
	})
	if err != nil {
		return err
	}
	return printItems(stdout, out.json, name, items)
}

// A fileItem is one item of a file, as a line of JSON.
type fileItem struct {
	File string `json:"file"`
	certificate.Item
}

// printItems writes the items of a file.
func printItems(stdout io.Writer, json bool, name string, items []certificate.Item) error {
	for _, item := range items {
		if json {
			if err := printJSON(stdout, fileItem{name, item}); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(stdout, item.Text()); err != nil {
			return outputError(err)
		}
	}
	return brokenItem(name, items)
}

// brokenItem is the error of a file in which something cannot be read that should be
// readable by its label.
func brokenItem(name string, items []certificate.Item) error {
	for _, item := range items {
		if item.Note != "" && item.Kind != certificate.KindOther {
			return failed(nil, "%s has a %s that cannot be read: %s", printable.Line(name), item.Kind,
				printable.Line(item.Note)).hinted("copy the file again, in PEM or DER")
		}
	}
	return nil
}

func itemsOf(ctx context.Context, owner *identityFlags, name string) ([]certificate.Item, error) {
	data, err := readBounded(ctx, name, maxCertFile)
	if err != nil {
		return nil, err
	}
	items, err := certificate.Read(data, owner.passwords(name)...)
	if err != nil {
		return nil, unreadableItems(name, err)
	}
	return items, nil
}

// unreadableItems is the error of a file in which nothing can be read.
func unreadableItems(name string, err error) error {
	p := explain(err)
	p.text = printable.Line(name) + ": " + p.text
	if p.hint == "" {
		p.hint = "check the name; seal inspect reads packet captures too"
	}
	return p
}
