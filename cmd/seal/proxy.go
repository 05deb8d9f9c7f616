package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpproxy"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/printable"
	through "github.com/sealsock/sealsock/internal/proxy"
	"github.com/sealsock/sealsock/internal/websocket"
	"github.com/sealsock/sealsock/trust"
)

// proxyFlags are the flags of proxies.
type proxyFlags struct {
	url      string
	userFile string
}

func (flags *proxyFlags) register(f *pflag.FlagSet) {
	f.StringVar(&flags.url, "proxy", "", "connect through this proxy: a `URL` with the scheme http, "+
		"https or socks5, or none; without it HTTPS_PROXY, ALL_PROXY and NO_PROXY decide")
	f.StringVar(&flags.userFile, "proxy-user-file", "",
		"a `file` with the line USER:PASSWORD for --proxy")
}

// A proxy connects to servers on behalf of the command.
type proxy struct {
	url  *url.URL
	user *url.Userinfo // nil for none
	from string        // what named it: the flag or a variable
}

// parseProxy parses the URL of a proxy, which may hold a password. No error shows it.
func parseProxy(text, from string) (*proxy, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || through.Ports[u.Scheme] == "" {
		return nil, usage("%s: not a URL of a proxy", from).
			hinted("as in http://127.0.0.1:3128, https://proxy.example.com or socks5://127.0.0.1:1080")
	}
	p := &proxy{url: u, user: u.User, from: from}
	u.User = nil
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), through.Ports[u.Scheme])
	}
	return p, nil
}

// proxies decides which proxy reaches a server.
type proxies struct {
	fixed *proxy // of --proxy; nil for none
	none  bool   // --proxy none
	out   *output
}

// open reads what the flags name.
func (flags *proxyFlags) open(out *output) (*proxies, error) {
	p := &proxies{none: flags.url == "none", out: out}
	if flags.url == "" || p.none {
		if flags.userFile != "" {
			return nil, usage("--proxy-user-file is for --proxy, which was not given").
				hinted("add --proxy URL, or leave it out")
		}
		return p, nil
	}
	var err error
	if p.fixed, err = parseProxy(flags.url, "--proxy"); err != nil {
		return nil, err
	}
	if p.fixed.user != nil {
		return nil, usage("--proxy: the URL must not contain a password, which other users can read").
			hinted("write USER:PASSWORD into a file and name it with --proxy-user-file, " +
				"or set ALL_PROXY to the URL")
	}
	if flags.userFile == "" {
		return p, nil
	}
	line, err := readSecret(out, "--proxy-user-file", flags.userFile, 4096)
	if err != nil {
		return nil, err
	}
	name, password, ok := strings.Cut(strings.TrimRight(string(line), "\r\n"), ":")
	if !ok || name == "" || strings.ContainsAny(name+password, "\r\n") {
		return nil, failed(nil, "--proxy-user-file %s: not a line USER:PASSWORD", flags.userFile).
			hinted("write that one line into the file")
	}
	p.fixed.user = url.UserPassword(name, password)
	return p, nil
}

// environment returns the proxy that the environment names for a server; nil for none.
// As with curl, names in lower case take precedence. Loopback addresses have none.
func environment(hostPort string) (*proxy, error) {
	for _, name := range []string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if !strings.Contains(value, "://") {
			value = "http://" + value
		}
		p, err := parseProxy(strings.Replace(value, "socks5h://", "socks5://", 1), name)
		if err != nil {
			return nil, err
		}
		rules := httpproxy.Config{
			HTTPSProxy: p.url.String(), NoProxy: cmp.Or(os.Getenv("no_proxy"), os.Getenv("NO_PROXY")),
		}
		used, err := rules.ProxyFunc()(&url.URL{Scheme: "https", Host: hostPort})
		if used == nil || err != nil {
			return nil, err
		}
		return p, nil
	}
	return nil, nil
}

// choose returns the proxy for an address, nil for none, and what to ask it for.
func (p *proxies) choose(a address.Address) (*proxy, string, error) {
	if p == nil || p.none {
		return nil, "", nil
	}
	host, port, ok := a.HostPort()
	if !ok || host == "" {
		if p.fixed != nil {
			return nil, "", usage("--proxy does not support %s", printable.Line(a.String())).
				hinted("proxies connect only to HOST:PORT")
		}
		return nil, "", nil
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, "", err
	}
	addr := net.JoinHostPort(host, strconv.Itoa(n))
	if p.fixed != nil {
		return p.fixed, addr, nil
	}
	used, err := environment(addr)
	return used, addr, err
}

// dial connects to a server, through a proxy if one is to be used.
func (p *proxies) dial(ctx context.Context, a address.Address) (net.Conn, error) {
	through, addr, err := p.choose(a)
	if err != nil {
		return nil, err
	}
	if through == nil {
		return a.Dial(ctx)
	}
	if through != p.fixed {
		p.out.print(usedProxy{through.url.Host, through.from})
	}
	conn, err := through.dial(ctx, addr)
	if err != nil {
		return nil, through.explain(causeOf(ctx, err), addr)
	}
	conn = &proxiedConn{conn, remoteName(addr)}
	if a.Scheme() != "ws" {
		return conn, nil
	}
	host, resource := a.Location()
	ws, err := websocket.Client(ctx, conn, host, resource)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ws, nil
}

// usedProxy reports that a variable named a proxy.
type usedProxy struct {
	Proxy string `json:"proxy"`
	From  string `json:"from"`
}

func (usedProxy) event() string { return "proxy" }
func (u usedProxy) text() string {
	return printable.Line("seal: connecting through the proxy " + u.Proxy + ", which " + u.From +
		" names")
}

// A proxiedConn is a connection to a proxy, with the name of the server behind it.
type proxiedConn struct {
	net.Conn
	remote remoteName
}

func (c *proxiedConn) RemoteAddr() net.Addr { return c.remote }

// A remoteName is the host and port that a proxy was asked for.
type remoteName string

func (remoteName) Network() string  { return "tcp" }
func (n remoteName) String() string { return string(n) }

// dial connects to the proxy and asks it for a connection.
func (p *proxy) dial(ctx context.Context, addr string) (net.Conn, error) {
	d := &through.Proxy{Scheme: p.url.Scheme, Addr: p.url.Host, User: p.user, Secure: dialProxy}
	return d.Dial(ctx, addr)
}

// dialProxy connects to an https proxy.
func dialProxy(ctx context.Context, addr string) (net.Conn, error) {
	roots, err := localRoots()
	if err != nil {
		return nil, err
	}
	cfg := &sealsock.Config{Trust: &trust.Policy{Roots: roots}}
	cfg.ALPN = []string{"http/1.1"}
	return sealsock.Dial(ctx, addr, cfg)
}

// explain names the proxy in an error of connecting to addr. An interruption has no part in
// it, but the end of --timeout does: the server was not even asked.
func (p *proxy) explain(err error, addr string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		slow := failed(err, "the proxy %s did not connect to %s in time", p.url.Host, addr)
		slow.code = "proxy"
		return slow.hinted("the proxy or the server may be slow or may have stopped (--timeout), "+
			"or the proxy does not speak %s", p.url.Scheme)
	}
	if _, stopped := errors.AsType[*interrupted](err); stopped {
		return err
	}
	if socks, ok := errors.AsType[*net.OpError](err); ok && strings.HasPrefix(socks.Op, "socks ") {
		if below, ok := errors.AsType[*net.OpError](socks.Err); ok {
			err = below // it names the proxy, and the one around it the server
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it closed the connection without an answer")
	}
	inner := explain(err)
	problem := failed(err, "the proxy %s: %s", p.url.Host, inner.text)
	problem.code, problem.hint = "proxy", inner.hint
	switch {
	case errors.Is(err, through.ErrUser):
		problem.hint = "name a file with the line USER:PASSWORD: --proxy-user-file FILE"
	case inner.code == "refused":
		problem.hint = "check host and port of the proxy, or connect without one (--proxy none)"
	case inner.hint == "" || inner.code == "reset" || inner.code == "closed":
		problem.hint = "the proxy may not allow or not reach the server, or may not speak " +
			p.url.Scheme
	}
	return problem
}
