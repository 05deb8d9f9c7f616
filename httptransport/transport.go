package httptransport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/proxy"
)

// A Transport is an http.RoundTripper. It verifies servers with its Config, also behind a
// proxy, keeps connections for later requests, and sets Response.TLS. Its fields must
// not be changed after the first request. It may be used from any goroutine.
type Transport struct {
	// Proxy returns the proxy of a request, or nil for none: a URL with the scheme http,
	// https, socks5 or socks5h, and perhaps a user name and a password. New sets it to
	// [http.ProxyFromEnvironment]; nil means no proxy. An https proxy is verified with
	// Config.Trust, by its own name, with the versions and algorithms of Config or its Profile,
	// and is shown none of Config.Identities. The proxy may be another one for each request:
	// idle connections are kept for those that were used last.
	Proxy func(*http.Request) (*url.URL, error)
	// Connect, if set, opens each TCP connection, to a server or to a proxy.
	Connect func(ctx context.Context, network, addr string) (net.Conn, error)
	// Configure, if set, is called with each http.Transport that t makes, before it is
	// used, for its limits and timeouts. There is one for direct connections, one for each
	// proxy, and for each of these one more for requests with Connection: Upgrade. Of more than
	// 64, the one that was not used for the longest time is given up, and made again when a
	// request needs it. Its dial functions, Proxy, Protocols and TLSClientConfig must stay.
	Configure func(*http.Transport)

	config *sealsock.Config

	mu    sync.Mutex
	pools map[poolKey]*pool
	uses  uint64
}

// A pool has the connections for one scheme, some protocols and one proxy.
type pool struct {
	*http.Transport
	used uint64 // the number of the use that was its last
}

// maxPools is how many pools a Transport has, so that proxies that change need no more memory.
const maxPools = 64

// A poolKey is a hash of the scheme, the protocols and the proxy of requests. It does not
// show the password of the proxy if a Transport is printed.
type poolKey [sha256.Size]byte

var _ http.RoundTripper = (*Transport)(nil)

// protocols are those of HTTP over TLS, in order of preference.
var protocols = []string{"h2", "http/1.1"}

// http1 is the protocol of requests that upgrade their connection, and of https proxies.
var http1 = []string{"http/1.1"}

// New returns a Transport. A nil cfg is the zero Config. Config.ALPN may select h2 or
// http/1.1 alone; empty means both. A request with Connection: Upgrade, such as that of a
// WebSocket, offers http/1.1 alone, and fails if Config.ALPN does not have it.
func New(cfg *sealsock.Config) (*Transport, error) {
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	if len(own.ALPN) == 0 {
		own.ALPN = protocols
	}
	for _, name := range own.ALPN {
		if !slices.Contains(protocols, name) {
			return nil, fmt.Errorf("httptransport: Config.ALPN has %q: "+
				"a client of HTTP supports only %q", name, protocols)
		}
	}
	if _, err := sealsock.NewDialer(own); err != nil {
		return nil, err
	}
	return &Transport{Proxy: http.ProxyFromEnvironment, config: own}, nil
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	pool, err := t.pool(r)
	if err != nil {
		if r != nil && r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return pool.RoundTrip(r)
}

// CloseIdleConnections closes the connections that no request uses.
func (t *Transport) CloseIdleConnections() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, pool := range t.pools {
		pool.CloseIdleConnections()
	}
}

// pool returns the http.Transport for the scheme and the proxy of a request.
func (t *Transport) pool(r *http.Request) (*http.Transport, error) {
	if t == nil || t.config == nil {
		return nil, errors.New("httptransport: a Transport comes from New")
	}
	if err := checkURL(r); err != nil {
		return nil, err
	}
	alpn, err := t.protocolsOf(r)
	if err != nil {
		return nil, err
	}
	var through *url.URL
	if t.Proxy != nil {
		if through, err = t.Proxy(r); err != nil {
			return nil, err
		}
	}
	name := r.URL.Scheme + " " + strings.Join(alpn, ",")
	if through != nil {
		name += " " + through.String()
	}
	key := poolKey(sha256.Sum256([]byte(name)))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uses++
	if p := t.pools[key]; p != nil {
		p.used = t.uses
		return p.Transport, nil
	}
	made, err := t.newPool(r.URL.Scheme, alpn, through)
	if err != nil {
		return nil, err
	}
	if t.pools == nil {
		t.pools = map[poolKey]*pool{}
	}
	t.pools[key] = &pool{made, t.uses}
	t.dropOldest()
	return made, nil
}

// dropOldest gives up the pool that was not used for the longest time, if there are too many. A
// request that it has under way is not disturbed.
func (t *Transport) dropOldest() {
	if len(t.pools) <= maxPools {
		return
	}
	var oldest poolKey
	last := t.uses
	for key, p := range t.pools {
		if p.used < last {
			oldest, last = key, p.used
		}
	}
	t.pools[oldest].CloseIdleConnections()
	delete(t.pools, oldest)
}

// checkURL refuses other schemes than those of HTTP: a pool for each scheme that a URL can
// name would have no bound.
func checkURL(r *http.Request) error {
	if r == nil || r.URL == nil {
		return errors.New("httptransport: the request has no URL")
	}
	if s := r.URL.Scheme; s != "http" && s != "https" {
		return fmt.Errorf("httptransport: the scheme %.20q is neither http nor https", s)
	}
	return nil
}

// protocolsOf returns the protocols that the connection of a request may have. HTTP/2 has no
// Upgrade: RFC 9113, Section 8.2.2.
func (t *Transport) protocolsOf(r *http.Request) ([]string, error) {
	if r.URL.Scheme != "https" || r.Header.Get("Upgrade") == "" || !upgrades(r.Header) {
		return t.config.ALPN, nil
	}
	if !slices.Contains(t.config.ALPN, "http/1.1") {
		return nil, fmt.Errorf("httptransport: the request has Connection: Upgrade, which HTTP/2 "+
			"does not have, and Config.ALPN is %q: hint: add \"http/1.1\" to it", t.config.ALPN)
	}
	return http1, nil
}

// upgrades reports whether Connection, which is a list, has the option upgrade. RFC 9110,
// Section 7.6.1.
func upgrades(h http.Header) bool {
	for _, list := range h.Values("Connection") {
		for option := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.Trim(option, " \t"), "upgrade") {
				return true
			}
		}
	}
	return false
}

// newPool returns an http.Transport for the requests of one scheme, some protocols and one
// proxy.
func (t *Transport) newPool(scheme string, alpn []string,
	through *url.URL) (*http.Transport, error) {
	pool := &http.Transport{
		Protocols: new(http.Protocols), DialContext: t.Connect, MaxIdleConns: 100,
		IdleConnTimeout: 90 * time.Second, ExpectContinueTimeout: time.Second,
	}
	pool.Protocols.SetHTTP1(slices.Contains(alpn, "http/1.1"))
	pool.Protocols.SetHTTP2(slices.Contains(alpn, "h2"))
	secure, err := t.proxyDialer()
	if err != nil {
		return nil, err
	}
	if scheme == "https" {
		pool.DialTLSContext, err = t.serverDialer(alpn, through, secure)
	} else {
		// What net/http encrypts for these requests is the connection to an https proxy.
		pool.Protocols.SetHTTP1(true)
		pool.DialTLSContext = func(ctx context.Context, _, addr string) (net.Conn, error) {
			return secure(ctx, addr)
		}
		if through != nil {
			pool.Proxy = http.ProxyURL(through)
		}
	}
	if err != nil {
		return nil, err
	}
	if t.Configure != nil {
		t.Configure(pool)
	}
	return pool, nil
}

// proxyDialer returns what connects to https proxies. The versions and algorithms that Config
// allows are for their connections too: a request of http has no other encryption.
func (t *Transport) proxyDialer() (func(context.Context, string) (net.Conn, error), error) {
	cfg := &sealsock.Config{
		Trust: t.config.Trust, HandshakeTimeout: t.config.HandshakeTimeout, KeyLog: t.config.KeyLog,
	}
	cfg.ALPN, cfg.Now, cfg.Profile = http1, t.config.Now, t.config.Profile
	cfg.MinVersion, cfg.MaxVersion = t.config.MinVersion, t.config.MaxVersion
	cfg.CipherSuites, cfg.Groups = t.config.CipherSuites, t.config.Groups
	cfg.SignatureSchemes = t.config.SignatureSchemes
	d, err := sealsock.NewDialer(cfg)
	if err != nil {
		return nil, err
	}
	d.Connect = t.connect
	return func(ctx context.Context, addr string) (net.Conn, error) {
		return dial(ctx, d, addr)
	}, nil
}

// serverDialer returns what connects to servers through a proxy, or directly, and offers
// alpn. secure connects to an https proxy.
func (t *Transport) serverDialer(alpn []string, through *url.URL,
	secure func(ctx context.Context, addr string) (net.Conn, error),
) (func(ctx context.Context, network, addr string) (net.Conn, error), error) {
	cfg := *t.config
	cfg.ALPN = alpn
	d, err := sealsock.NewDialer(&cfg)
	if err != nil {
		return nil, err
	}
	d.Connect = t.connect
	if through != nil {
		p, err := newProxy(through)
		if err != nil {
			return nil, err
		}
		p.Connect, p.Secure = t.Connect, secure
		d.Connect = func(ctx context.Context, a address.Address) (net.Conn, error) {
			host, port, _ := a.HostPort()
			conn, err := p.Dial(ctx, net.JoinHostPort(host, port))
			if err != nil {
				return nil, fmt.Errorf("httptransport: the proxy %s: %w", p.Addr, err)
			}
			return conn, nil
		}
	}
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		return dial(ctx, d, addr)
	}, nil
}

// dial connects to a host:port, which has no scheme even if it looks like one.
func dial(ctx context.Context, d *sealsock.Dialer, addr string) (net.Conn, error) {
	c, err := d.Dial(ctx, "tcp://"+addr)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// connect opens a TCP connection.
func (t *Transport) connect(ctx context.Context, a address.Address) (net.Conn, error) {
	if t.Connect == nil {
		return a.Dial(ctx)
	}
	host, port, _ := a.HostPort()
	return t.Connect(ctx, "tcp", net.JoinHostPort(host, port))
}

// newProxy returns the proxy of a URL. No error shows a password.
func newProxy(u *url.URL) (*proxy.Proxy, error) {
	p := &proxy.Proxy{Scheme: u.Scheme, User: u.User, Addr: u.Host}
	if p.Scheme == "socks5h" {
		p.Scheme = "socks5" // a name is resolved by the proxy in any case
	}
	port, ok := defaultPorts[p.Scheme]
	if !ok || u.Hostname() == "" {
		return nil, fmt.Errorf("httptransport: the proxy %s: "+
			"its URL needs a host and the scheme http, https or socks5", u.Redacted())
	}
	if u.Port() == "" {
		p.Addr = net.JoinHostPort(u.Hostname(), port)
	}
	return p, nil
}

// defaultPorts are those of net/http.
var defaultPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080"}
