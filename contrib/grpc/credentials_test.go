package sealgrpc_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/sealsock/sealsock"
	sealgrpc "github.com/sealsock/sealsock/contrib/grpc"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// configs returns the Configs of a client, whose certificate has a SPIFFE ID, and of a server,
// which is localhost.
func configs(t *testing.T) (client, server *sealsock.Config) {
	t.Helper()
	ca := testcert.New()
	id := func(change func(*x509.Certificate), names ...string) []*identity.Identity {
		leaf := ca.Issue(testcert.NewKey("p256"), change, names...)
		id, err := identity.New(leaf.Chain, leaf.Key)
		if err != nil {
			t.Fatal(err)
		}
		return []*identity.Identity{id}
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	workload := func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: "/client"}}
	}
	policy := &trust.Policy{Roots: roots}
	return &sealsock.Config{Trust: policy, Identities: id(workload, "client")},
		&sealsock.Config{Trust: policy, Identities: id(nil, "localhost")}
}

// A watched health server records what it is told of its clients.
type watched struct {
	*health.Server
	seen chan credentials.TLSInfo
}

// Check implements the health service.
func (w *watched) Check(ctx context.Context, r *healthpb.HealthCheckRequest) (
	*healthpb.HealthCheckResponse, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, errors.New("no peer")
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return nil, errors.New("no TLS")
	}
	w.seen <- info
	return w.Server.Check(ctx, r)
}

// serve starts a server and returns its port and what it is told.
func serve(t *testing.T, cfg *sealsock.Config) (port string, seen chan credentials.TLSInfo) {
	t.Helper()
	creds, err := sealgrpc.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{health.NewServer(), make(chan credentials.TLSInfo, 1)}
	s := grpc.NewServer(grpc.Creds(creds))
	healthpb.RegisterHealthServer(s, w)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, w.seen
}

// call makes a connection and one call.
func call(t *testing.T, creds credentials.TransportCredentials, target string) (
	credentials.TLSInfo, error) {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var p peer.Peer
	_, err = healthpb.NewHealthClient(conn).Check(ctx, new(healthpb.HealthCheckRequest), grpc.Peer(&p))
	info, _ := p.AuthInfo.(credentials.TLSInfo)
	return info, err
}

// TestCredentials: both sides are proved, and both learn of the other, and the second
// connection resumes the session of the first.
func TestCredentials(t *testing.T) {
	cc, sc := configs(t)
	sc.ClientAuth = sealsock.RequireClientCert
	port, seen := serve(t, sc)
	creds, err := sealgrpc.NewClient(cc)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		own, err := call(t, creds, "localhost:"+port)
		if err != nil {
			t.Fatal(err)
		}
		theirs := <-seen
		if id := theirs.SPIFFEID; id == nil || id.String() != "spiffe://example.org/client" {
			t.Errorf("connection %d: the client's SPIFFE ID is %v", i, id)
		}
		s := own.State
		if own.SPIFFEID != nil || len(s.VerifiedChains) == 0 || s.NegotiatedProtocol != "h2" ||
			own.SecurityLevel != credentials.PrivacyAndIntegrity {
			t.Errorf("connection %d: the client knows of %+v", i, own)
		}
		if own.State.DidResume != (i == 1) || theirs.State.DidResume != (i == 1) {
			t.Errorf("connection %d: resumed %v and %v", i, own.State.DidResume, theirs.State.DidResume)
		}
	}
}

// TestReload: a server shows the identity that SelectIdentity returns at the time.
func TestReload(t *testing.T) {
	cc, sc := configs(t)
	other, another := configs(t)
	current := sc.Identities[0]
	sc.SelectIdentity = func(context.Context, *engine.CredentialRequest) (*identity.Identity, error) {
		return current, nil
	}
	sc.NumTickets = -1
	port, seen := serve(t, sc)
	for i, cfg := range []*sealsock.Config{cc, other} {
		creds, err := sealgrpc.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call(t, creds, "localhost:"+port); err != nil {
			t.Errorf("client %d: %v", i, err)
		} else {
			<-seen
		}
		current = another.Identities[0]
	}
}

// TestRefusals: a server that is not trusted, and a client without a certificate, make calls
// fail.
func TestRefusals(t *testing.T) {
	cc, sc := configs(t)
	sc.ClientAuth = sealsock.RequireClientCert
	port, _ := serve(t, sc)
	untrusting, _ := configs(t)
	nameless := *cc
	nameless.Identities = nil
	renamed := *cc
	renamed.ServerName = "example.com"
	for name, cfg := range map[string]*sealsock.Config{
		"unknown authority": untrusting, "no certificate": &nameless, "another name": &renamed,
	} {
		creds, err := sealgrpc.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call(t, creds, "localhost:"+port); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMisuse: credentials of the wrong side and another protocol are errors.
func TestMisuse(t *testing.T) {
	cc, sc := configs(t)
	client, err := sealgrpc.NewClient(cc)
	server, err2 := sealgrpc.NewServer(sc)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.ServerHandshake(nil); err == nil {
		t.Error("a client's credentials on a server")
	}
	if _, _, err := server.ClientHandshake(t.Context(), "localhost", nil); err == nil {
		t.Error("a server's credentials on a client")
	}
	cc.ALPN = []string{"http/1.1"}
	if _, err := sealgrpc.NewClient(cc); err == nil {
		t.Error("gRPC over HTTP/1.1")
	}
	if _, err := sealgrpc.NewServer(nil); err == nil {
		t.Error("a server without an identity")
	}
	clone := client.Clone()
	if err := clone.OverrideServerName("example.com"); err != nil {
		t.Fatal(err)
	}
	if a, b := client.Info(), clone.Info(); a.ServerName != "" || b.ServerName != "example.com" {
		t.Errorf("%+v and %+v", a, b)
	}
}
