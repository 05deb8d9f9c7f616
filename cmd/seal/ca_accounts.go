package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
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
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ACCOUNT\tLAST ORDER")
			for _, a := range all {
				fmt.Fprintf(w, "%s\t%s\n", a.ID, day(a.Used))
			}
			return outputError(w.Flush())
		},
	}
	cmd.Flags().StringArrayVar(&remove, "remove", nil,
		"remove this `account`; may be given several times")
	return cmd
}

// accountRemoved reports that an account was removed.
type accountRemoved struct {
	Account string `json:"account"`
}

func (accountRemoved) event() string  { return "account-removed" }
func (a accountRemoved) text() string { return "seal: removed the account " + a.Account }
