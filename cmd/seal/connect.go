package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

const connectLong = `Connect to ADDRESS, prove the other side, and carry standard input to it and what
it sends to standard output.

The server is accepted if an authority of the system vouches for the name that was
dialled, or the local authority (seal ca) if there is one. --ca FILE asks the
authorities of that file instead, --pin accepts one key, and --insecure accepts
anybody.

The end of standard input is told to the other side, which may go on sending until
it has ended too. On a terminal the line being typed is kept apart from what
arrives, and what arrives cannot play tricks with the terminal. A line ~k changes the
key of what is sent, ~K that of both sides, ~? lists such lines; a line that begins
with ~~ is sent with one ~ less.

--session FILE comes back to a server without a full handshake, and keeps what that
takes for the next time; --early-data FILE sends its first data along at once.
--psk-file FILE has keys that both sides share, and no certificate is accepted then
unless a flag says whose.

--listen ADDRESS gives programs without TLS the encrypted service: each plaintext
connection to ADDRESS is carried over an encrypted one of its own.`

const connectExample = `  seal connect example.com:443
  seal connect --ca root.pem --name api.internal 192.0.2.7:8443
  seal connect --pin sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 192.0.2.7:8443
  seal connect --cert me.pem --key me.key unix:///run/app.sock < request > answer
  seal connect --session example.session --early-data request.txt example.com:443
  seal connect --starttls smtp mail.example.com:587
  seal connect --listen 127.0.0.1:8080 example.com:443`

type connectFlags struct {
	negotiationFlags
	identityFlags
	trustFlags
	forwardFlags
	headerFlags
	framed string
	logFlags
	name      string
	insecure  bool
	legacy    bool
	session   string
	early     string
	pskFile   string
	echConfig string
	timeout   time.Duration
	starttls  string
}

func newConnect(out *output) *cobra.Command {
	var flags connectFlags
	cmd := &cobra.Command{
		Use:     "connect ADDRESS",
		Short:   "Connect to an encrypted service, standard input and output being the data",
		Long:    connectLong,
		Example: connectExample,
		Args:    exactArgs("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return connect(cmd.Context(), out, &flags, args[0])
		},
	}
	flags.register(cmd.Flags())
	completeStartTLS(cmd)
	completeAddresses(cmd, "listen")
	return cmd
}

func (flags *connectFlags) register(f *pflag.FlagSet) {
	flags.trustFlags.register(f, "the server")
	f.StringVar(&flags.name, "name", "", "the `name` that the server must prove, instead of the host that is dialled")
	f.BoolVar(&flags.insecure, "insecure", false, "accept any server: the connection can then be read and changed on its way")
	f.BoolVar(&flags.legacy, "legacy", false, "reach an old server: TLS 1.0 and 1.1, CBC, RSA key exchange, all of which are weak")
	flags.logFlags.register(f)
	flags.identityFlags.register(f)
	f.StringVar(&flags.session, "session", "", "come back with the session in this `file`, and keep the next one there; it need not be there yet")
	f.StringVar(&flags.early, "early-data", "", "send this `file` before the handshake is done, with --session: whoever records it can send it again, so it must be such that this does no harm")
	f.StringVar(&flags.pskFile, "psk-file", "", "pre-shared keys, a `file` with a line IDENTITY:HEX for each; certificates are off, unless --ca, --pin, --known-peers or --insecure is given")
	f.StringVar(&flags.echConfig, "ech-config", "", "hide the name that is asked for: the server's configuration, a `file` or the base64 of the DNS")
	flags.negotiationFlags.register(f)
	f.StringVar(&flags.starttls, "starttls", "",
		"begin in plaintext and upgrade to TLS, as this `protocol` has it: "+
			strings.Join(starttls.Protocols(), ", "))
	flags.forwardFlags.register(f)
	flags.registerSend(f, "the server")
	f.StringVar(&flags.framed, "framed", "",
		"send name, size and checksum of standard input, a file, in front, for listen --into; this is "+
			"the `name`")
	f.DurationVar(&flags.timeout, "timeout", 10*time.Second, "`time` for connecting and the handshake")
}

// connect runs the command, from the flags to the exit.
func connect(ctx context.Context, out *output, flags *connectFlags, addr string) error {
	if err := flags.check(); err != nil {
		return err
	}
	a, err := address.Parse(withPort(addr, flags.starttls))
	if err != nil {
		return err
	}
	if err := checkService(a, flags.starttls); err != nil {
		return err
	}
	if err := flags.logFlags.open(out); err != nil {
		return err
	}
	c, err := interruptibly(ctx, func() (*dialer, error) { return flags.prepare(out, a) })
	if err != nil {
		return err
	}
	defer c.done()
	if c.session != nil {
		defer c.session.close(out)
	}
	if flags.listen != "" {
		return flags.forward(ctx, out, c)
	}
	var file *framedFile
	if flags.framed != "" {
		if file, err = openFramed(ctx, out, flags.framed); err != nil {
			return err
		}
	}
	conn, f, err := flags.dial(ctx, c)
	if err != nil {
		return err
	}
	id, measured := out.connections.Add(1), measuredConn{conn, newTraffic()}
	flags.report(out, f, id)
	if file != nil {
		err = file.send(ctx, out, measured, flags.timeout)
	} else {
		err = exchangeStdio(ctx, out, measured)
	}
	out.log(endOf(id, f.Remote, measured.traffic, err))
	return err
}

// report prints the facts about a connection.
func (flags *connectFlags) report(out *output, f *facts, id int64) {
	if flags.known != "" {
		f = f.known()
	}
	for _, w := range f.Weaknesses {
		out.warn("--legacy: %s", w)
	}
	f.ID = id
	out.print(f)
}

// prepare reads the files that the flags name.
func (flags *connectFlags) prepare(out *output, a address.Address) (*dialer, error) {
	cfg, done, err := flags.config(out, a)
	if err != nil {
		return nil, err
	}
	c := &dialer{addr: a, cfg: cfg, out: out, done: done}
	c.route = route{header: flags.send, starttls: flags.starttls, host: cfg.ServerName}
	if c.early, err = readEarlyFile(flags.early); err != nil {
		done()
		return nil, err
	}
	if flags.session != "" {
		if c.session, err = openSession(out, flags.session, cfg.ServerName); err != nil {
			done()
			return nil, err
		}
		c.session.apply(cfg)
	}
	return c, nil
}

// config makes a configuration of the flags, and a function that closes what it
// opened.
func (flags *connectFlags) config(
	out *output, a address.Address,
) (*sealsock.Config, func(), error) {
	if a.Scheme() == "stdio" {
		return nil, nil, usage("standard input and output cannot be the connection and the data at once").
			hinted("give another address; seal listen --echo stdio: and the like can use them")
	}
	cfg := &sealsock.Config{
		// No host in the address means this machine.
		ServerName:       cmp.Or(flags.name, a.Host(), "localhost"),
		HandshakeTimeout: flags.timeout,
		EarlyData:        flags.early != "",
		AcceptRawKeys:    flags.rawKey,
	}
	policy, err := flags.policy(out)
	if err != nil {
		return nil, nil, err
	}
	cfg.Trust = policy
	if flags.pskFile != "" {
		if err := offerKeys(out, cfg, flags.pskFile, flags.trustFlags.named() || flags.insecure); err != nil {
			return nil, nil, err
		}
	}
	if cfg.ECHConfigs, err = readECHConfig(flags.echConfig); err != nil {
		return nil, nil, err
	}
	id, err := flags.identityFlags.load(out)
	if err != nil {
		return nil, nil, err
	}
	further, err := flags.loadFurther(out)
	if err != nil {
		return nil, nil, err
	}
	if id != nil {
		cfg.Identities = append([]*identity.Identity{id}, further...)
		cfg.PostHandshakeAuth = true
	}
	flags.negotiationFlags.alpn = cmp.Or(flags.negotiationFlags.alpn, a.ALPN())
	flags.negotiationFlags.old = flags.legacy
	done, err := flags.negotiationFlags.apply(cfg, out)
	if err == nil {
		err = flags.negotiationFlags.checkConfig(cfg)
	}
	return cfg, done, err
}

// policy returns the policy by which servers are accepted.
func (flags *connectFlags) policy(out *output) (*trust.Policy, error) {
	p, err := flags.trustFlags.policy()
	if err != nil {
		return nil, err
	}
	if p.Roots == nil && !p.PinOnly && !flags.insecure {
		if p.Roots, err = localRoots(); err != nil {
			return nil, err
		}
	}
	if flags.known != "" {
		if len(p.Pins) > 0 || flags.insecure {
			return nil, usage("--known-peers does not go with --pin or --insecure").hinted("leave out one or the other")
		}
		if p.KnownPeers, err = knownServers(out, flags.known); err != nil {
			return nil, err
		}
	}
	if flags.insecure {
		p.Insecure = true
		if len(p.Pins) == 0 {
			out.warn("--insecure: nobody has checked who the other side is; the connection can be read and changed on its way")
		}
	}
	return p, nil
}

// dial connects and runs the handshake, within --timeout.
func (flags *connectFlags) dial(ctx context.Context, c *dialer) (tlsConn, *facts, error) {
	if flags.timeout <= 0 {
		return nil, nil, usage("--timeout %v is no time to wait", flags.timeout).hinted("as in --timeout 10s")
	}
	slow := &engine.Error{
		Fault: engine.FaultTransport, Err: context.DeadlineExceeded,
		Reason: fmt.Sprintf("the other side did not finish the handshake within %v", flags.timeout),
		Hint:   "it is slow, stopped half-way, or does not speak TLS; --timeout gives it longer",
	}
	within, cancel := context.WithTimeoutCause(ctx, flags.timeout, slow)
	defer cancel()
	conn, f, err := flags.open(within, c)
	switch {
	case err == nil:
		return conn, f, nil
	case ctx.Err() != nil:
		return nil, nil, context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded) && describe(err).code == "timeout":
		return nil, nil, timeoutError(err, slow)
	}
	return nil, nil, explainHandshake(err)
}

// open connects with the engine, or with package legacy for --legacy.
func (flags *connectFlags) open(ctx context.Context, c *dialer) (tlsConn, *facts, error) {
	if flags.legacy {
		conn, err := legacy.DialAddress(ctx, c.addr, c.cfg)
		if err != nil {
			return nil, nil, err
		}
		return conn, factsOfLegacy(conn, "connected to"), nil
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	return conn, c.facts(conn), nil
}

// check finds flags that contradict each other.
func (flags *connectFlags) check() error {
	if err := flags.settle(); err != nil {
		return err
	}
	if flags.early != "" && flags.session == "" {
		return usage("--early-data goes with a session, and --session was not given").hinted("add --session FILE: the first connection fills it, the next ones use it")
	}
	if flags.rawKey && len(flags.pins) == 0 && flags.known == "" && !flags.insecure {
		return usage("--raw-key needs to know whose key to accept: nobody vouches for a bare one").hinted("add --pin sha256/… or --known-peers FILE")
	}
	if err := flags.headerFlags.check(); err != nil {
		return err
	}
	if err := flags.forwardFlags.check(map[string]bool{
		"--early-data": flags.early != "", "--session": flags.session != "",
		"--framed": flags.framed != "",
	}); err != nil {
		return err
	}
	if err := checkStartTLS(flags.starttls); err != nil || !flags.legacy {
		return err
	}
	return flags.negotiationFlags.checkLegacy(map[string]bool{
		"--session": flags.session != "", "--early-data": flags.early != "", "--psk-file": flags.pskFile != "",
		"--ech-config": flags.echConfig != "", "--raw-key": flags.rawKey,
		"--starttls": flags.starttls != "", "--send-proxy-header": flags.send != 0,
	})
}

// slowOrSilent returns slow for a server that stopped in the handshake, and err for
// one that did not answer at all.
func timeoutError(err error, slow *engine.Error) error {
	var engineErr *engine.Error
	if errors.As(err, &engineErr) {
		return slow
	}
	return err
}

// exchangeStdio carries standard input and output, or the lines of a terminal.
func exchangeStdio(ctx context.Context, out *output, conn measuredConn) error {
	ctx, e, err := openStdio(ctx, out)
	if err != nil {
		conn.Close()
		return err
	}
	defer e.restore()
	defer e.attach(conn.tlsConn)()
	x := &exchange{conn: conn, in: e.in, out: e.out, typed: e.typed, piped: e.piped}
	x.meter = out.meter("", e.size)
	defer x.meter.end()
	return x.run(ctx)
}
