//go:build unix

package sealcaddy_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"

	"github.com/sealsock/sealsock"
	sealcaddy "github.com/sealsock/sealsock/contrib/caddy"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/httptransport"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/servertest"
)

// load makes Caddy use a Caddyfile.
func load(text string) error {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		return err
	}
	return caddy.Load(adapted, false)
}

// start runs Caddy with testdata/Caddyfile, whose files and port are replaced, and with more
// options of the wrapper.
func start(t *testing.T, p *servertest.Place, options string) (url, text string) {
	t.Helper()
	file, err := os.ReadFile("testdata/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(freeport.Pick(t))
	text = strings.NewReplacer("8443", port, "server.pem", p.Path("cert.pem"),
		"server.key", p.Path("key.pem"), "sealsock {", "sealsock {\n"+options).Replace(string(file))
	if err := load(text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return "https://" + servertest.Host + ":" + port + "/", text
}

// get returns the protocol and the body of a response.
func get(t *testing.T, url string, cfg *sealsock.Config) (string, error) {
	t.Helper()
	transport, err := httptransport.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.Proto + " " + string(body), err
}

// ours is the configuration of our client for some protocols.
func ours(p *servertest.Place, protocols ...string) *sealsock.Config {
	cfg := p.Client()
	cfg.ALPN = protocols
	return cfg
}

// TestCaddy asks Caddy by our client and by curl, over HTTP/1.1 and HTTP/2, for the state of
// TLS that its handlers see, and again after Caddy has loaded another configuration.
func TestCaddy(t *testing.T) {
	servertest.Need(t, "curl")
	p := servertest.New(t)
	url, text := start(t, p, "")
	expect := func(prefix string) {
		t.Helper()
		for want, protocols := range map[string][]string{
			"HTTP/2.0 " + prefix + "https tls1.3 localhost h2":       {"h2", "http/1.1"},
			"HTTP/1.1 " + prefix + "https tls1.3 localhost http/1.1": {"http/1.1"},
		} {
			if got, err := get(t, url, ours(p, protocols...)); err != nil || got != want {
				t.Errorf("our client: %q, not %q: %v", got, want, err)
			}
			args := []string{"-sS", "--cacert", p.Path("ca.pem"), "-w", "%{http_version}", url}
			if len(protocols) == 1 {
				args = append(args, "--http1.1")
			}
			out, err := exec.Command("curl", args...).CombinedOutput()
			proto, body, _ := strings.Cut(want, " ")
			want := body + strings.TrimSuffix(strings.TrimPrefix(proto, "HTTP/"), ".0")
			if err != nil || string(out) != want {
				t.Errorf("curl %v: %v: %q, not %q", protocols, err, out, want)
			}
		}
	}
	expect("")
	if err := load(strings.Replace(text, `respond "`, `respond "again `, 1)); err != nil {
		t.Fatal(err)
	}
	expect("again ")
	response, err := http.Get(strings.Replace(url, "https", "http", 1))
	if err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("a request in plaintext: %+v, %v", response, err)
	} else {
		response.Body.Close()
	}
}

// TestOptions: clients must prove certificates, in a version and with a protocol of the
// configuration.
func TestOptions(t *testing.T) {
	p := servertest.New(t)
	url, _ := start(t, p, "client_ca "+p.Path("ca.pem")+"\nmin_version TLS1.3\nprotocols http/1.1\n")
	cfg := ours(p, "h2", "http/1.1")
	var refused *engine.Error
	if got, err := get(t, url, cfg); !errors.As(err, &refused) || refused.Fault != engine.FaultAlert {
		t.Errorf("a client without a certificate: %q, %v", got, err)
	}
	cfg.Identities = []*identity.Identity{p.ClientIdentity(t, "app")}
	got, err := get(t, url, cfg)
	if want := "HTTP/1.1 https tls1.3 localhost http/1.1CN=app"; err != nil || got != want {
		t.Errorf("%q, not %q: %v", got, want, err)
	}
}

// TestWrongOptions: what cannot work is an error at the start, and serves nothing in plaintext.
func TestWrongOptions(t *testing.T) {
	p := servertest.New(t)
	_, text := start(t, p, "")
	certificate := "certificate " + p.Path("cert.pem") + " " + p.Path("key.pem")
	for _, option := range []string{
		"", "certificate " + p.Path("cert.pem"), "certificate /nowhere.pem /nowhere.key",
		certificate + "\nclient_ca /nowhere.pem", certificate + "\nmin_version SSL9",
		certificate + "\nmin_version TLS1.1", certificate + "\nprotocols h3",
		certificate + "\ncolour blue",
	} {
		if load(strings.Replace(text, certificate, option, 1)) == nil {
			t.Errorf("%q is accepted", option)
		}
	}
	if c, err := new(sealcaddy.Wrapper).WrapListener(nil).Accept(); err == nil {
		t.Errorf("a Wrapper that was not provisioned accepts %v", c)
	}
}
