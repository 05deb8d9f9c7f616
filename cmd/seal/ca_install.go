package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/authority"
)

const installLong = `Install the root in the trust stores of this machine: that of the operating system,
those of Firefox and Chromium (nss), and that of Java. The system's store needs
administrator rights. seal ca uninstall removes it.`

func newCAInstall(out *output) *cobra.Command {
	var kinds []string
	cmd := &cobra.Command{
		Use:     "install",
		Short:   "Install the root in the trust stores of this machine",
		Long:    installLong,
		Example: "  sudo -E seal ca install --store system\n  seal ca install --store nss,java",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeStores(cmd.Context(), out, kinds, "installed in", (*authority.Authority).Install)
		},
	}
	storeFlag(cmd, &kinds)
	return cmd
}

func newCAUninstall(out *output) *cobra.Command {
	var kinds []string
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the root from the trust stores of this machine",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeStores(cmd.Context(), out, kinds, "not in", (*authority.Authority).Uninstall)
		},
	}
	storeFlag(cmd, &kinds)
	return cmd
}

func storeFlag(cmd *cobra.Command, kinds *[]string) {
	cmd.Flags().StringSliceVar(kinds, "store", nil, "a `list` of system, nss and java; the default is all of them")
}

type changer func(*authority.Authority, context.Context, ...authority.StoreKind) []authority.StoreResult

// changeStores changes the stores and reports the result for each. It fails if a
// store could not be changed.
func changeStores(ctx context.Context, out *output, names []string, done string, change changer) error {
	var kinds []authority.StoreKind
	for _, name := range names {
		kind := authority.StoreKind(name)
		if !slices.Contains([]authority.StoreKind{authority.StoreSystem, authority.StoreNSS, authority.StoreJava}, kind) {
			return usage("--store %q is not valid", name).hinted("it is system, nss or java")
		}
		kinds = append(kinds, kind)
	}
	ca, err := existingAuthority()
	if err != nil {
		return err
	}
	results := change(ca, ctx, kinds...)
	if len(results) == 0 {
		return failed(nil, "there is no such store on this machine").hinted("seal ca export prints the root, for programs that take a file")
	}
	var problem error
	for _, r := range results {
		n := storeNote{Kind: string(r.Store.Kind), Path: r.Store.Path, done: done}
		if r.Err != nil {
			n.Problem, n.Hint = r.Err.Error(), storeHint(r)
			problem = failed(r.Err, "not every store could be changed").hinted("see the lines above")
		}
		out.write(n, "")
	}
	return problem
}

// storeNote reports the result of changing one store.
type storeNote struct {
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Problem string `json:"problem,omitempty"`
	Hint    string `json:"hint,omitempty"`
	done    string
}

func (storeNote) event() string { return "store" }

func (n storeNote) text() string {
	if n.Problem == "" {
		return fmt.Sprintf("seal: the root is %s the %s store %s", n.done, n.Kind, n.Path)
	}
	text := fmt.Sprintf("seal: the %s store %s is unchanged: %s", n.Kind, n.Path, n.Problem)
	if n.Hint != "" {
		text += "\nhint: " + n.Hint
	}
	return text
}
