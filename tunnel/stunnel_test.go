package tunnel_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/tunnel"
)

// stunnelFiles are three configurations as people have them: a server of mail, a client that
// verifies, and names with keys of their own beside a pre-shared key.
var stunnelFiles = map[string]string{
	"mail.conf": `; the mail server of a small office
setuid = mail
setgid = mail
pid = /run/stunnel-mail.pid
debug = 5
output = DIR/mail.log
foreground = yes
socket = l:TCP_NODELAY=1
options = NO_SSLv3
cert = DIR/server.pem
key = DIR/server.key

[imaps]
accept = 993
connect = 143
TIMEOUTidle = 1800

[smtps]
accept = 192.0.2.5:465
connect = /run/smtp.sock
ciphers = HIGH:!aNULL
protocol = proxy
`,
	"client.conf": `client = yes
[database]
accept = 127.0.0.1:5432
connect = db1.example.com:5433
connect = db2.example.com:5433
failover = prio
CAfile = DIR/ca.pem
verifyChain = yes
checkHost = db.example.com
sslVersionMin = TLSv1.2
curves = X25519:prime256v1
[pinned]
accept = ::1:1234
connect = 2001:db8::1:4321
CAfile = DIR/server.pem
verifyPeer = yes
protocol = pgsql
[open]
accept = 127.0.0.1:81
connect = old.example.com:443
sni = new.example.com
`,
	"names.conf": `[https]
accept = :::443
connect = 8080
cert = DIR/server.pem
key = DIR/server.key
verify = 2
CAfile = DIR/ca.pem
CRLfile = DIR/list.crl

[shop]
sni = https:shop.example.com
connect = 8081
cert = DIR/client.pem
key = DIR/client.key

[key]
accept = 127.0.0.1:4000
connect = 127.0.0.1:4001
PSKsecrets = DIR/keys
ciphersuites = TLS_AES_128_GCM_SHA256
`,
}

func (b *bench) stunnel(name, text string) (*tunnel.Config, string, error) {
	b.write(name, []byte(strings.ReplaceAll(text, "DIR", b.dir)))
	cfg, notes, err := tunnel.LoadStunnel(filepath.Join(b.dir, name))
	var all []string
	for _, n := range notes {
		all = append(all, n.String())
	}
	return cfg, strings.Join(all, "\n"), err
}

// TestStunnel reads three files, each of which becomes TOML that can be read again.
func TestStunnel(t *testing.T) {
	b := newBench(t)
	all := map[string]*tunnel.Config{}
	notes := map[string]string{}
	for name, text := range stunnelFiles {
		cfg, noted, err := b.stunnel(name, text)
		if err != nil {
			t.Fatal(name, err)
		}
		all[name], notes[name] = cfg, noted
		written, err := cfg.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tunnel.Parse(name, written); err != nil {
			t.Errorf("%s: %v in\n%s", name, err, written)
		}
	}
	mail := all["mail.conf"]
	if mail.User != "mail" || mail.Group != "mail" || mail.Log.Level != "info" ||
		mail.Log.File != b.dir+"/mail.log" || mail.PID != "/run/stunnel-mail.pid" {
		t.Errorf("%+v", mail)
	}
	imaps, smtps := mail.Tunnels[0], mail.Tunnels[1]
	if imaps.Listen[0] != ":993" || imaps.Backends[0].Address != "localhost:143" ||
		imaps.Server.Cert != b.dir+"/server.pem" || imaps.Limits.Idle == 0 ||
		smtps.Backends[0].Address != "unix:///run/smtp.sock" || smtps.Proxy.Send != 1 {
		t.Errorf("%+v\n%+v", imaps, smtps)
	}
	db, pinned, open := all["client.conf"].Tunnels[0], all["client.conf"].Tunnels[1],
		all["client.conf"].Tunnels[2]
	if db.Client.ServerName != "db.example.com" || db.Balance != "first" || len(db.Backends) != 2 ||
		db.Client.Insecure || db.Client.AnyName || len(db.Client.Groups) != 2 {
		t.Errorf("%+v %+v", db, db.Client)
	}
	pin := pinOf(t, filepath.Join(b.dir, "server.pem"))
	if len(pinned.Client.Pins) != 1 || pinned.Client.Pins[0] != pin || len(pinned.Client.CA) != 0 ||
		pinned.Listen[0] != "[::1]:1234" || pinned.Client.StartTLS != "postgres" {
		t.Errorf("%+v %+v", pinned, pinned.Client)
	}
	if !open.Client.Insecure || open.Client.ServerName != "new.example.com" ||
		!strings.Contains(notes["client.conf"], "the service open does not verify its server") {
		t.Errorf("%+v %s", open.Client, notes["client.conf"])
	}
	web, psk := all["names.conf"].Tunnels[0], all["names.conf"].Tunnels[1]
	if web.Server.ClientAuth != "require" || web.Routes[0].ServerNames[0] != "shop.example.com" ||
		web.Server.Certificates[0].Cert != b.dir+"/client.pem" || len(web.Server.CRL) != 1 ||
		web.Listen[0] != "[::]:443" || psk.Server.PSKFile == "" {
		t.Errorf("%+v %+v %+v", web, web.Server, psk.Server)
	}
}

func pinOf(t *testing.T, file string) string {
	roots := new(trust.Roots)
	if _, err := roots.AddFile(file); err != nil {
		t.Fatal(err)
	}
	return trust.PinOf(roots.List()[0].Certificate).String()
}

// TestStunnelRefuses: each option that cannot be honoured is named with the reason.
func TestStunnelRefuses(t *testing.T) {
	b := newBench(t)
	server := "[s]\naccept=1\nconnect=2\ncert=DIR/server.pem\n"
	named := server + "[n]\nsni=s:b.example\nconnect=3\n"
	for text, want := range map[string]string{
		server + "exec = /bin/cat\n":                     "x.conf:5:1: exec: a tunnel runs no programs",
		server + "transparent = source\n":                "cannot be used as the source",
		server + "redirect = 3\n":                        "are not sent elsewhere",
		"fips = yes\n" + server:                          "not of a FIPS module",
		"engine = pkcs11\n" + server:                     "OpenSSL engine",
		server + "protocol = socks\n":                    `the protocol "socks" cannot be used`,
		server + "sslVersion = SSLv3\n":                  "SSLv3 is not safe",
		server + "nonsense = 1\n":                        "this option is not known",
		server + "nonsense\n":                            `"nonsense" is no option`,
		server + "client = maybe\n":                      "neither yes nor no",
		server + "TIMEOUTidle = soon\n":                  "no number of seconds",
		"[s]\naccept=1\nconnect=2\n":                     "needs a certificate",
		"[s]\nclient=yes\naccept=1\n":                    "it has no backend",
		"[s]\nclient=yes\nconnect=1\nverifyPeer=yes\n":   "no certificates to compare",
		server + "[n]\nsni = other:a.example\nconnect=3": `names the service "other"`,
		named + "verifyChain=yes\nCAfile=DIR/ca.pem":     "other demands",
		named + "sslVersionMin=TLSv1.3":                  "other demands",
		named + "protocol=proxy":                         "another protocol",
		named + "protocol=imap":                          "another protocol",
		server + "failover = some":                       "is no order",
		"include = DIR/none\n" + server:                  "cannot be followed",
		"debug = loud\n" + server:                        "is no level",
	} {
		_, _, err := b.stunnel("x.conf", text)
		var all tunnel.Problems
		if !errors.As(err, &all) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
	// What is the same for all services is no other demand.
	client := "verifyChain=yes\nCAfile=DIR/ca.pem\nprotocol=imap\n"
	if cfg, _, err := b.stunnel("x.conf", client+named); err != nil ||
		cfg.Tunnels[0].Server.ClientAuth != "require" || len(cfg.Tunnels[0].Routes) != 1 {
		t.Errorf("the same demands: %v", err)
	}
	if err := os.Mkdir(filepath.Join(b.dir, "many"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 257 {
		b.write(fmt.Sprintf("many/%d.conf", i), nil)
	}
	if _, _, err := b.stunnel("x.conf", "include = DIR/many\n"+server); err == nil ||
		!strings.Contains(err.Error(), "more than 256 files") {
		t.Errorf("257 included files: %v", err)
	}
	_, _, err := b.stunnel("x.conf", server+"sslVersion = SSLv3\n")
	var once tunnel.Problems
	if !errors.As(err, &once) || len(once) != 1 {
		t.Errorf("one mistake is told as %v", err)
	}
	cfg, _, err := b.stunnel("x.conf", server+"sslVersion = TLSv1.2\n")
	if err != nil || cfg.Tunnels[0].Server.MinVersion != "1.2" ||
		cfg.Tunnels[0].Server.MaxVersion != "1.2" {
		t.Errorf("sslVersion: %v", err)
	}
	for text, want := range map[string]string{
		server + "socket = l:SO_KEEPALIVE=1\n": "it has no effect",
		server + "sslVersionMin = TLSv1\n":     "the lowest version is TLS 1.2",
		server + "ciphers = ALL\n":             "the suites are those of this program",
		server + "options = -NO_SSLv3\n":       "what it would allow stays off",
		"chroot = /x\n" + server:               "not moved to a folder",
		"foreground = no\n" + server:           "stays in the foreground",
	} {
		if _, notes, err := b.stunnel("x.conf", text); err != nil || !strings.Contains(notes, want) {
			t.Errorf("%q: %s, %v\nwant %s", text, notes, err, want)
		}
	}
}

// TestStunnelSample reads the configuration that stunnel's own package brings.
func TestStunnelSample(t *testing.T) {
	peers.Need(t, "stunnel")
	const sample = "/usr/share/doc/stunnel4/examples/stunnel.conf-sample"
	if _, err := os.Stat(sample); err != nil {
		if os.Getenv("SEALSOCK_PEERS") == "require" {
			t.Fatal(err)
		}
		t.Skipf("left out: this package of stunnel has no %s", sample)
	}
	cfg, notes, err := tunnel.LoadStunnel(sample)
	if err != nil || len(cfg.Tunnels) < 3 {
		t.Fatalf("%+v, %v, %v", cfg, notes, err)
	}
	for _, s := range cfg.Tunnels {
		if s.Client == nil || s.Client.ServerName == "" || s.Client.Insecure ||
			len(s.Client.CADir) != 1 || s.Client.Revocation != "require" {
			t.Errorf("%+v %+v", s, s.Client)
		}
	}
}

// For every file the outcome is a Config that Check accepts, or problems.
func FuzzLoadStunnel(f *testing.F) {
	for _, text := range stunnelFiles {
		f.Add(text)
	}
	f.Add("[a]\nsni=a:b\nconnect=::1:2\nverify=3\nclient=yes\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // of other files
		}
		file := filepath.Join(t.TempDir(), "f.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _, err := tunnel.LoadStunnel(file)
		var all tunnel.Problems
		if err != nil && !errors.As(err, &all) {
			t.Fatal(err)
		}
		if err == nil && cfg.Check() != nil {
			t.Error(cfg.Check())
		}
	})
}

// TestStunnelRuns joins services of stunnel's files: a server, and clients that verify it by its
// authority, by its own certificate, and with a certificate of their own.
func TestStunnelRuns(t *testing.T) {
	b := newBench(t)
	run := func(text string) *tunnel.Server {
		t.Helper()
		cfg, notes, err := b.stunnel("run.conf", text)
		if err != nil {
			t.Fatal(notes, err)
		}
		cfg.Drain = 1
		s, err := tunnel.New(cfg, tunnel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.serve(s))
		return s
	}
	echo := b.echo("one:", nil)
	b.write("keys", []byte("me:000102030405060708090a0b0c0d0e0f\n"))
	servers := run("cert = DIR/server.pem\nkey = DIR/server.key\n" +
		"[plain]\naccept = 127.0.0.1:0\nconnect = " + echo + "\n" +
		"[verified]\naccept = 127.0.0.1:0\nconnect = " + echo +
		"\nverifyChain = yes\nCAfile = DIR/ca.pem\ncheckHost = alice.example\n" +
		"[psk]\naccept = 127.0.0.1:0\nconnect = " + echo + "\nPSKsecrets = DIR/keys\n")
	to := func(name string) string { return servers.Addrs(name)[0].String() }
	clients := run("client = yes\n" +
		"[chain]\naccept = 127.0.0.1:0\nconnect = " + to("plain") +
		"\nverifyChain = yes\nCAfile = DIR/ca.pem\ncheckHost = localhost\n" +
		"[peer]\naccept = 127.0.0.1:0\nconnect = " + to("plain") +
		"\nverifyPeer = yes\nCAfile = DIR/server.pem\ncheckHost = localhost\n" +
		"[own]\naccept = 127.0.0.1:0\nconnect = " + to("verified") +
		"\nverifyChain = yes\nCAfile = DIR/ca.pem\ncheckHost = localhost\n" +
		"cert = DIR/client.pem\nkey = DIR/client.key\n" +
		"[key]\naccept = 127.0.0.1:0\nconnect = " + to("psk") + "\nPSKsecrets = DIR/keys\n" +
		"[unknown]\naccept = 127.0.0.1:0\nconnect = " + to("verified") +
		"\nverifyChain = yes\nCAfile = DIR/ca.pem\ncheckHost = localhost\n" +
		"[other]\naccept = 127.0.0.1:0\nconnect = " + to("plain") +
		"\nverifyPeer = yes\nCAfile = DIR/client.pem\ncheckHost = localhost\n")
	for name, served := range map[string]bool{"chain": true, "peer": true, "own": true, "key": true,
		"unknown": false, "other": false} {
		got, err := plainly(clients.Addrs(name)[0], "hello")
		if (err == nil && got == "one:hello") != served {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
