package authority

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The challenges that are offered.
const (
	methodHTTP = "http-01"
	methodALPN = "tls-alpn-01"
)

// The bounds on one validation.
const (
	proveTimeout  = 10 * time.Second
	maxProofBody  = 4 << 10
	proveAttempts = 3
)

func (p *proof) body(base string) any {
	var challenges []any
	for _, method := range []string{methodHTTP, methodALPN} {
		if p.method == "" || p.method == method {
			challenges = append(challenges, p.challengeBody(base, method))
		}
	}
	return map[string]any{
		"status": p.outcome(), "expires": p.expires.UTC().Format(time.RFC3339), "identifier": p.identifier, "challenges": challenges,
	}
}

// outcome is the authorization's status, which knows no "processing".
func (p *proof) outcome() string {
	if p.status == stateProcessing {
		return statePending
	}
	return p.status
}

func (p *proof) challengeBody(base, method string) map[string]any {
	body := map[string]any{"type": method, "url": base + "/acme/challenge/" + p.id + "." + method, "token": p.token, "status": p.status}
	if p.status == stateDeactivated { // which a challenge cannot be
		body["status"] = stateInvalid
	}
	if p.status == stateValid { // RFC 8555, Section 8: it is required then
		body["validated"] = p.validated.UTC().Format(time.RFC3339)
	}
	if p.problem != nil {
		body["error"] = p.problem
	}
	return body
}

// getProof returns an authorization, or deactivates it (RFC 8555, Section 7.5.2).
func (m *ACME) getProof(c *call) (*reply, error) {
	if err := c.mustKnow(); err != nil {
		return nil, err
	}
	deactivate, err := c.deactivates()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.proofs[c.PathValue("id")]
	if p == nil || p.account != c.account {
		return nil, fault(http.StatusNotFound, "malformed", "the account has no such authorization")
	}
	if deactivate && p.status != stateInvalid {
		p.status = stateDeactivated
	}
	return &reply{status: http.StatusOK, body: p.body(c.base)}, nil
}

// challenge begins a validation, once, and tells how it stands (RFC 8555,
// Section 7.5.1). An empty payload only asks.
func (m *ACME) challenge(c *call) (*reply, error) {
	if err := c.mustKnow(); err != nil {
		return nil, err
	}
	id, method, _ := strings.Cut(c.PathValue("id"), ".")
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.proofs[id]
	if p == nil || p.account != c.account || (method != methodHTTP && method != methodALPN) {
		return nil, fault(http.StatusNotFound, "malformed", "the account has no such challenge")
	}
	if p.status == statePending && len(c.payload) > 0 {
		source := sourceOf(c.Request)
		run := func() { m.prove(p, method, source, p.token+"."+c.print) }
		if !m.checks.add(validation{source, run}) {
			return nil, fault(http.StatusServiceUnavailable, "rateLimited", "too many validations are in progress: try again later")
		}
		p.status, p.method = stateProcessing, method
	}
	return &reply{status: http.StatusOK, location: "", body: p.challengeBody(c.base, method)}, nil
}

// prove looks whether the name answers with what only the account can know.
func (m *ACME) prove(p *proof, method, source, authorization string) {
	ctx, cancel := context.WithTimeout(context.Background(), proveTimeout)
	defer cancel()
	check := m.proveHTTP
	if method == methodALPN {
		check = m.proveALPN
	}
	var err error
	for attempt := range proveAttempts {
		if err = check(ctx, p.identifier, p.token, authorization); err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Duration(attempt) * 200 * time.Millisecond) // the client's server may still be starting
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks.done(source)
	switch {
	case p.status != stateProcessing: // deactivated meanwhile
	case err == nil:
		p.status, p.validated = stateValid, m.authority.now()
	default:
		// One text for all reasons: another would tell a client which ports are
		// open on machines that it cannot reach itself.
		p.status, p.problem = stateInvalid, fault(http.StatusForbidden, "incorrectResponse",
			"the %[2]s validation of %[1]s failed", p.identifier.Value, method)
	}
}

// errForbidden is the error for an address that is not dialled.
var errForbidden = errors.New("the address is not in a network that validations may connect to")

// dial reaches a machine by a name that ends with a dot, so that the resolver adds
// no domain of its search list to it, and judges the very address that is dialled:
// no answer of the resolver can come in between.
func (m *ACME) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err != nil && !strings.HasSuffix(host, ".") {
		address = net.JoinHostPort(host+".", port)
	}
	if m.Dial != nil {
		return m.dialOwn(ctx, network, address)
	}
	dialer := net.Dialer{ControlContext: func(_ context.Context, _, address string,
		_ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !m.mayDial(to.Addr()) {
			return errForbidden
		}
		return nil
	}}
	return dialer.DialContext(ctx, network, address)
}

// dialOwn calls Dial. Nothing in the goroutines of a validation recovers from a panic.
func (m *ACME) dialOwn(ctx context.Context, network, address string) (c net.Conn, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the function Dial panicked: %v", v)
		}
	}()
	return m.Dial(ctx, network, address)
}

// metadata are addresses of cloud services that hand out secrets, outside of the
// link-local networks.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("100.100.100.200")}

// mayDial reports whether a name may be proved from an address.
func (m *ACME) mayDial(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, allowed := range m.AllowValidation {
		if allowed.Contains(addr) {
			return true
		}
	}
	return addr.IsGlobalUnicast() && !slices.Contains(metadata, addr)
}

// proveHTTP follows RFC 8555, Section 8.3. Redirects are not followed: on a
// local network they lead astray more often than home.
func (m *ACME) proveHTTP(ctx context.Context, name identifier, token, authorization string) error {
	host := name.Value
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		host = "[" + host + "]"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/.well-known/acme-challenge/"+token, nil)
	if err != nil {
		return err
	}
	client := http.Client{
		Transport:     &http.Transport{DialContext: m.dial, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProofBody))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != authorization {
		return fmt.Errorf("the web server answered %s and %d bytes instead of the key authorization", response.Status, len(body))
	}
	return nil
}

// oidACMEIdentifier marks the certificate of TLS-ALPN-01 (RFC 8737, Section 3).
var oidACMEIdentifier = []int{1, 3, 6, 1, 5, 5, 7, 1, 31}

// proveALPN follows RFC 8737, Section 3: the server shows a self-signed
// certificate for the name with a hash of the authorization.
func (m *ACME) proveALPN(ctx context.Context, name identifier, _, authorization string) error {
	conn, err := m.dial(ctx, "tcp", net.JoinHostPort(name.Value, "443"))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{
		ServerName: sniOf(name), NextProtos: []string{"acme-tls/1"}, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // the certificate is the proof itself and is compared below
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return err
	}
	state := client.ConnectionState()
	if state.NegotiatedProtocol != "acme-tls/1" || len(state.PeerCertificates) != 1 {
		return errors.New("the server did not present one certificate for acme-tls/1")
	}
	c := state.PeerCertificates[0]
	sum := sha256.Sum256([]byte(authorization))
	want := append([]byte{0x04, sha256.Size}, sum[:]...)
	for _, e := range c.Extensions {
		if e.Id.Equal(oidACMEIdentifier) && e.Critical && bytes.Equal(e.Value, want) &&
			onlyName(c, name) {
			return nil
		}
	}
	return errors.New("the server's certificate does not match this name and account")
}

// onlyName reports whether a certificate is for a name and no other. RFC 8737, Section 3: "and no
// other entries".
func onlyName(c *x509.Certificate, name identifier) bool {
	named := len(c.DNSNames) == 1 && strings.EqualFold(c.DNSNames[0], name.Value)
	if name.Type == "ip" {
		addr, _ := netip.ParseAddr(name.Value)
		named = len(c.IPAddresses) == 1 && c.IPAddresses[0].Equal(addr.AsSlice())
	}
	return named && countNames(c) == 1
}

var oidAlternativeNames = []int{2, 5, 29, 17}

// countNames counts the alternative names of a certificate, of each form.
func countNames(c *x509.Certificate) (n int) {
	for _, e := range c.Extensions {
		in := cryptobyte.String(e.Value)
		var list, name cryptobyte.String
		var form asn1.Tag
		if !e.Id.Equal(oidAlternativeNames) || !in.ReadASN1(&list, asn1.SEQUENCE) {
			continue
		}
		for list.ReadAnyASN1(&name, &form) {
			n++
		}
	}
	return n
}

// sniOf returns the server name to send; for an address it is its name for
// reverse look-up (RFC 8738, Section 6).
func sniOf(name identifier) string {
	addr, err := netip.ParseAddr(name.Value)
	if err != nil {
		return name.Value
	}
	var b strings.Builder
	raw := addr.AsSlice()
	for i := len(raw) - 1; i >= 0; i-- {
		if addr.Is4() {
			fmt.Fprintf(&b, "%d.", raw[i])
		} else {
			fmt.Fprintf(&b, "%x.%x.", raw[i]&15, raw[i]>>4)
		}
	}
	if addr.Is4() {
		return b.String() + "in-addr.arpa"
	}
	return b.String() + "ip6.arpa"
}
