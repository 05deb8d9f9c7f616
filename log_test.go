package sealsock_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"testing"

	"github.com/sealsock/sealsock"
)

// TestLogValue logs both ends of a connection, and what is no connection.
func TestLogValue(t *testing.T) {
	near, far := net.Pipe()
	cc, sc := newConfigs(t)
	cc.ALPN, sc.ALPN = []string{"h2"}, []string{"h2"}
	client, server := sealPair(t, near, far, cc, sc)
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("connected", "client", client, "server", server,
		"nil", (*sealsock.Conn)(nil), "zero", new(sealsock.Conn))
	var line struct {
		Client, Server struct {
			Version, Suite, Group, ALPN, Peer string
			ServerName                        string `json:"server_name"`
			Resumed                           *bool
		}
	}
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, &b)
	}
	for _, l := range []any{line.Client, line.Server} {
		encoded, _ := json.Marshal(l)
		t.Logf("%s", encoded)
	}
	for name, c := range map[string]struct{ version, alpn, name string }{
		"client": {line.Client.Version, line.Client.ALPN, line.Client.ServerName},
		"server": {line.Server.Version, line.Server.ALPN, line.Server.ServerName},
	} {
		if c.version != "TLS 1.3" || c.alpn != "h2" || c.name != "localhost" {
			t.Errorf("%s: %+v in %s", name, c, &b)
		}
	}
	l := line.Client
	if l.Peer == "" || l.Resumed == nil || l.Group == "" || l.Suite == "" {
		t.Errorf("the client's facts are not complete: %s", &b)
	}
}
