package sealsock_test

import (
	"context"
	"errors"
	"go/ast"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/chat"
	"github.com/sealsock/sealsock/ech"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/httptransport"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/message"
	"github.com/sealsock/sealsock/proxyprotocol"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/transfer"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/tunnel"
)

// TestNilSettings: a function that takes settings, a key or a certificate returns an error for
// nil, FromStandard takes it for the zero tls.Config, as crypto/tls does, and no certificate has
// no pin.
func TestNilSettings(t *testing.T) {
	if pin := trust.PinOf(nil); pin != (trust.Pin{}) {
		t.Errorf("PinOf: %v", pin)
	}
	if cfg, err := sealsock.FromStandard(nil); err != nil || cfg == nil || cfg.Trust == nil {
		t.Errorf("FromStandard: %v, %v", cfg, err)
	}
	for name, call := range map[string]func() error{
		"engine.Client": func() error {
			_, _, err := engine.Client(nil, engine.Target{})
			return err
		},
		"engine.Server": func() error {
			_, _, err := engine.Server(nil)
			return err
		},
		"engine.DatagramClient": func() error {
			return second(engine.DatagramClient(nil, engine.Target{}, engine.DatagramOptions{}))
		},
		"engine.DatagramServer": func() error {
			return second(engine.DatagramServer(nil, engine.DatagramOptions{}))
		},
		"engine.QUICClient": func() error {
			return second(engine.QUICClient(nil, engine.Target{}, engine.QUICOptions{}))
		},
		"engine.QUICServer": func() error {
			return second(engine.QUICServer(nil, engine.QUICOptions{}))
		},
		"engine.NewAddressCheck": func() error { return second(engine.NewAddressCheck(nil)) },
		"engine.NewECHKey": func() error {
			return second(engine.NewECHKey(nil, 1, "a.test", 0))
		},
		"engine.NewTakeoverKey":     func() error { return second(engine.NewTakeoverKey(nil)) },
		"engine.ECHConfigList":      func() error { return second(engine.ECHConfigList(nil)) },
		"engine.Config.CheckServer": (*engine.Config)(nil).CheckServer,
		"ech.Marshal":               func() error { return second(ech.Marshal(nil)) },
		"tunnel.New":                func() error { return second(tunnel.New(nil, tunnel.Options{})) },
		"trust.MatchName":           func() error { return trust.MatchName(nil, "a.test") },
		"authority.SaveFiles": func() error {
			return authority.SaveFiles(nil, t.TempDir()+"/a.pem", t.TempDir()+"/a.key")
		},
		"authority.SaveFiles without a certificate": func() error {
			return authority.SaveFiles(new(identity.Identity), t.TempDir()+"/a.pem", "")
		},
	} {
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("%s panics: %v", name, v)
				}
			}()
			if err := call(); err == nil {
				t.Errorf("%s accepts nil", name)
			}
		}()
	}
}

// TestNothingBelow: a function that takes a connection or a listener returns an error for nil, or
// what it returns has methods that do.
func TestNothingBelow(t *testing.T) {
	client, server := newConfigs(t)
	room := chat.New(chat.Limits{}, nil)
	forwarder := relay.NewServer(nil, relay.Limits{})
	calls := map[string]func(ctx) error{
		"sealsock.Client": func(ctx) error {
			c, err := sealsock.Client(nil, client)
			return errors.Join(err, c.Handshake())
		},
		"sealsock.Server": func(ctx) error {
			c, err := sealsock.Server(nil, server)
			return errors.Join(err, c.Handshake())
		},
		"sealsock.NewListener": func(ctx) error {
			return second(sealsock.NewListener(nil, server))
		},
		"sealsock.ClientPacket": func(ctx) error {
			return second(sealsock.ClientPacket(nil, client))
		},
		"sealsock.ServerPacket": func(ctx) error {
			return second(sealsock.ServerPacket(nil, server))
		},
		"sealsock.NewPacketListener": func(ctx) error {
			return second(sealsock.NewPacketListener(nil, server))
		},
		"sealsock.Takeover.Open": func(ctx) error {
			takeover, err := sealsock.NewTakeover()
			if err != nil {
				return nil
			}
			return second(takeover.Open(nil, make([]byte, 100)))
		},
		"legacy.Client":      func(ctx) error { return second(legacy.Client(nil, client)) },
		"legacy.Server":      func(ctx) error { return second(legacy.Server(nil, server)) },
		"legacy.NewListener": func(ctx) error { return second(legacy.NewListener(nil, server)) },
		"httptransport.Serve": func(ctx) error {
			return httptransport.Serve(new(http.Server), nil, server)
		},
		"httptransport.Serve without a certificate": func(ctx) error {
			return httptransport.Serve(new(http.Server), nil, nil)
		},
		"httptransport.Serve for a server that is nil": func(ctx) error {
			return httptransport.Serve(nil, nil, server)
		},
		"httptransport.ListenAndServe for a server that is nil": func(ctx) error {
			return httptransport.ListenAndServe(nil, server)
		},
		"chat.Room.Serve":    func(x ctx) error { return room.Serve(x, nil) },
		"relay.Server.Serve": func(x ctx) error { return forwarder.Serve(x, nil) },
		"relay.Join": func(x ctx) error {
			return second(relay.Join(x, nil, relay.RoomID{}, relay.NewToken()))
		},
		"transfer.SendTo": func(x ctx) error { return transfer.SendTo(x, nil, nil, nil) },
		"transfer.ReceiveFrom": func(x ctx) error {
			return second(transfer.ReceiveFrom(x, nil, transfer.ReceiveOptions{}))
		},
		"starttls.Client": func(x ctx) error { return starttls.Client(x, nil, "smtp", "a.test") },
		"starttls.Server": func(x ctx) error { return starttls.Server(x, nil, "smtp", "a.test") },
		"starttls.WithGreeting": func(x ctx) error {
			return second(starttls.WithGreeting(nil, "smtp"))
		},
		"proxyprotocol.Read": func(ctx) error { return second(proxyprotocol.Read(nil)) },
		"proxyprotocol.Accept": func(x ctx) error {
			_, _, err := proxyprotocol.Accept(x, nil)
			return err
		},
		"socket.StreamOver": func(ctx) error { return second(socket.StreamOver(nil, 100, 100)) },
		"message.New": func(ctx) error {
			return message.New(nil, message.Options{}).Send([]byte("x"))
		},
	}
	checkCallsAreComplete(t, calls)
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			x, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("it panics: %v", v)
				}
			}()
			if err := call(x); err == nil || x.Err() != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// checkCallsAreComplete looks for exported functions with such a parameter that are not called.
func checkCallsAreComplete(t *testing.T, calls map[string]func(ctx) error) {
	eachFile(t, func(_ string, file *ast.File) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || !takesConnection(f) {
				continue
			}
			name := file.Name.Name + "." + f.Name.Name
			if f.Recv != nil {
				name = file.Name.Name + "." + receiver(decl) + "." + f.Name.Name
			}
			if calls[name] == nil && file.Name.Name != "main" {
				t.Errorf("%s is not called with nil", name)
			}
		}
	})
}

func takesConnection(f *ast.FuncDecl) bool {
	for _, field := range f.Type.Params.List {
		typ, ok := field.Type.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		pkg, ok := typ.X.(*ast.Ident)
		if ok && pkg.Name == "net" && slices.Contains(
			[]string{"Conn", "Listener", "PacketConn"}, typ.Sel.Name) {
			return true
		}
	}
	return false
}
