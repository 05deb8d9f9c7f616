package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/ech"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/trust"
)

const echLong = `Create a key for Encrypted ClientHello (RFC 9849), which encrypts the server name that
a client requests. Observers see PUBLIC-NAME instead: a name of the server, which must
have a certificate for it too.

The key is written to a file that only its owner may read, for seal listen --ech-keys.
The configuration for clients is printed in base64: for the parameter "ech" of the
server's HTTPS record in the DNS, or for seal connect --ech-config.

To replace a key, pass the new file to seal listen before the old one, publish the new
configuration, and remove the old file when the old configuration has expired from all
caches.`

// maxECHFile bounds files of keys and configurations.
const maxECHFile = 64 << 10

type echFlags struct {
	out     string
	id      int
	maxName uint8
	force   bool
}

func newECH(out *output) *cobra.Command {
	var flags echFlags
	cmd := &cobra.Command{
		Use:     "ech PUBLIC-NAME",
		Short:   "Create a key for Encrypted ClientHello",
		Long:    echLong,
		Example: "  seal ech public.example\n  seal ech --out new.pem public.example\n  seal ech show new.pem",
		Args:    exactArgs("PUBLIC-NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.make(out, cmd.OutOrStdout(), args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.out, "out", "", "`file` for the key; the default is PUBLIC-NAME.ech.pem")
	f.IntVar(&flags.id, "id", -1, "`number` of the key in the ClientHello, 0 to 255, unique for each key of a server; the default is random")
	f.Uint8Var(&flags.maxName, "max-name", 64, "pad names up to this `length`, to hide their length")
	f.BoolVar(&flags.force, "force", false, "replace an existing file")
	cmd.AddCommand(newECHShow(out))
	return cmd
}

func (flags *echFlags) make(out *output, stdout io.Writer, name string) error {
	id := [1]byte{byte(flags.id)}
	switch {
	case flags.id > 255 || flags.id < -1:
		return usage("--id %d is not 0 to 255", flags.id).hinted("leave it out for a random one")
	case flags.id < 0:
		rand.Read(id[:])
	}
	file := flags.out
	if file == "" {
		file = strings.NewReplacer("/", "_", `\`, "_", ":", "_").Replace(name) + ".ech.pem"
	}
	key, err := engine.NewECHKey(rand.Reader, id[0], name, flags.maxName)
	if err != nil {
		return failed(err, "%q is not a valid public name", name).hinted("give a host name that the server has a certificate for, as in public.example")
	}
	text, err := ech.Marshal(key)
	if err != nil {
		return err
	}
	list, err := engine.ECHConfigList(key)
	if err != nil {
		return err
	}
	if err := writeNew(file, text, 0o600, flags.force); err != nil {
		p := failed(err, "%s cannot be written: %v", file, cause(err))
		if errors.Is(err, fs.ErrExist) {
			return p.hinted("--force replaces a file; --out names another")
		}
		return p.hinted("check the folder, and its free space; --out names another file")
	}
	made := echMade{file, name, int(id[0]), base64.StdEncoding.EncodeToString(list)}
	out.print(made)
	if _, err := fmt.Fprintln(stdout, made.Config); err != nil {
		return outputError(err)
	}
	return nil
}

// echMade reports the file that was made, and the configuration to publish.
type echMade struct {
	File       string `json:"file"`
	PublicName string `json:"public_name"`
	ID         int    `json:"id"`
	Config     string `json:"config"`
}

func (echMade) event() string { return "ech" }

func (e echMade) text() string {
	return fmt.Sprintf("seal: %s contains the key, which is secret: seal listen --ech-keys %s\n"+
		"the configuration for clients follows, as in the DNS record\n  NAME. HTTPS 1 . ech=\"%s\"", e.File, quoted(e.File), e.Config)
}

func newECHShow(out *output) *cobra.Command {
	return &cobra.Command{
		Use:     "show FILE",
		Short:   "Show what is in a file of keys or configurations",
		Long:    "Show the configurations for Encrypted ClientHello in FILE, or with - in standard\ninput: PEM, base64 as in the DNS, or binary. No secret is shown.",
		Example: "  seal ech show public.example.ech.pem",
		Args:    exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showECH(cmd.Context(), cmd.OutOrStdout(), out, args[0])
		},
	}
}

// echShown is one configuration, on standard output.
type echShown struct {
	ID         int    `json:"id"`
	PublicName string `json:"public_name"`
	PublicKey  string `json:"public_key"`
	MaxName    int    `json:"max_name"`
	Private    bool   `json:"private_key"` // the file has it
	Unusable   string `json:"unusable,omitempty"`
	Config     string `json:"config"` // an ECHConfigList of it alone, in base64
}

func (echShown) event() string { return "ech" }

func (e echShown) text() string {
	lines := []string{
		fmt.Sprintf("configuration %d for Encrypted ClientHello", e.ID),
		"  public name   " + e.PublicName,
		"  public key    " + e.PublicKey,
		fmt.Sprintf("  longest name  %d bytes", e.MaxName),
		"  for clients   " + e.Config,
	}
	if e.Private {
		lines = append(lines, "  private key   in this file, not shown")
	}
	if e.Unusable != "" {
		lines = append(lines, "  unusable      "+e.Unusable)
	}
	return strings.Join(lines, "\n")
}

func showECH(ctx context.Context, stdout io.Writer, out *output, file string) error {
	data, err := readBounded(ctx, file, maxECHFile)
	if err != nil {
		return err
	}
	list, err := ech.ParseConfigs(data)
	if err != nil {
		return invalidECH("", file, err)
	}
	configs, err := engine.ParseECHConfigs(list)
	if err != nil {
		return invalidECH("", file, err)
	}
	keys, _ := ech.Parse(data)
	for _, c := range configs {
		shown := echShown{
			ID: int(c.ID), PublicName: c.PublicName, PublicKey: fmt.Sprintf("%x", c.PublicKey), MaxName: int(c.MaxNameLen),
			Unusable: c.Unusable,
			Config:   base64.StdEncoding.EncodeToString(append([]byte{byte(len(c.Raw) >> 8), byte(len(c.Raw))}, c.Raw...)),
		}
		for _, k := range keys {
			shown.Private = shown.Private || bytes.Equal(k.Config(), c.Raw)
		}
		if err := show(stdout, out, shown); err != nil {
			return err
		}
	}
	return nil
}

// show writes a note to standard output, as text or JSON.
func show(stdout io.Writer, out *output, n note) error {
	text := []byte(printable.Block(n.text()) + "\n")
	if out.json {
		text = asJSON(n)
	}
	if _, err := stdout.Write(text); err != nil {
		return outputError(err)
	}
	return nil
}

func invalidECH(flag, file string, err error) error {
	return failed(err, "%s%s cannot be used: %s", flag, file, explain(err).text).
		hinted("seal ech PUBLIC-NAME creates a key and its configuration")
}

// readECHConfig reads what --ech-config gives: a file, or the base64 of the DNS.
func readECHConfig(value string) ([]byte, error) {
	if value == "" {
		return nil, nil
	}
	if _, err := os.Stat(value); err != nil {
		list, err := ech.ParseConfigs([]byte(value))
		if err != nil {
			return nil, failed(err, "--ech-config %s is neither a file nor a configuration in base64", value).
				hinted("name a file, or give the value of ech=\"…\" in the server's HTTPS record of the DNS")
		}
		return list, nil
	}
	data, err := readBounded(context.Background(), value, maxECHFile) // see interruptibly
	if err != nil {
		return nil, err
	}
	list, err := ech.ParseConfigs(data)
	if err != nil {
		return nil, invalidECH("--ech-config ", value, err)
	}
	return list, nil
}

// readECHKeys reads the files of --ech-keys. Clients receive the configurations of
// the first file only: the keys of the others are marked as retired.
func readECHKeys(out *output, files []string) ([]*engine.ECHKey, error) {
	var all []*engine.ECHKey
	for i, file := range files {
		data, err := readSecret(out, "--ech-keys", file, maxECHFile)
		if err != nil {
			return nil, err
		}
		keys, err := ech.Parse(data)
		if err != nil {
			return nil, invalidECH("--ech-keys ", file, err)
		}
		for _, k := range keys {
			k.Retired = i > 0
		}
		all = append(all, keys...)
	}
	return all, nil
}

// publicNames returns the public names of the keys that are not retired.
func publicNames(keys []*engine.ECHKey) []string {
	var names []string
	for _, k := range keys {
		if !k.Retired {
			names = append(names, k.PublicName())
		}
	}
	return names
}

// warnPublicNames warns of public names that the certificate is not for.
func warnPublicNames(out *output, cfg *sealsock.Config, id *identity.Identity) {
	if id == nil {
		return
	}
	for _, name := range publicNames(cfg.ECHKeys) {
		if trust.MatchName(id.Leaf, name) != nil {
			out.warn("--ech-keys: the certificate is not valid for the public name %s, so clients with an old configuration cannot get the new one", name)
		}
	}
}
