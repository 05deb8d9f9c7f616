package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/internal/confine"
	"github.com/sealsock/sealsock/internal/readfile"
	"github.com/sealsock/sealsock/tunnel"
)

const tunnelLong = `Run the tunnels of FILE: decrypt for plaintext servers, encrypt for plaintext
clients, or pass connections through by the name that they ask for. docs/tunnel.md describes
the file. A FILE that ends in .conf is one of stunnel; each option that cannot be honoured is
named.

Without FILE, --listen and --to make one tunnel.

SIGTERM stops listening and gives connections time to end. SIGHUP reads the file and the
certificates again. SIGUSR2, or seal tunnel upgrade, starts the program anew, which takes the
listeners and the live connections over: none ends.`

const tunnelExample = `  seal tunnel seal.toml
  seal tunnel --check seal.toml
  seal tunnel --convert stunnel.conf > seal.toml
  seal tunnel --listen :443 --to 127.0.0.1:8080 --cert server.pem --key server.key
  seal tunnel --client --listen 127.0.0.1:5432 --to db.example.com:5433 --ca root.pem
  seal tunnel upgrade seal.toml`

// tunnelFlags are the flags of seal tunnel.
type tunnelFlags struct {
	check, convert, client bool
	listen, to             []string
	admin                  string
	side                   tunnel.TLS
	serverName             string
	maxEarly               uint32
	timeout                time.Duration // of upgrade
}

func newTunnelCommand(out *output) *cobra.Command {
	var flags tunnelFlags
	cmd := &cobra.Command{
		Use:     "tunnel [FILE]",
		Short:   "Encrypt or decrypt for other programs; upgrades end no connection",
		Long:    tunnelLong,
		Example: tunnelExample,
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.run(cmd, out, args)
		},
	}
	flags.register(cmd.Flags())
	cmd.AddCommand(newTunnelUpgrade(out, &flags), newTunnelReload(out, &flags))
	return cmd
}

func (flags *tunnelFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&flags.check, "check", false,
		"check the file and the files that it names, and do nothing else")
	f.BoolVar(&flags.convert, "convert", false,
		"print the configuration in TOML, and do nothing else")
	f.StringArrayVar(&flags.listen, "listen", nil,
		"without FILE: listen on this `address`; may be given several times")
	f.StringArrayVar(&flags.to, "to", nil,
		"without FILE: a server's `address`; may be given several times")
	f.BoolVar(&flags.client, "client", false,
		"encrypt towards --to, instead of decrypting what clients send")
	f.StringVar(&flags.side.Cert, "cert", "", "the certificate, a `file`")
	f.StringVar(&flags.side.Key, "key", "", "its private key, a `file`")
	f.StringArrayVar(&flags.side.CA, "ca", nil,
		"authorities of the peers, a `file`; may be given several times")
	f.StringArrayVar(&flags.side.Pins, "pin", nil, "accept the peer with this `key`, as in sha256/…")
	f.StringVar(&flags.serverName, "name", "",
		"with --client: the `name` that the server must prove")
	f.StringVar(&flags.side.PSKFile, "psk-file", "",
		"pre-shared keys, a `file` with a line IDENTITY:HEX for each")
	f.Uint32Var(&flags.maxEarly, "max-early-data", 0,
		"accept up to this `number` of bytes of 0-RTT data from a client; they are used after the "+
			"handshake")
	f.StringVar(&flags.side.StartTLS, "starttls", "",
		"begin in plaintext, as this `protocol` has it")
	f.StringVar(&flags.admin, "admin", "",
		"serve a status page and metrics on this plaintext `address`")
}

// config returns the configuration of the file or of the flags.
func (flags *tunnelFlags) config(out *output, args []string) (*tunnel.Config, error) {
	switch {
	case len(args) == 1 && len(flags.listen)+len(flags.to) > 0:
		return nil, usage("--listen and --to make a tunnel without a file").
			hinted("leave out them or %s", args[0])
	case len(args) == 1:
		return loadTunnels(out, args[0])
	case len(flags.listen) == 0 || len(flags.to) == 0:
		return nil, usage("a file is missing, or --listen and --to").
			hinted("as in seal tunnel seal.toml; seal tunnel --help shows both")
	case !flags.client && flags.side.Cert == "" && flags.side.PSKFile == "":
		return nil, usage("--cert is missing").hinted(
			"add --cert FILE and --key FILE, or --psk-file FILE; with --client the servers have them")
	}
	t := tunnel.Tunnel{Name: "tunnel", Listen: flags.listen}
	for _, to := range flags.to {
		t.Backends = append(t.Backends, tunnel.Backend{Address: to})
	}
	side := flags.side
	side.MaxEarlyData = tunnel.Amount(flags.maxEarly)
	if side.ServerName = flags.serverName; flags.client {
		t.Client = &side
	} else {
		t.Server = &side
	}
	cfg := &tunnel.Config{Admin: flags.admin, Tunnels: []tunnel.Tunnel{t}}
	err := explainConfig(cfg.Check())
	if p, ok := errors.AsType[*problem](err); ok {
		p.hint = "seal tunnel --help-all describes the flags"
	}
	return cfg, err
}

// configAgain is config for a reload, which waits for no pipe.
func (flags *tunnelFlags) configAgain(out *output, args []string) (*tunnel.Config, error) {
	if err := readfile.Check(args...); err != nil {
		return nil, err
	}
	return flags.config(out, args)
}

// loadTunnels reads a file in TOML, or one of stunnel.
func loadTunnels(out *output, file string) (*tunnel.Config, error) {
	if strings.HasSuffix(file, ".conf") {
		cfg, notes, err := tunnel.LoadStunnel(file)
		for _, n := range notes {
			out.warn("%s", n)
		}
		return cfg, explainConfig(err)
	}
	cfg, err := tunnel.Load(file)
	return cfg, explainConfig(err)
}

// counted is a number of things in words, as in 2 tunnels.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// explainConfig is the problem of a configuration.
func explainConfig(err error) error {
	var all tunnel.Problems
	switch {
	case err == nil:
		return nil
	case errors.As(err, &all):
		lines := make([]string, len(all))
		for i, p := range all {
			lines[i] = p.String()
		}
		p := &problem{code: "config", exit: exitUsage, err: err,
			text: "the configuration has " + counted(len(all), "mistake"), list: lines,
			hint: "docs/tunnel.md of the project describes each key"}
		if len(lines) == 1 {
			p.text, p.list = p.text+": "+lines[0], nil
		}
		return p
	}
	return failed(err, "the configuration cannot be read: %v", err).
		hinted("check the names of the files")
}

// run runs the command.
func (flags *tunnelFlags) run(cmd *cobra.Command, out *output, args []string) error {
	if len(args) == 1 {
		err := refuseOthers(cmd, "check convert listen to", func(flag string) *problem {
			return usage("--%s is for a tunnel without a file", flag).
				hinted("leave out --%s, and write the setting into %s", flag, args[0])
		})
		if err != nil {
			return err
		}
	}
	cfg, err := interruptibly(cmd.Context(), func() (*tunnel.Config, error) {
		return flags.config(out, args)
	})
	if err != nil {
		return err
	}
	if flags.convert {
		text, err := cfg.Marshal()
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(text)
		return outputError(err)
	}
	open := openTunnelLog
	if flags.check {
		open = checkTunnelLog
	}
	log, err := open(out, cfg, os.Stderr)
	if err != nil {
		return err
	}
	defer log.close()
	made, err := interruptibly(cmd.Context(), func() (madeTunnels, error) {
		return makeTunnels(out, cfg, tunnel.Options{Log: log.Logger})
	})
	if err != nil {
		return err
	}
	defer made.leave()
	if flags.check {
		return show(cmd.OutOrStdout(), out, checked{len(cfg.Tunnels)})
	}
	r := &tunnelRun{server: made.server, cfg: cfg, log: log, load: func() (*tunnel.Config, error) {
		return flags.configAgain(out, args)
	}}
	if len(args) == 1 {
		r.file = args[0]
	}
	return r.run(cmd.Context())
}

// checked is the answer of --check.
type checked struct {
	Tunnels int `json:"tunnels"`
}

func (checked) event() string  { return "checked" }
func (c checked) text() string { return "no mistakes in " + counted(c.Tunnels, "tunnel") }

// madeTunnels are those of a configuration, and what leaves its fleet.
type madeTunnels struct {
	server *tunnel.Server
	leave  func()
}

// makeTunnels opens the files that a configuration names, which may be pipes.
func makeTunnels(out *output, cfg *tunnel.Config, opts tunnel.Options) (madeTunnels, error) {
	leave, err := shareTunnels(out, cfg, &opts)
	if err != nil {
		return madeTunnels{}, err
	}
	s, err := tunnel.New(cfg, opts)
	if err != nil {
		leave()
		return madeTunnels{}, explainConfig(err)
	}
	return madeTunnels{s, leave}, nil
}

// shareTunnels makes opts use what the processes of a fleet share, until leave is called.
func shareTunnels(out *output, cfg *tunnel.Config, opts *tunnel.Options) (leave func(), err error) {
	c := &cfg.Fleet
	if c.NATS == "" {
		return func() {}, nil
	}
	f := fleetFlags{nats: natsFlags{servers: c.NATS, auth: c.Auth, ca: c.CA, first: c.TLSFirst}}
	if err := f.nats.check(); err != nil {
		return nil, err
	}
	secret, err := fleet.ReadSecret(c.Secret)
	if err != nil {
		return nil, failed(err, "fleet.secret: %v", err).
			hinted("it has one line of 64 hexadecimal digits; openssl rand -hex 32 creates it")
	}
	nc, err := f.nats.connect(out, true)
	if err != nil {
		return nil, err
	}
	member, err := f.join(out, nc, secret)
	if err != nil {
		nc.Close()
		return nil, err
	}
	opts.TicketKeys, opts.AntiReplay, opts.Limiter = member, member, member.Limiter
	return func() {
		member.Close()
		nc.Close()
	}, nil
}

// A tunnelRun is a process that runs tunnels.
type tunnelRun struct {
	server *tunnel.Server
	cfg    *tunnel.Config
	file   string
	log    *tunnelLog
	load   func() (*tunnel.Config, error)

	outcome outcomeFile // of reloads

	successor bool        // another process has handed over to this one
	handing   atomic.Bool // this process hands over, or has done so
}

// tunnelSignals are those to a process that runs tunnels. Each has a place where it waits, so that
// neither is lost behind the other one while the process is at work.
type tunnelSignals struct{ reload, upgrade chan os.Signal }

// run listens, gives up privileges, and serves.
func (r *tunnelRun) run(ctx context.Context) error {
	signals := catchSignals()
	if err := r.open(ctx); err != nil {
		return err
	}
	for _, step := range []func() error{r.writePID, r.confine} {
		if err := step(); err != nil && !r.successor {
			return err
		} else if err != nil { // the old process relies on this one, and has confined it already
			r.log.Error("after an upgrade", "error", reason(err))
		}
	}
	defer r.removePID()
	loaded := r.watched() // before others can know that changes are noticed
	for _, t := range r.cfg.Tunnels {
		for _, a := range r.server.Addrs(t.Name) {
			r.log.Info("listening", "tunnel", t.Name, "address", addressText(a))
		}
	}
	if a := r.server.AdminAddr(); a != nil {
		r.log.Info("serving pages", "address", addressText(a))
	}
	notifySystemd(fmt.Sprintf("MAINPID=%d\nREADY=1", os.Getpid()))
	defer r.onSignals(ctx, signals)()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	go giveBack(serving, r.server.Active)
	go r.watch(serving, loaded)
	err := r.server.Serve(ctx)
	r.log.Info("stopped")
	return err
}

// confine gives up what the process needs no longer.
func (r *tunnelRun) confine() error {
	if r.cfg.User != "" {
		if err := confine.Become(r.cfg.User, r.cfg.Group); err != nil {
			return failed(err, "user %s: %v", r.cfg.User, err).
				hinted("start seal as root, or as that user and leave out user")
		}
		r.log.Info("privileges dropped", "user", r.cfg.User, "group", r.cfg.Group)
	}
	if !r.cfg.Sandbox {
		return nil
	}
	read, write := r.cfg.Files()
	if r.file != "" {
		read = append(read, filepath.Dir(r.file))
	}
	what, err := confine.Files(read, write)
	if err != nil {
		return failed(err, "sandbox: %v", err).hinted("leave out sandbox = true")
	}
	r.log.Info("sandbox", "restricts", what)
	return nil
}

// reload continues with what the file has now, and returns it; nil after a mistake.
func (r *tunnelRun) reload(ctx context.Context) *tunnel.Config {
	notifySystemd("RELOADING=1")
	defer notifySystemd("READY=1")
	if err := r.log.reopen(); err != nil {
		r.log.Error("log.file is not opened again: the old file is written to", "error", reason(err))
	}
	var cfg *tunnel.Config
	err, fileErr := r.outcome.reload(func() (err error) {
		if cfg, err = r.load(); err == nil {
			err = r.server.Reload(ctx, cfg)
		}
		return err
	})
	if fileErr != nil {
		r.log.Error("seal tunnel reload will not be told the outcome", "error", reason(fileErr))
	}
	if err != nil {
		r.log.Error("not reloaded: the old configuration stays", "error", reason(err))
		return nil
	}
	return cfg
}

// writePID writes the number of the process.
func (r *tunnelRun) writePID() error {
	if r.cfg.PID == "" {
		return nil
	}
	err := r.outcome.open(r.cfg.PID)
	var f *os.File
	if err == nil {
		f, err = createBeside(r.cfg.PID)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(f.Name(), r.cfg.PID)
	}
	if err != nil {
		return failed(err, "pid %s cannot be written: %v", r.cfg.PID, err).
			hinted("name a file in a folder that this user may write to")
	}
	return nil
}

// removePID removes the file, unless it belongs to another process. After a hand-over it does
// not even look: the successor could write the file between the look and the removal.
func (r *tunnelRun) removePID() {
	if r.handing.Load() {
		return
	}
	if n, err := readPID(r.cfg.PID); err == nil && n == os.Getpid() {
		os.Remove(r.cfg.PID + outcomeSuffix)
		os.Remove(r.cfg.PID) // last: others wait for it
	}
}

func readPID(file string) (int, error) {
	const most = 64 // bytes
	data, err := readfile.Regular(file, most)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || n <= 1 {
		return 0, fmt.Errorf("%s has no number of a process", file)
	}
	return n, nil
}
