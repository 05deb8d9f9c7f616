package httptransport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/sealsock/sealsock"
)

// Serve accepts connections of l, which it takes over, encrypts them with cfg, and serves
// HTTP on them with s, as [http.Server.ServeTLS] does. An empty Config.ALPN means the
// protocols that s supports; h2 in it is an error if s does not support it. Clients whose
// handshake fails are logged to s.ErrorLog if Config.OnHandshakeError is nil.
// http.Server.TLSConfig is not used.
func Serve(s *http.Server, l net.Listener, cfg *sealsock.Config) error {
	if l == nil {
		return errNoListener
	}
	own, err := serverConfig(s, cfg)
	if err != nil {
		l.Close()
		return err
	}
	sealed, err := sealsock.NewListener(l, own)
	if err != nil {
		l.Close()
		return err
	}
	return s.Serve(sealed)
}

var (
	errNoListener = errors.New("httptransport: the listener is nil: make one with net.Listen")
	errNoServer   = errors.New("httptransport: the http.Server is nil")
)

// ListenAndServe is Serve for a listener on s.Addr, an address of package address; empty
// means port 443.
func ListenAndServe(s *http.Server, cfg *sealsock.Config) error {
	own, err := serverConfig(s, cfg)
	if err != nil {
		return err
	}
	sealed, err := sealsock.Listen(context.Background(), cmp.Or(s.Addr, ":443"), own)
	if err != nil {
		return err
	}
	return s.Serve(sealed)
}

// serverConfig returns cfg with the protocols and the log of s.
func serverConfig(s *http.Server, cfg *sealsock.Config) (*sealsock.Config, error) {
	if s == nil {
		return nil, errNoServer
	}
	own := new(sealsock.Config)
	if cfg != nil {
		*own = *cfg
	}
	can := supported(s)
	if len(own.ALPN) == 0 {
		own.ALPN = can
	}
	for _, name := range protocols {
		if slices.Contains(own.ALPN, name) && !slices.Contains(can, name) {
			return nil, fmt.Errorf("httptransport: Config.ALPN has %q, which this http.Server "+
				"does not support: change its Protocols or TLSNextProto, or leave ALPN empty", name)
		}
	}
	if own.OnHandshakeError == nil {
		own.OnHandshakeError = func(peer net.Addr, err error) {
			logf := log.Printf
			if s.ErrorLog != nil {
				logf = s.ErrorLog.Printf
			}
			logf("http: TLS handshake error from %v: %v", peer, err)
		}
	}
	return own, nil
}

// supported returns the protocols that s serves on a connection of package sealsock. It
// repeats what net/http decides. An HTTP/2 implementation in TLSNextProto works with
// connections of crypto/tls only.
func supported(s *http.Server) []string {
	h1, h2 := true, s.TLSNextProto == nil
	if p := s.Protocols; p != nil && (p.HTTP1() || p.HTTP2() || p.UnencryptedHTTP2()) {
		h1, h2 = p.HTTP1(), p.HTTP2() && s.TLSNextProto["h2"] == nil
	} else if p != nil {
		h2 = false
	}
	if http2Disabled(os.Getenv("GODEBUG")) {
		h2 = false
	}
	var names []string
	if h2 {
		names = append(names, "h2")
	}
	if h1 {
		names = append(names, "http/1.1")
	}
	return names
}

// http2Disabled reports whether the setting http2server of GODEBUG, or of the program's
// default for it, disables HTTP/2.
func http2Disabled(env string) bool {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "DefaultGODEBUG" {
				built = s.Value
			}
		}
	}
	off := false
	for _, setting := range strings.Split(built+","+env, ",") {
		if key, value, _ := strings.Cut(setting, "="); key == "http2server" {
			off = value == "0"
		}
	}
	return off
}
