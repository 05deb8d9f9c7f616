package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/natsdial"
	"github.com/sealsock/sealsock/trust"
)

// natsFlags holds the flags for a connection to NATS.
type natsFlags struct {
	servers string
	auth    string
	ca      []string
	first   bool
}

func (n *natsFlags) register(f *pflag.FlagSet, purpose string) {
	f.StringVar(&n.servers, "nats", "", purpose+": the `URL` of a NATS server, nats://HOST:PORT "+
		"or tls://HOST:PORT, or of several, separated by commas")
	f.StringVar(&n.auth, "nats-auth", "", "what authenticates to NATS, a `file`: credentials "+
		"of nsc, the seed of an NKey, USER:PASSWORD, or a token")
	f.StringArrayVar(&n.ca, "nats-ca", nil, "accept a NATS server that an authority in this "+
		"PEM or DER `file` certifies; may be given several times; without it the authorities of the system")
	f.BoolVar(&n.first, "nats-tls-first", false,
		"begin TLS at once, as NATS servers with handshake_first expect")
}

// check finds values that are wrong, and flags without --nats.
func (n *natsFlags) check() error {
	if n.servers == "" {
		if n.auth+strings.Join(n.ca, "") != "" || n.first {
			return usage("--nats-auth, --nats-ca and --nats-tls-first need --nats").
				hinted("as in --nats tls://nats.example:4222")
		}
		return nil
	}
	sealed := 0
	for _, server := range n.list() {
		if err := checkNATS(server); err != nil {
			return err
		}
		if strings.HasPrefix(server, "tls://") {
			sealed++
		}
	}
	switch {
	case sealed != 0 && sealed != len(n.list()):
		return usage("--nats has URLs with tls:// and with nats://").hinted("use tls:// for all of them")
	case sealed == 0 && (n.first || len(n.ca) > 0):
		return usage("--nats-ca and --nats-tls-first are for tls://, and --nats has nats://").
			hinted("as in --nats tls://nats.example:4222")
	}
	return nil
}

// checkNATS checks the URL of a server. No error shows it, because it may have a password.
func checkNATS(server string) error {
	u, err := url.Parse(server)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls":
		return usage("--nats has a part that is no URL of a NATS server").
			hinted("as in --nats tls://nats.example:4222")
	case u.User != nil:
		return usage("--nats has a user name or a password, which other users can see").
			hinted("put USER:PASSWORD into a file, and add --nats-auth FILE")
	}
	return nil
}

func (n *natsFlags) list() []string { return strings.Split(n.servers, ",") }

func (n *natsFlags) tls() bool { return strings.HasPrefix(n.servers, "tls://") }

// connect connects to NATS, and again whenever the connection fails. With later it is no error
// if the first attempt fails.
func (n *natsFlags) connect(out *output, later bool) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(programName()), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.ReconnectWait(250 * time.Millisecond), nats.Timeout(10 * time.Second),
		nats.SkipHostLookup(), nats.RetryOnFailedConnect(later),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				out.warn("the connection to NATS failed: %s; it is tried again", reason(err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { out.print(natsState{"connected"}) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			out.warn("NATS: %s", reason(err))
		}),
	}
	secure, err := n.secure()
	if err != nil {
		return nil, err
	}
	login, err := n.login(out)
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(n.servers, append(opts, secure, login)...)
	if err != nil {
		return nil, failed(err, "--nats: no connection to NATS: %v", err).
			hinted("start the server, or correct the address or --nats-auth")
	}
	return nc, nil
}

// A natsState reports that NATS can be used again.
type natsState struct {
	State string `json:"state"`
}

func (natsState) event() string  { return "nats" }
func (n natsState) text() string { return "seal: NATS is " + n.State + " again" }

// secure returns what makes the connections those of this library. A server that requires TLS
// for a nats:// address would otherwise get it with the trust of another library.
func (n *natsFlags) secure() (nats.Option, error) {
	if !n.tls() {
		return func(o *nats.Options) error {
			o.TLSConfig = &tls.Config{
				InsecureSkipVerify: true, // no such connection is made
				VerifyConnection: func(tls.ConnectionState) error {
					return errors.New("the server requires TLS: use tls:// in place of nats://")
				},
			}
			return nil
		}, nil
	}
	policy := new(trust.Policy)
	if len(n.ca) > 0 {
		policy.Roots = new(trust.Roots)
		for _, file := range n.ca {
			if _, err := policy.Roots.AddFile(file); err != nil {
				return nil, err
			}
		}
	}
	d, err := natsdial.New(&sealsock.Config{Trust: policy}, n.first, n.list())
	if err != nil {
		return nil, err
	}
	return nats.SetCustomDialer(d), nil
}

// maxNATSAuth bounds the file of --nats-auth.
const maxNATSAuth = 64 << 10

// login returns what --nats-auth has.
func (n *natsFlags) login(out *output) (nats.Option, error) {
	if n.auth == "" {
		return func(*nats.Options) error { return nil }, nil
	}
	data, err := readSecret(out, "--nats-auth", n.auth, maxNATSAuth)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSpace(data)
	switch {
	case bytes.Contains(text, []byte("-----BEGIN NATS USER JWT-----")):
		return nats.UserCredentialBytes(data), nil
	case bytes.HasPrefix(text, []byte("SU")) && len(text) == 58:
		option, err := nats.NkeyOptionFromSeed(n.auth)
		if err != nil {
			return nil, failed(nil, "--nats-auth %s: the seed of the NKey is damaged", n.auth).
				hinted("copy it again from the file of nk or nsc")
		}
		return option, nil
	case len(text) == 0 || bytes.ContainsAny(text, "\r\n"):
		return nil, failed(nil, "--nats-auth %s is not of a known form", n.auth).
			hinted("it holds credentials of nsc, the seed of an NKey, or one line USER:PASSWORD or a token")
	}
	if !n.tls() && !n.local() {
		return nil, failed(nil, "--nats-auth %s would be sent to NATS without encryption", n.auth).
			hinted("use tls:// for --nats")
	}
	user, password, ok := strings.Cut(string(text), ":")
	if !ok {
		return nats.Token(user), nil
	}
	return nats.UserInfo(user, password), nil
}

// local reports whether all servers are on this machine.
func (n *natsFlags) local() bool {
	for _, s := range n.list() {
		u, err := url.Parse(s)
		if err != nil {
			return false
		}
		ip, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
