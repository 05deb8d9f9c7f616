//go:build unix

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/proxyprotocol"
)

// A linkState is what a link is, beside its connections.
type linkState struct {
	Tunnel  string            `json:"tunnel"`
	Backend string            `json:"backend"`
	ID      string            `json:"id"`
	Remote  savedAddr         `json:"remote"`
	Local   savedAddr         `json:"local"`
	Name    string            `json:"name,omitempty"`
	ALPN    string            `json:"alpn,omitempty"`
	Passed  bool              `json:"passed,omitempty"`
	Early   int               `json:"early,omitempty"`
	TLS     *savedTLS         `json:"tls,omitempty"`
	Began   time.Time         `json:"began"`
	Last    int64             `json:"last,omitempty"` // data; Unix nanoseconds
	Sealed  [2]bool           `json:"sealed"`         // client and backend
	Flows   [2]savedDirection `json:"flows"`          // up and down
}

type savedAddr struct {
	Network string `json:"network,omitempty"`
	Text    string `json:"text,omitempty"`
}

type savedTLS struct {
	Version    string `json:"version"`
	Suite      string `json:"suite"`
	CommonName string `json:"common_name,omitempty"`
}

type savedDirection struct {
	Left  []byte `json:"left,omitempty"`
	Bytes int64  `json:"bytes"`
	Ended bool   `json:"ended,omitempty"`
	Done  bool   `json:"done,omitempty"`
}

// state describes a link whose pair has stopped.
func (k *link) state() *linkState {
	st := &linkState{Tunnel: k.r.cfg.Name, Backend: k.backend.Address, ID: k.info.id,
		Remote: saveAddr(k.info.remote), Local: saveAddr(k.info.local), Name: k.info.serverName,
		ALPN: k.info.alpn, Passed: k.info.pass, Began: k.pair.began,
		Last: time.Now().Add(-k.pair.quiet()).UnixNano(), Early: k.info.early}
	if t := k.info.tls; t != nil {
		st.TLS = &savedTLS{t.Version, t.Cipher, t.CommonName}
	}
	for i, e := range []*end{k.pair.client, k.pair.backend} {
		_, st.Sealed[i] = e.conn.(*sealsock.Conn)
	}
	for i, d := range []*direction{k.pair.up, k.pair.down} {
		st.Flows[i] = savedDirection{d.left, d.bytes.Load(), d.ended, d.done}
	}
	return st
}

func saveAddr(a net.Addr) savedAddr {
	if a == nil {
		return savedAddr{}
	}
	return savedAddr{a.Network(), a.String()}
}

// A textAddr is an address of another family than TCP and UNIX.
type textAddr struct{ network, text string }

func (a textAddr) Network() string { return a.network }
func (a textAddr) String() string  { return a.text }

func (a savedAddr) addr() net.Addr {
	switch a.Network {
	case "":
		return nil
	case "tcp":
		if t, err := net.ResolveTCPAddr("tcp", a.Text); err == nil {
			return t
		}
	case "unix":
		return &net.UnixAddr{Name: a.Text, Net: "unix"}
	}
	return textAddr{a.Network, a.Text}
}

// TakeOver takes the listeners of the process at the other end of u, whose Server is in
// [Server.HandOver], in place of Listen; addresses that process did not listen on are opened.
// Its connections arrive while Serve runs. An error leaves the old process as it was.
func (s *Server) TakeOver(ctx context.Context, u *net.UnixConn) error {
	if !s.made() {
		return errNoServer
	}
	if u == nil {
		return errNoSocket
	}
	release := interruptible(ctx, u)
	err := s.takeListeners(ctx, u)
	release()
	if err != nil {
		return cause(ctx, err)
	}
	s.begin()
	if err := sendMessage(u, upgradeMessage{Kind: "ready"}); err != nil {
		return err
	}
	s.sessions.Go(func() { s.takeLinks(u) })
	return nil
}

func (s *Server) takeListeners(ctx context.Context, u *net.UnixConn) error {
	hello := upgradeMessage{Kind: "hello", Version: upgradeVersion}
	if err := sendMessage(u, hello); err != nil {
		return err
	}
	given := map[string]net.Listener{}
	defer func() {
		for _, l := range given {
			l.Close() // of an address that is no longer listened on
		}
	}()
	for {
		var m upgradeMessage
		files, err := receiveMessage(u, &m, 1)
		if err != nil {
			return fmt.Errorf("tunnel: the old process gives no listeners: %w", err)
		}
		if m.Kind == "serve" {
			closeFiles(files)
			return s.adopt(ctx, given)
		}
		if m.Kind != "listener" || len(files) != 1 || given[m.Key] != nil {
			closeFiles(files)
			return fmt.Errorf("tunnel: the old process sends %q with %d descriptors", m.Kind, len(files))
		}
		l, err := net.FileListener(files[0])
		closeFiles(files)
		if err != nil {
			return err
		}
		if p, ok := l.(*net.UnixListener); ok {
			p.SetUnlinkOnClose(false)
		}
		given[m.Key] = l
	}
}

// takeLinks receives connections until the old process has no more.
func (s *Server) takeLinks(u *net.UnixConn) {
	defer u.Close()
	defer context.AfterFunc(s.ctx, func() { u.SetDeadline(time.Unix(1, 0)) })()
	for {
		var m upgradeMessage
		files, err := receiveMessage(u, &m, 1)
		if err != nil || m.Kind != "link" || len(files) != 1 {
			closeFiles(files)
			if err != nil || m.Kind != "done" {
				s.log.Warn("the old process has ended early", "error", errText(err))
			}
			s.log.Info("took over", "connections", s.Active())
			return
		}
		c, err := net.FileConn(files[0])
		closeFiles(files)
		theirs, ok := c.(*net.UnixConn)
		if err != nil || !ok {
			s.log.Error("a connection was not taken over", "error", errText(err))
			continue
		}
		s.sessions.Go(func() {
			k, err := s.take(theirs)
			theirs.Close()
			if err != nil {
				s.log.Error("a connection was not taken over", "error", errText(err))
				return
			}
			s.continueLink(k)
		})
	}
}

// continueLink forwards a connection of another process.
func (s *Server) continueLink(k *link) {
	k.r.stats.moved.Add(1)
	k.backend.stats.active.Add(1)
	a := &accepted{r: k.r, info: k.info}
	a.placed = k.r.stats.places.Take(k.info.remote) == 0
	defer a.release()
	s.enter(k)
	s.forward(k)
}

// take receives one connection with both of its ends.
func (s *Server) take(u *net.UnixConn) (k *link, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, moveTime)
	defer cancel()
	var st linkState
	release := interruptible(ctx, u)
	files, err := receiveMessage(u, &st, 2)
	release()
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer closeFiles(files)
	r, b := s.placeOf(&st)
	var ends [2]net.Conn
	defer func() {
		for _, c := range ends {
			if err != nil && c != nil {
				newEnd("", c).cut()
			}
		}
	}()
	if err = takePlain(files, &st, &ends); err != nil {
		return nil, err
	}
	for i, cfg := range []*sealsock.Config{r.serverConfig(), r.clientConfig()} {
		if st.Sealed[i] {
			if ends[i], err = takeSealed(ctx, u, cfg); err != nil {
				return nil, err
			}
		}
	}
	if _, err = u.Write([]byte{1}); err != nil {
		return nil, err
	}
	return s.restored(&st, r, b, ends), nil
}

// takePlain makes the ends in plaintext of their descriptors.
func takePlain(files []*os.File, st *linkState, ends *[2]net.Conn) (err error) {
	for i := range ends {
		if st.Sealed[i] {
			continue
		}
		if len(files) == 0 {
			return errors.New("tunnel: a descriptor is missing")
		}
		if ends[i], err = net.FileConn(files[0]); err != nil {
			return err
		}
		files = files[1:]
	}
	return nil
}

// takeSealed receives an encrypted end.
func takeSealed(ctx context.Context, u *net.UnixConn, cfg *sealsock.Config) (net.Conn, error) {
	o, err := Receive(ctx, u)
	if err != nil {
		return nil, err
	}
	// A direction begins with what is left to send (sendSealed). A wait here would let clients that
	// read nothing delay the move of the others, until the time of Config.Drain is over.
	over, end := context.WithCancel(ctx)
	end()
	c, err := o.Conn(over, cfg)
	if err != nil {
		o.Close()
		return nil, err
	}
	return c, nil
}

// restored makes the link of its state.
func (s *Server) restored(st *linkState, r *running, b *backend, ends [2]net.Conn) *link {
	info := &clientInfo{id: st.ID, remote: st.Remote.addr(), local: st.Local.addr(),
		serverName: st.Name, alpn: st.ALPN, pass: st.Passed, early: st.Early}
	if t := st.TLS; t != nil {
		info.tls = &proxyprotocol.TLS{Version: t.Version, Cipher: t.Suite, CommonName: t.CommonName}
	}
	p := newPair(ends[0], ends[1])
	for i, d := range []*direction{p.up, p.down} {
		f := st.Flows[i]
		d.left, d.ended, d.done = f.Left, f.Ended, f.Done
		d.bytes.Store(f.Bytes)
		p.granted.Add(f.Bytes)
	}
	if p.began = st.Began; st.Last != 0 {
		quiet := max(time.Since(time.Unix(0, st.Last)), 0)
		p.last.Store(int64(time.Since(clock) - quiet))
	}
	return s.newLink(r, info, p, b)
}

// placeOf returns the tunnel and the backend of a link. A tunnel or a backend that the new
// configuration does not have lives on until its connections have ended.
func (s *Server) placeOf(st *linkState) (*running, *backend) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.tunnels[st.Tunnel]
	if r == nil {
		t := &Tunnel{Name: st.Tunnel}
		r = &running{cfg: t, log: s.log.With("tunnel", t.Name), stats: s.statsOf(t), pool: new(pool)}
	}
	for _, b := range r.all() {
		if b.Address == st.Backend {
			return r, b
		}
	}
	return r, &backend{Backend: Backend{Address: st.Backend}, stats: r.stats.backend(st.Backend)}
}

// serverConfig is the configuration with which connections of clients continue.
func (r *running) serverConfig() *sealsock.Config {
	if r.server != nil {
		return r.server.cfg
	}
	return &sealsock.Config{SelectIdentity: func(context.Context, *engine.CredentialRequest) (
		*identity.Identity, error,
	) {
		return nil, errors.New("the tunnel of this connection is no longer configured")
	}}
}

// clientConfig is the configuration with which connections to backends continue.
func (r *running) clientConfig() *sealsock.Config {
	if r.client != nil {
		return r.client.cfg
	}
	return &sealsock.Config{}
}
