package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/authority"
)

const accountsLong = `List the accounts that ACME clients opened with seal ca serve --acme, or remove some.
A removed account gets no more certificates, and its orders are canceled. Its
certificates stay valid until they are revoked. Accounts without an order for 90 days
are removed when others are opened.`

func newCAAccounts(out *output) *cobra.Command {
	var remove []string
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "List or remove the accounts of ACME clients",
		Long:  accountsLong,
		Example: "  seal ca accounts\n  seal ca accounts --remove " +
			"cJ1Vf0u2lqQj5u3WmF0E6vO2bnJQw8m6m1Yz5h0R1aM",
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ca, err := existingAuthority()
			if err != nil {
				return err
			}
			for _, id := range remove {
				if err := ca.RemoveAccount(id); err != nil {
					return failed(err, "--remove: %v", err).hinted("seal ca accounts lists them")
				}
				out.print(accountRemoved{id})
			}
			if len(remove) > 0 {
				return nil
			}
			all, err := ca.Accounts()
			if err != nil {
				return err
			}
			return listAccounts(cmd.OutOrStdout(), out, all)
		},
	}
	cmd.Flags().StringArrayVar(&remove, "remove", nil,
		"remove this `account`; may be given several times")
	return cmd
}

// listAccounts writes accounts as a table, or one object a line.
func listAccounts(stdout io.Writer, out *output, accounts []authority.Account) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	if !out.json {
		fmt.Fprintln(w, "ACCOUNT\tLAST ORDER")
	}
	for _, a := range accounts {
		if !out.json {
			fmt.Fprintf(w, "%s\t%s\n", a.ID, day(a.Used))
		} else if err := show(stdout, out, account{a.ID, a.Used}); err != nil {
			return err
		}
	}
	return outputError(w.Flush())
}

// account is one that an ACME client opened.
type account struct {
	ID   string    `json:"account"`
	Used time.Time `json:"last_order"`
}

func (account) event() string  { return "account" }
func (a account) text() string { return a.ID }

// accountRemoved reports that an account was removed.
type accountRemoved struct {
	Account string `json:"account"`
}

func (accountRemoved) event() string  { return "account-removed" }
func (a accountRemoved) text() string { return "seal: removed the account " + a.Account }
