package main

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/starttls"
)

const listenLong = `Listen on ADDRESS and serve encrypted connections. Without a mode, one connection is
connected to standard input and output.

Without --cert, the local authority (seal ca) issues a certificate for the names of
the address; the authority is created on first use. With --psk-file and without --cert
there is no certificate: clients with a key of the file are accepted. seal prints
commands that connect, ready to be pasted.

SIGTERM stops listening and, with --keep, gives connections the time of --drain. SIGHUP
reloads the files of --cert, --key and --p12.

--to ADDRESS forwards the decrypted data to a plaintext server, and its responses to the
client. If that server is down, the client's connection is closed with an alert at once.

With --http --client-auth late, a request for /secret or a path below it is answered
only after the client has sent a certificate, which is requested then.`

const listenExample = `  seal listen localhost:4433 > file
  seal listen --keep --echo --cert server.pem --key server.key :4433
  seal listen --keep --exec 'tar cz /etc' localhost:4433
  seal listen --chat :4433
  seal listen --cert server.pem --key server.key --to 127.0.0.1:80 :443
  seal listen --keep --echo --psk-file keys.txt :4433
  seal listen --client-ca root.pem --cert server.pem --key server.key unix:///run/app.sock`

type listenFlags struct {
	negotiationFlags
	identityFlags
	trustFlags
	headerFlags
	limitFlags
	logFlags
	packetFlags
	intoFlags
	clientCA   []string
	clientAuth string
	names      []string
	keep       bool
	echo       bool
	http       bool
	chat       bool
	relay      bool // serve a relay: seal relay
	exec       string
	to         string
	starttls   string
	drain      time.Duration
	sniStrict  bool
	tickets    int
	maxEarly   uint32
	pskFile    string
	pskAlone   bool
	echKeys    []string
	legacy     bool
	timeout    time.Duration
	fleet      fleetFlags
	rooms      service         // of a relay
	memberRate string          // likewise
	backend    address.Address // that --to names
}

func newListen(out *output) *cobra.Command {
	var flags listenFlags
	cmd := &cobra.Command{
		Use:     "listen ADDRESS",
		Short:   "Serve encrypted connections",
		Long:    listenLong,
		Example: listenExample,
		Args:    exactArgs("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listen(cmd.Context(), out, &flags, args[0])
		},
	}
	flags.register(cmd.Flags())
	completeStartTLS(cmd)
	completeAddresses(cmd, "to")
	return cmd
}

func (flags *listenFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&flags.keep, "keep", false, "serve further connections, several at once; without a mode one after another")
	f.BoolVar(&flags.echo, "echo", false, "send received data back")
	f.StringVar(&flags.exec, "exec", "", "run a `command` in a shell for each connection, which is its input and output")
	f.BoolVar(&flags.http, "http", false, "answer one HTTP request with a page about the connection")
	f.BoolVar(&flags.chat, "chat", false, "serve a chat room: each line goes to all other members; the first line is the member's name")
	f.StringVar(&flags.to, "to", "",
		"forward each connection to this plaintext `address`; implies --keep")
	f.StringVar(&flags.starttls, "starttls", "", "begin in plaintext and upgrade to TLS when "+
		"the client asks for it, as this `protocol` has it: "+strings.Join(starttls.Protocols(), ", "))
	flags.registerSend(f, "the server of --to")
	flags.registerAccept(f)
	f.DurationVar(&flags.drain, "drain", 10*time.Second,
		"`time` that connections have to end after SIGTERM, with --keep; a second signal ends at once")
	flags.intoFlags.register(f)
	flags.limitFlags.register(f)
	flags.logFlags.register(f)
	flags.identityFlags.register(f)
	f.BoolVar(&flags.sniStrict, "sni-strict", false,
		"refuse clients that request no name of a certificate, instead of showing them the first one")
	f.StringArrayVar(&flags.names, "name", nil, "an additional `name` for the certificate of the local authority; may be given several times")
	flags.fleet.register(f)
	flags.trustFlags.register(f, "clients")
	flags.registerKnown(f, "clients")
	f.StringArrayVar(&flags.clientCA, "client-ca", nil, "the same as --ca: authorities of clients, a `file`")
	f.StringVar(&flags.clientAuth, "client-auth", "", "client certificates, a `word`: none, request, require (the default with --ca or --pin), or with --http late (for /secret only)")
	f.IntVar(&flags.tickets, "tickets", defaultTickets, "`number` of session tickets for each client; 0 disables resumption")
	f.Uint32Var(&flags.maxEarly, "max-early-data", 0, "accept up to this `number` of bytes of 0-RTT data from a client; they are used after the handshake")
	f.StringVar(&flags.pskFile, "psk-file", "", "pre-shared keys, a `file` with a line IDENTITY:HEX for each; without --cert only clients with a key are accepted")
	f.BoolVar(&flags.pskAlone, "psk-without-dhe", false,
		"allow pre-shared keys without a key exchange (psk_ke), which gives up forward secrecy")
	f.StringArrayVar(&flags.echKeys, "ech-keys", nil, "keys for Encrypted ClientHello, a `file` of seal ech; may be given several times, the oldest last")
	f.BoolVar(&flags.legacy, "legacy", false, "support old clients: TLS 1.0 and 1.1, CBC and RSA key exchange, which are weak")
	flags.negotiationFlags.register(f)
	flags.packetFlags.register(f)
	f.DurationVar(&flags.timeout, "timeout", 10*time.Second, "`time` for a handshake, and with --http for the request")
}

// listen runs the command, from the flags to the exit.
func listen(ctx context.Context, out *output, flags *listenFlags, addr string) error {
	a, err := address.Parse(withPort(addr, flags.starttls))
	if err != nil {
		return err
	}
	if err := flags.check(a); err != nil {
		return err
	}
	flags.alpn = cmp.Or(flags.alpn, a.ALPN())
	gate, err := flags.gate(a)
	if err != nil {
		return err
	}
	if err := flags.logFlags.open(ctx, out); err != nil {
		return err
	}
	o, err := interruptibly(ctx, func() (*credentials, error) { return flags.prepare(out, a, gate) })
	if err != nil {
		return err
	}
	defer o.done()
	cfg := o.cfg
	cfg.Prologue = flags.prologue(a, gate)
	cfg.OnHandshakeError = reportRefused(out, o)
	mode, done, err := flags.openMode(out)
	if err != nil {
		return err
	}
	defer done()
	d, err := flags.open(ctx, a, cfg, gate)
	if err != nil {
		return err
	}
	defer d.Close()
	ctx, stop := o.reloadOnHangup(ctx) // before the note: who reads it may send SIGHUP
	defer stop()
	out.print(flags.listeningOf(a, d.Addr(), o))
	s := &server{out: out, listener: d, service: mode, drain: flags.drain, idle: flags.idle}
	s.places.Total, s.places.PerAddress = flags.clients, flags.perAddress
	return flags.run(ctx, out, a, s)
}

// openMode returns the service of the mode, or nil for the one that connects to standard input and
// output. It comes before listening: a client could connect to a server that then fails.
func (flags *listenFlags) openMode(out *output) (_ service, done func(), err error) {
	switch {
	case flags.exec != "":
		guard, err := startGuard()
		if err != nil {
			return nil, nil, failed(err, "the process that guards --exec cannot be started: %v", err)
		}
		return execService{flags.exec, guard}, guard.close, nil
	case flags.into != "":
		into, err := flags.intoFlags.open(out, flags.timeout)
		if err != nil {
			return nil, nil, err
		}
		return into, func() { into.folder.Close() }, nil
	}
	return flags.mode(out), func() {}, nil
}

// run completes the server for the modes that need more than a service, and runs it.
func (flags *listenFlags) run(
	ctx context.Context, out *output, a address.Address, s *server,
) error {
	switch {
	case flags.chat, flags.relay:
		s.drain = 0 // a room does not end by itself
	case s.service == nil:
		within, e, err := openStdio(ctx, out)
		if err != nil {
			return err
		}
		defer e.restore()
		ctx = within
		s.service, s.drain = stdioService{e, out}, 0
	}
	s.service = serviceFor(a, s.service, flags.timeout)
	return s.run(ctx, flags.keep || flags.chat || flags.relay || flags.to != "")
}

// prepare reads the files that the flags name.
func (flags *listenFlags) prepare(
	out *output, a address.Address, g *gate,
) (*credentials, error) {
	cfg, done, err := flags.config(out)
	if err != nil {
		return nil, err
	}
	o, err := flags.credentials(out, a, cfg)
	if err != nil {
		done()
		return nil, err
	}
	o.cfg, o.done = cfg, done
	if flags.relay {
		err = flags.openRooms(out, o)
	} else {
		err = flags.fleet.share(out, o, g)
	}
	if err != nil {
		done()
		return nil, err
	}
	return o, nil
}

// open starts to listen, behind a gate if there is one.
func (flags *listenFlags) open(
	ctx context.Context, a address.Address, cfg *sealsock.Config, g *gate,
) (listener, error) {
	if a.Packets() {
		return flags.openPackets(ctx, a, cfg)
	}
	inner, err := belowTLS(a).Listen(ctx)
	if err != nil {
		return nil, err
	}
	if g != nil && flags.accept == "" {
		g.Listener, g.refused = inner, cfg.OnHandshakeError
		inner = g
	}
	cfg.MaxHandshakesPerAddress = flags.perAddress
	if flags.accept != "" {
		cfg.MaxHandshakesPerAddress = -1 // all come from the addresses of the proxies
	}
	if most := programsAtOnce(); flags.exec != "" && most < maxPrograms {
		inner = newLimitedListener(inner, most)
	}
	l, err := flags.accepting(inner, cfg)
	if err != nil {
		inner.Close()
		return nil, err
	}
	return l, nil
}

// accepting returns the listener that runs handshakes over the connections of inner: that
// of package legacy for --legacy.
func (flags *listenFlags) accepting(
	inner net.Listener, cfg *sealsock.Config,
) (listener, error) {
	if flags.legacy {
		l, err := legacy.NewListener(inner, cfg)
		return legacyListener{l}, err
	}
	l, err := sealsock.NewListener(inner, cfg)
	return tlsListener{l}, err
}

// credentials makes what this side presents to clients, and puts it into cfg. The certificate
// may change while connections are served.
func (flags *listenFlags) credentials(out *output, a address.Address, cfg *sealsock.Config) (*credentials, error) {
	o := &credentials{certFile: flags.cert, keyOnly: flags.cert == "" && flags.key != "", keyFile: flags.pskFile, http: flags.http}
	var err error
	if flags.pskFile != "" {
		if o.keys, err = readKeys(out, flags.pskFile); err != nil {
			return nil, err
		}
		findKeys(cfg, o.keys)
		if err := flags.negotiationFlags.checkConfig(cfg); err != nil {
			return nil, err
		}
	}
	if cfg.ECHKeys, err = readECHKeys(out, flags.echKeys); err != nil {
		return nil, err
	}
	if o.ech, err = engine.ECHConfigList(cfg.ECHKeys...); err != nil {
		return nil, err
	}
	if flags.pskOnly() {
		return o, nil
	}
	var source identity.Source
	if source, o.ca, err = flags.identity(out, a, publicNames(cfg.ECHKeys)); err != nil {
		return nil, err
	}
	o.id = source.Identity()
	warnPublicNames(out, cfg, o.id)
	sources, err := o.allSources(out, flags, source)
	if err != nil {
		return nil, err
	}
	if flags.rawKey {
		cfg.Identities = []*identity.Identity{o.id} // announces the certificate type to clients
	}
	serveIdentities(cfg, sources, flags.sniStrict)
	return o, nil
}

// pskOnly reports whether there are pre-shared keys and no certificate.
func (flags *listenFlags) pskOnly() bool { return flags.pskFile != "" && !flags.identityFlags.given() }

// identity is the certificate of --cert or --p12, or one of the local authority, for
// further names too, which is then returned as well.
func (flags *listenFlags) identity(out *output, a address.Address, further []string) (identity.Source, *authority.Authority, error) {
	names, _ := certifiedNames(a)
	files, err := flags.identityFlags.watch(out, append(slices.Clone(names), flags.names...))
	if err != nil {
		return nil, nil, err
	}
	if files == nil {
		local, err := localIdentity(out, a, flags.names, further)
		if err != nil {
			return nil, nil, err
		}
		if flags.rawKey {
			return rawSource{local}, local.ca, nil
		}
		return local, local.ca, nil
	}
	if len(flags.names) > 0 && flags.cert+flags.p12 != "" {
		return nil, nil, usage("--name is for a certificate of the local authority, and excludes --cert").hinted("leave out one of them")
	}
	return files, nil, nil
}

// config makes a configuration of the flags, but for the certificate, and a
// function that closes what it opened.
func (flags *listenFlags) config(out *output) (*sealsock.Config, func(), error) {
	cfg := &sealsock.Config{HandshakeTimeout: flags.timeout, NumTickets: flags.tickets, MaxEarlyData: flags.maxEarly}
	cfg.PSKWithoutDHE, cfg.MTU = flags.pskAlone, flags.mtu
	if flags.tickets == 0 {
		cfg.NumTickets = -1
	}
	flags.ca = append(flags.ca, flags.clientCA...)
	var err error
	if cfg.ClientAuth, err = flags.clientAuthentication(); err != nil {
		return nil, nil, err
	}
	if cfg.ClientAuth != sealsock.NoClientCert || flags.late() {
		cfg.AcceptRawKeys = flags.rawKey
		policy, err := flags.clientPolicy()
		if err != nil {
			return nil, nil, err
		}
		cfg.Trust = policy
	}
	if flags.http && flags.alpn == "" {
		flags.alpn = "http/1.1"
	}
	flags.negotiationFlags.old = flags.legacy
	done, err := flags.negotiationFlags.apply(cfg, out)
	return cfg, done, err
}

// clientAuthentication is --client-auth or what follows from the other flags.
func (flags *listenFlags) clientAuthentication() (sealsock.ClientAuth, error) {
	named := flags.trustFlags.named()
	switch flags.clientAuth {
	case "":
		if named {
			return sealsock.RequireClientCert, nil
		}
		return sealsock.NoClientCert, nil
	case "none":
		if named {
			return 0, usage("--client-auth none excludes --ca, --pin and --known-peers").hinted("leave out one of them")
		}
		return sealsock.NoClientCert, nil
	case "request":
		return sealsock.RequestClientCert, nil
	case "require":
		return sealsock.RequireClientCert, nil
	case "late":
		if !flags.http {
			return 0, usage("--client-auth late needs --http").hinted("add --http, or choose request or require")
		}
		return sealsock.NoClientCert, nil
	}
	return 0, usage("--client-auth %q is not valid", flags.clientAuth).hinted("it is none, request, require or late")
}

// late reports whether clients are asked for a certificate after the handshake.
func (flags *listenFlags) late() bool { return flags.clientAuth == "late" }

// clientPolicy returns the policy by which clients are accepted.
func (flags *listenFlags) clientPolicy() (sealsock.Verifier, error) {
	p, err := flags.trustFlags.policy()
	if err != nil {
		return nil, err
	}
	if !flags.trustFlags.named() {
		return nil, usage("--client-auth %s needs the clients to accept", flags.clientAuth).
			hinted("add the authority of the clients (--ca FILE) or their keys (--pin sha256/… or --known-peers FILE)")
	}
	if flags.known == "" {
		return p, nil
	}
	if len(p.Pins) > 0 { // with --ca too: a client in the file would need none of the pins
		return nil, usage("--known-peers excludes --pin").hinted("write the name and the pin into the file")
	}
	return newKnownClients(p, flags.known)
}

// mode is the service that the flags ask for, except --exec and --into, or nil: then the
// connection is joined to standard input and output.
func (flags *listenFlags) mode(out *output) service {
	switch {
	case flags.echo:
		return echoService{}
	case flags.http:
		return httpService{out, flags.timeout, flags.late()}
	case flags.chat:
		return newChatService(out, flags.clients)
	case flags.relay:
		return flags.rooms
	case flags.to != "":
		return forwardService{flags.backend, flags.timeout, flags.send}
	}
	return nil
}

// check finds flags that contradict each other or the address.
func (flags *listenFlags) check(a address.Address) error {
	if err := flags.settle(); err != nil {
		return err
	}
	var modes []string
	for mode, on := range map[string]bool{
		"--echo": flags.echo, "--http": flags.http, "--chat": flags.chat,
		"--exec": flags.exec != "", "--to": flags.to != "", "--into": flags.into != "",
	} {
		if on {
			modes = append(modes, mode)
		}
	}
	slices.Sort(modes)
	switch {
	case len(modes) > 1:
		return usage("%s are mutually exclusive", strings.Join(modes, " and ")).hinted("choose one")
	case a.Scheme() == "stdio" && len(modes) == 0:
		return usage("standard input and output cannot be both the connection and the data").
			hinted("choose a mode, such as --echo or --exec COMMAND")
	case flags.timeout <= 0:
		return usage("--timeout %v is not positive", flags.timeout).hinted("as in --timeout 10s")
	case flags.drain < 0:
		return usage("--drain %v is negative", flags.drain).hinted("as in --drain 10s, or --drain 0")
	}
	if err := flags.checkEndpoints(a); err != nil {
		return err
	}
	return flags.checkCredentials()
}
