package tunnel_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/tunnel"
)

const wholeConfig = `
drain = "5s"
admin = "unix:///run/seal/admin.sock"
[log]
level = "debug"
format = "json"

[[tunnel]]
name = "web"
listen = [":443", "unix:///run/web.sock"]
balance = "hash"
  [tunnel.server]
  cert = "web.pem"
  key = "web.key"
  alpn = ["h2", "http/1.1"]
  client_auth = "require"
  ca = ["clients.pem"]
    [[tunnel.server.peer]]
    uri = ["spiffe://example.org/ns/*/web"]
  [[tunnel.backend]]
  address = "127.0.0.1:8080"
  weight = 3
  [[tunnel.backend]]
  address = "127.0.0.1:8081"
  backup = true
  [[tunnel.route]]
  server_names = ["*.db.example.com"]
  pass = true
    [[tunnel.route.backend]]
    address = "127.0.0.1:5432"
  [tunnel.limits]
  rate = "10/1m"
  bandwidth = "64KiB"
  idle = "5m"

[[tunnel]]
name = "out"
listen = ["127.0.0.1:25"]
client = { server_name = "mail.example.com", starttls = "smtp" }
backend = [{ address = "mail.example.com:25" }]
`

// TestParse reads a configuration, and again what Marshal writes of it.
func TestParse(t *testing.T) {
	cfg, err := tunnel.Parse("seal.toml", []byte(wholeConfig))
	if err != nil {
		t.Fatal(err)
	}
	web := cfg.Tunnels[0]
	if time.Duration(web.Limits.Idle) != 5*time.Minute || web.Limits.Bandwidth != 64<<10 ||
		web.Limits.Rate != (tunnel.Rate{Count: 10, Per: time.Minute}) || web.Backends[0].Weight != 3 ||
		!web.Backends[1].Backup || web.Routes[0].Backends[0].Address != "127.0.0.1:5432" ||
		web.Server.Peers[0].URI[0] != "spiffe://example.org/ns/*/web" ||
		cfg.Tunnels[1].Client.StartTLS != "smtp" || time.Duration(cfg.Drain) != 5*time.Second {
		t.Errorf("%+v", cfg)
	}
	text, err := cfg.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := tunnel.Parse("again.toml", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if !reflect.DeepEqual(cfg, again) {
		t.Errorf("%+v\nbecame\n%+v\nin\n%s", cfg, again, text)
	}
}

// TestNumbers: a number of bytes needs no unit, and 0 means the default of a time.
func TestNumbers(t *testing.T) {
	cfg, err := tunnel.Parse("f", []byte("drain = 0\n"+minimal("limits = { bytes = 5, idle = 0 }")))
	if err != nil || cfg.Tunnels[0].Limits.Bytes != 5 {
		t.Errorf("%+v, %v", cfg, err)
	}
}

// TestProblems: each mistake is found, with its line and column.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"syntax", "drain = \n", "f:1:9: "},
		{"type", "[[tunnel]]\nname = 3\n", "f:2:8: "},
		{"list", "[[tunnel]]\nlisten = \":1\"\n",
			"f:2:10: tunnel.listen: this is of the kind string, and needs to be a list of texts"},
		{"empty", minimal("server = { cert = \"x\", psk_file = \"\" }"),
			"f:3:24: tunnel[0].server.psk_file: the value is empty"},
		{"empty file", "pid = \"\"\n" + minimal(""), "f:1:1: pid: the value is empty"},
		{"time", "drain = \"5 parsecs\"\n", `f:1:9: drain: "5 parsecs" is no time`},
		{"number as a time", "drain = 5\n" + minimal(""), "f:1:1: drain: 5 is not a time"},
		{"number in a table", minimal("limits.idle = 60"), "f:3:8: tunnel[0].limits.idle: 60 is not"},
		{"number in an inline table", minimal("health = { interval = 5 }"),
			"f:3:12: tunnel[0].health.interval: 5 is not a time"},
		{"fraction as a time", "watch = 1.5\n" + minimal(""), "f:1:1: watch: 1.5 is not a time"},
		{"number as a rate", minimal("limits.rate = 5"),
			"f:3:8: tunnel[0].limits.rate: 5 is not a number and a time (write \"10/1m\""},
		{"fraction as bytes", minimal("limits.bytes = 1.5"), "f:3:8: tunnel[0].limits.bytes: 1.5 is"},
		{"negative bytes", minimal("limits.bandwidth = -5"), "limits.bandwidth: -5 is not a number of"},
		{"negative early data", minimal("server = { cert = \"x\", max_early_data = -5 }"),
			"max_early_data: -5 is not a number of bytes"},
		{"key", "[[tunnel]]\nname = \"a\"\nlisten = [\"127.0.0.1:1\"]\nconect = \"x\"\n" +
			"[tunnel.server]\ncert=\"x\"\n[[tunnel.backend]]\naddress=\"127.0.0.1:2\"\n",
			"f:4:1: tunnel.conect: there is no such key"},
		{"plural", "[[tunnels]]\nname = \"a\"\n", "there is no such key (write tunnel)"},
		{"no tunnel", "drain = \"1s\"\n", "f: there is no tunnel"},
		{"address", minimal("listen = [\"127.0.0.1:1\", \"tcp:/x\"]"), "f:3:26: tunnel[0].listen[1]: "},
		{"word", minimal("balance = \"fair\""), `f:3:1: tunnel[0].balance: "fair" is not valid`},
		{"network", minimal("access.allow = [\"10.0.0.1/8\"]"),
			"f:3:17: tunnel[0].access.allow[0]: \"10.0.0.1/8\" has bits beyond"},
		{"bound", minimal("proxy.send = 3"), "f:3:7: tunnel[0].proxy.send: 3 is not between 0 and 2"},
		{"name", minimal("route = [{ server_names = [\"a.*.b\"] }]"),
			"tunnel[0].route[0].server_names[0]"},
		{"pass", minimal("route = [{ }, { pass = true }]"), "routes that pass must stand in front"},
		{"deny", minimal("route = [{ deny = true, pass = true }]"), "a route that denies"},
		{"twice", minimal("") + "[[tunnel]]\nname=\"a\"\nlisten=[\"127.0.0.1:1\"]\nclient={}\n" +
			"backend=[{address=\"127.0.0.1:2\"}]\n", `another tunnel is called "a"`},
		{"taken", minimal("") + "[[tunnel]]\nname=\"b\"\nlisten=[\"127.0.0.1:1\"]\nclient={}\n" +
			"backend=[{address=\"127.0.0.1:2\"}]\n", `the tunnel "a" listens on 127.0.0.1:1 already`},
		{"no tls", "[[tunnel]]\nname=\"a\"\nlisten=[\":1\"]\nbackend=[{address=\":2\"}]\n",
			"it neither decrypts nor encrypts"},
		{"wrong side", minimal("client = { client_auth = \"none\" }"), "is for [tunnel.server]"},
		{"any name", minimal("client = { any_name = true }"), "any owner of a certificate"},
		{"auth", minimal("server = { cert = \"x\", client_auth = \"require\" }"),
			"no authority and no pin names"},
		{"optional peer", minimal("server = { cert = \"x\", ca=[\"c\"], client_auth = \"request\", " +
			"peer = [{cn=[\"x\"]}] }"), "peer needs a certificate of the client"},
		{"insecure rule", minimal("server = { cert = \"x\", insecure = true, peer = [{cn=[\"x\"]}] }"),
			"anyone could make a certificate"},
		{"insecure rules", minimal("client = { insecure = true, peer = [{pin=[\"" +
			strings.Repeat("ab", 32) + "\"]}, {cn=[\"x\"]}] }"), "anyone could make a certificate"},
		{"empty rule", minimal("server = { cert = \"x\", peer = [{}] }"), "a rule without a condition"},
		{"pin", minimal("client = { pins = [\"short\"] }"), "tunnel[0].client.pins[0]"},
		{"group", minimal("client = { groups = [\"P-1\"] }"), "tunnel[0].client.groups[0]"},
		{"versions", minimal("client = { min_version = \"1.3\", max_version = \"1.2\" }"), "it is below"},
		{"starttls", minimal("client = { starttls = \"gopher\" }"), `"gopher" is not valid`},
		{"fleet alone", "fleet.nats = \"nats://n.example:4222\"\n" + minimal(""), "sharing needs both"},
		{"group alone", "group = \"x\"\n" + minimal(""), "a group without a user"},
	} {
		_, err := tunnel.Parse("f", []byte(c.text))
		var all tunnel.Problems
		if !errors.As(err, &all) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
		}
	}
}

// minimal is a configuration with one line more, the third.
func minimal(line string) string {
	text := "[[tunnel]]\nname = \"a\"\n" + line + "\n"
	if !strings.HasPrefix(line, "listen") {
		text += "listen = [\"127.0.0.1:1\"]\n"
	}
	if !strings.HasPrefix(line, "server") && !strings.HasPrefix(line, "client") {
		text += "client = {}\n"
	}
	return text + "backend = [{ address = \"127.0.0.1:2\" }]\n"
}

// TestAllProblems: one run finds all mistakes, in the order of the lines.
func TestAllProblems(t *testing.T) {
	_, err := tunnel.Parse("f", []byte(minimal("balance = \"x\"\nproxy.send = 9\nunknown = 1")))
	var all tunnel.Problems
	if !errors.As(err, &all) || len(all) != 3 || all[0].Line != 3 || all[1].Line != 4 ||
		all[2].Line != 5 {
		t.Errorf("%v", err)
	}
}

func TestLoad(t *testing.T) {
	if _, err := tunnel.Load(t.TempDir() + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// For every text, Parse returns a Config that Marshal and Parse keep, or problems.
func FuzzParse(f *testing.F) {
	f.Add(wholeConfig)
	f.Add(minimal("access.allow = [\"10.0.0.1/8\"]"))
	f.Add("[[tunnel]]\n[tunnel.server]\n[[tunnel.server.peer]]\ncn=[\"a\"]\n[[tunnel.x.y]]")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := tunnel.Parse("f", []byte(text))
		if err != nil {
			var all tunnel.Problems
			if !errors.As(err, &all) || len(all) == 0 || err.Error() == "" {
				t.Errorf("%#v", err)
			}
			return
		}
		again, err := cfg.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tunnel.Parse("f", again); err != nil {
			t.Errorf("%v\nin\n%s\nof\n%s", err, again, text)
		}
	})
}
