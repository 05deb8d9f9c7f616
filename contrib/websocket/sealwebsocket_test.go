//go:build unix

package sealwebsocket_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/sealsock/sealsock"
	sealwebsocket "github.com/sealsock/sealsock/contrib/websocket"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/trust"
)

// servers send each message back.
var servers = map[string]http.HandlerFunc{
	"gorilla": func(w http.ResponseWriter, r *http.Request) {
		c, err := new(gorilla.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, m, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, m) != nil {
				return
			}
		}
	},
	"coder": func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			kind, m, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, m) != nil {
				return
			}
		}
	},
}

// clients send a message and return the answer.
var clients = map[string]func(context.Context, *sealsock.Config, string, string) (string, error){
	"gorilla": func(ctx context.Context, cfg *sealsock.Config, url, m string) (string, error) {
		d, err := sealwebsocket.Gorilla(cfg)
		if err != nil {
			return "", err
		}
		c, _, err := d.DialContext(ctx, url, nil)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if err := c.WriteMessage(gorilla.TextMessage, []byte(m)); err != nil {
			return "", err
		}
		_, got, err := c.ReadMessage()
		return string(got), err
	},
	"coder": func(ctx context.Context, cfg *sealsock.Config, url, m string) (string, error) {
		options, err := sealwebsocket.Coder(cfg)
		if err != nil {
			return "", err
		}
		c, _, err := coder.Dial(ctx, url, options)
		if err != nil {
			return "", err
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		if err := c.Write(ctx, coder.MessageText, []byte(m)); err != nil {
			return "", err
		}
		_, got, err := c.Read(ctx)
		return string(got), err
	},
}

// TestWebSocket has each client and each server, also a server that prefers HTTP/2. A server
// of an unknown authority is refused.
func TestWebSocket(t *testing.T) {
	p := servertest.New(t)
	long := strings.Repeat("a long message ", 20_000)
	for server, handler := range servers {
		for _, protocols := range []string{"", "http/1.1", "h2,http/1.1"} {
			url := serve(t, p, handler, protocols)
			for client, run := range clients {
				cfg := &sealsock.Config{Trust: &trust.Policy{Roots: p.Roots}}
				if got, err := run(t.Context(), cfg, url, long); err != nil || got != long {
					t.Errorf("%s, %s, ALPN %q: %d bytes, %v", client, server, protocols, len(got), err)
				}
				var refused *trust.Error
				if _, err := run(t.Context(), nil, url, long); !errors.As(err, &refused) {
					t.Errorf("%s: a server of an unknown authority: %v", client, err)
				}
				bad := &sealsock.Config{Identities: []*identity.Identity{nil}}
				if _, err := run(t.Context(), bad, url, long); err == nil {
					t.Errorf("%s: a wrong Config is accepted", client)
				}
			}
		}
	}
}

// serve starts a server of net/http over a Listener and returns its URL.
func serve(t *testing.T, p *servertest.Place, handler http.Handler, protocols string) string {
	t.Helper()
	cfg := p.Server()
	if protocols != "" {
		cfg.ALPN = strings.Split(protocols, ",")
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "wss://localhost:" + port + "/"
}
