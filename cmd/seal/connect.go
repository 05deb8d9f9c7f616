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

const connectLong = `Connect to ADDRESS, authenticate the server, and connect standard input and output to
it.

The server's certificate must be issued for the name in ADDRESS by an authority that
the system trusts, or by the local authority (seal ca) if there is one. --ca FILE trusts
the authorities of that file instead, --pin accepts one key, and --insecure accepts any
server.

At the end of standard input seal sends close_notify, and receives until the server
does the same. On a terminal, received data is shown above the line being typed, and its
control characters are replaced. A line ~k updates the sending key, ~K the keys of both
sides, ~r connects again, and ~? lists such lines; a line that begins with ~~ is sent
without the first ~.

--session FILE resumes a session and stores the next one; --early-data FILE sends that
file as 0-RTT data, over datagrams each line of it as a message. --psk-file FILE contains
pre-shared keys; certificates are then not accepted unless a flag names them.

--listen ADDRESS gives programs without TLS access to the encrypted service: each
plaintext connection to ADDRESS is forwarded over an encrypted connection.`

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
	packetFlags
	proxyFlags
	name      string
	insecure  bool
	legacy    bool
	session   string
	early     string
	pskFile   string
	echConfig string
	timeout   time.Duration
	starttls  string
	accepted  acceptedKeys
}

func newConnect(out *output) *cobra.Command {
	var flags connectFlags
	cmd := &cobra.Command{
		Use:     "connect ADDRESS",
		Short:   "Connect standard input and output to an encrypted service",
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
	flags.registerKnown(f, "the server")
	f.StringVar(&flags.name, "name", "", "the `name` that the server must prove, instead of the host in ADDRESS")
	f.BoolVar(&flags.insecure, "insecure", false, "accept any server: an attacker can then read and change the data")
	f.BoolVar(&flags.legacy, "legacy", false, "support old servers: TLS 1.0 and 1.1, CBC and RSA key exchange, which are weak")
	flags.logFlags.register(f)
	flags.identityFlags.register(f)
	f.StringVar(&flags.session, "session", "", "resume the session in this `file`, and store the next one in it; the file is created if needed")
	f.StringVar(&flags.early, "early-data", "", "send this `file` as 0-RTT data, with --session: an attacker can replay it, so it must be harmless to process twice")
	f.StringVar(&flags.pskFile, "psk-file", "", "pre-shared keys, a `file` with a line IDENTITY:HEX for each; certificates are not accepted unless --ca, --pin, --known-peers or --insecure is given")
	f.StringVar(&flags.echConfig, "ech-config", "", "encrypt the server name (Encrypted ClientHello) with this configuration, a `file` or base64 from the DNS")
	flags.negotiationFlags.register(f)
	flags.packetFlags.register(f)
	f.StringVar(&flags.starttls, "starttls", "",
		"begin in plaintext and upgrade to TLS with this `protocol`: "+
			strings.Join(starttls.Protocols(), ", "))
	flags.forwardFlags.register(f)
	flags.registerSend(f, "the server")
	f.StringVar(&flags.framed, "framed", "",
		"send name, size and checksum of standard input, a file, in front, for listen --into; this is "+
			"the `name`")
	flags.proxyFlags.register(f)
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
	if err := flags.checkAddress(a); err != nil {
		return err
	}
	if err := flags.logFlags.open(ctx, out); err != nil {
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
	conn, err := flags.connectOnce(ctx, out, c)
	if err != nil {
		return err
	}
	if file == nil {
		return flags.exchange(ctx, out, c, conn)
	}
	flags.report(out, conn.facts, conn.id)
	err = file.send(ctx, out, conn.measuredConn, flags.timeout)
	out.log(endOf(conn.id, conn.facts.Remote, conn.traffic, err))
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
	if c.route.proxies, err = flags.proxyFlags.open(out); err != nil {
		done()
		return nil, err
	}
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
	c.keepSessions()
	return c, nil
}

// config makes a configuration of the flags, and a function that closes what it
// opened.
func (flags *connectFlags) config(
	out *output, a address.Address,
) (*sealsock.Config, func(), error) {
	if a.Scheme() == "stdio" {
		return nil, nil, usage("standard input and output cannot be both the connection and the data").
			hinted("give another address; seal listen --echo stdio: and the like can use them")
	}
	cfg := &sealsock.Config{
		// No host in the address means this machine.
		ServerName:       cmp.Or(flags.name, a.Host(), "localhost"),
		HandshakeTimeout: flags.timeout,
		EarlyData:        flags.early != "",
		AcceptRawKeys:    flags.rawKey,
		MTU:              flags.mtu,
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
			return nil, usage("--known-peers excludes --pin and --insecure").hinted("leave out one of them")
		}
		if p.KnownPeers, err = knownServers(out, flags.known, &flags.accepted); err != nil {
			return nil, err
		}
	}
	if flags.insecure {
		p.Insecure = true
		if len(p.Pins) == 0 {
			out.warn("--insecure: the server is not authenticated; an attacker can read and change the data")
		}
	}
	return p, nil
}

// dial connects and runs the handshake, within --timeout.
func (flags *connectFlags) dial(ctx context.Context, c *dialer) (tlsConn, *facts, error) {
	if flags.timeout <= 0 {
		return nil, nil, usage("--timeout %v is not positive", flags.timeout).hinted("as in --timeout 10s")
	}
	slow := &engine.Error{
		Fault: engine.FaultTransport, Err: context.DeadlineExceeded,
		Reason: fmt.Sprintf("the peer did not complete the handshake within %v", flags.timeout),
		Hint:   "the peer may be slow, may have stopped, or may not use TLS (--timeout)",
	}
	var size helloSize
	cfg := *c.cfg
	cfg.Trace = size.trace(cfg.Trace)
	c.cfg = &cfg
	conn, f, err := flags.openWithin(ctx, c, slow)
	if err != nil && ctx.Err() == nil {
		if err = flags.accepted.ask(ctx, err); err == nil {
			conn, f, err = flags.openWithin(ctx, c, slow)
		}
	}
	switch {
	case err == nil:
		return conn, f, nil
	case ctx.Err() != nil:
		return nil, nil, context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded) && describe(err).code == "timeout":
		slow.Hint += size.hint()
		return nil, nil, timeoutError(err, slow)
	}
	if flags.pskFile != "" {
		err = blameKeys(err)
	}
	return nil, nil, explainHandshake(err)
}

// openWithin is open within --timeout; slow is the cause if that is over.
func (flags *connectFlags) openWithin(
	ctx context.Context, c *dialer, slow error,
) (tlsConn, *facts, error) {
	within, cancel := context.WithTimeoutCause(ctx, flags.timeout, slow)
	defer cancel()
	return flags.open(within, c)
}

// open connects with the engine, or with package legacy for --legacy.
func (flags *connectFlags) open(ctx context.Context, c *dialer) (tlsConn, *facts, error) {
	if flags.legacy {
		if err := checkLegacyRoute(c); err != nil {
			return nil, nil, err
		}
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
	if c.addr.Packets() {
		return overPackets(conn), c.facts(conn), nil
	}
	over, err := overTLS(ctx, c.addr, conn)
	return over, c.facts(conn), err
}

// check finds flags that contradict each other.
func (flags *connectFlags) check() error {
	if err := flags.settle(); err != nil {
		return err
	}
	if flags.early != "" && flags.session == "" {
		return usage("--early-data needs --session").hinted("add --session FILE: the first connection stores a session, the next ones resume it")
	}
	if flags.rawKey && len(flags.pins) == 0 && flags.known == "" && !flags.insecure {
		return usage("--raw-key needs the key to accept: no authority certifies a raw public key").hinted("add --pin sha256/… or --known-peers FILE")
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
		"--proxy": flags.proxyFlags.url != "" && flags.proxyFlags.url != "none",
	})
}

// timeoutError returns slow for a server that stopped in the handshake, and err for one that
// did not answer before it: such an error may have slow as its cause.
func timeoutError(err error, slow *engine.Error) error {
	var engineErr *engine.Error
	if describeEndpoint(err) == nil && errors.As(err, &engineErr) {
		return slow
	}
	return err
}
