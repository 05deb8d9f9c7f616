package authority

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/filelock"
)

// ACME issues certificates by RFC 8555 to machines of the local network that
// prove that they control a name, by HTTP-01 or TLS-ALPN-01 (RFC 8737), also
// for IP addresses (RFC 8738). Accounts are kept in the authority's folder;
// orders live in memory and are done within minutes. The zero value is ready
// to be given to Handler, to one only.
type ACME struct {
	// Lifetime is that of the certificates; zero means 30 days.
	Lifetime time.Duration
	// Dial reaches the machines that prove names; nil means a net.Dialer that
	// judges each address before it connects: see AllowValidation. The ports are
	// those that RFC 8555 and RFC 8737 ask for, 80 and 443.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// AllowValidation are networks that machines may prove names from although
	// they are refused otherwise: loopback, link-local (cloud metadata services
	// among them), multicast and unspecified addresses.
	AllowValidation []netip.Prefix
	// Base is the address under which clients reach the service, such as
	// "http://ca.lan:8440"; empty means that of Authority.SetURL. Requests
	// must be signed for it. Only where neither is set is the Host of each request
	// taken.
	Base string
	// OnError, if set, is called with each error for which a client is told only that there
	// was an internal one, such as a full disk. It must not block.
	OnError func(error)

	authority *Authority

	mu     sync.Mutex
	nonces map[string]time.Time
	orders map[string]*order
	opened map[string][]time.Time // when accounts were made, by source
	issued map[string][]time.Time // when certificates were, by source
	proofs map[string]*proof
	checks validations

	accounts sync.Mutex // of their files; taken before mu
	expired  time.Time  // when those that are old were removed; zero if never
}

// The bounds on what clients may make the service store.
const (
	maxBody        = 64 << 10
	maxNonces      = 10_000
	maxOrders      = 1000
	maxAccounts    = 10_000
	maxIdentifiers = 50
	maxValidations = 8    // at once
	maxWaiting     = 1000 // validations that wait for others
	maxDaily       = 1000 // certificates, since the journal keeps them for ever

	// Those of one account and of one source, an IPv4 address or an IPv6 network
	// of 64 bits, are smaller, so that one client does not shut out the others.
	maxAccountOrders     = 20
	maxSourceOrders      = 50
	maxSourceAccounts    = 20 // new ones an hour
	maxSourceDaily       = maxDaily / 2
	maxSourceValidations = 2                   // at once
	maxSourceWaiting     = 2 * maxIdentifiers  // validations that wait
	accountLife          = 90 * 24 * time.Hour // after its last order
	expireEvery          = time.Hour           // once an account is opened
	expireFull           = time.Minute         // if there are maxAccounts
	nonceLife            = time.Hour
	orderLife            = time.Hour
	acmeLifetime         = 30 * 24 * time.Hour
)

const acmeDir = "acme"

// problem is an error that the client is told (RFC 8555, Section 6.7).
type problem struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`
	Status int    `json:"status"`

	Algorithms []string `json:"algorithms,omitempty"` // of badSignatureAlgorithm

	location string // a header field
}

func (p *problem) Error() string { return p.Detail }

func fault(status int, kind, format string, args ...any) *problem {
	return &problem{Type: "urn:ietf:params:acme:error:" + kind, Detail: fmt.Sprintf(format, args...), Status: status}
}

func malformed(format string, args ...any) *problem {
	return fault(http.StatusBadRequest, "malformed", format, args...)
}

// call is a request whose signature was verified.
type call struct {
	*http.Request
	base    string // scheme and host that the client used
	payload []byte
	key     crypto.PublicKey
	print   string // the thumbprint of the key
	account string // the ID of the account in whose name the request was signed, if it was
	known   bool   // it was
}

// reply is what a call is answered with.
type reply struct {
	status   int
	location string
	body     any // JSON, or PEM as []byte, or nil for none
}

func (m *ACME) register(mux *http.ServeMux, a *Authority) {
	m.authority = a
	m.nonces, m.orders, m.proofs = map[string]time.Time{}, map[string]*order{}, map[string]*proof{}
	m.opened, m.issued = map[string][]time.Time{}, map[string][]time.Time{}
	mux.HandleFunc("GET /acme/directory", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, directory(m.baseOf(r)))
	})
	mux.HandleFunc("GET /acme/nonce", m.nonce)
	for path, handle := range map[string]func(*call) (*reply, error){
		"/acme/directory":      m.postDirectory,
		"/acme/nonce":          m.postNonce,
		"/acme/new-account":    m.newAccount,
		"/acme/account/{id}":   m.account,
		"/acme/orders/{id}":    m.listOrders,
		"/acme/key-change":     m.changeKey,
		"/acme/new-order":      m.newOrder,
		"/acme/order/{id}":     m.getOrder,
		"/acme/finalize/{id}":  m.finalize,
		"/acme/proof/{id}":     m.getProof,
		"/acme/challenge/{id}": m.challenge,
		"/acme/cert/{id}":      m.certificate,
		"/acme/revoke":         m.revoke,
	} {
		mux.HandleFunc("POST "+path, m.handle(handle))
		mux.HandleFunc(path, m.wrongMethod)
	}
}

func directory(base string) any {
	return map[string]any{
		"newNonce":   base + "/acme/nonce",
		"newAccount": base + "/acme/new-account",
		"newOrder":   base + "/acme/new-order",
		"revokeCert": base + "/acme/revoke",
		"keyChange":  base + "/acme/key-change",
		"meta":       map[string]any{"externalAccountRequired": false},
	}
}

// nonce answers HEAD with status 200, and GET with 204 (RFC 8555, Section 7.2).
func (m *ACME) nonce(w http.ResponseWriter, r *http.Request) {
	m.begin(w, r)
	if r.Method != http.MethodHead {
		w.WriteHeader(http.StatusNoContent)
	}
}

// postDirectory and postNonce answer signed requests as they answer GET. RFC 8555, Section 6.3:
// "The server MUST allow GET requests for the directory and newNonce resources, in addition to
// POST-as-GET requests for these resources."
func (m *ACME) postDirectory(c *call) (*reply, error) {
	return &reply{status: http.StatusOK, body: directory(c.base)}, c.mustKnow()
}

func (m *ACME) postNonce(c *call) (*reply, error) {
	return &reply{status: http.StatusNoContent}, c.mustKnow()
}

// wrongMethod answers requests other than POST. RFC 8555, Section 6.3: "if the server receives a
// GET request, it MUST return an error with status code 405 (Method Not Allowed) and type
// 'malformed'".
func (m *ACME) wrongMethod(w http.ResponseWriter, r *http.Request) {
	m.begin(w, r)
	w.Header().Set("Allow", http.MethodPost)
	refuse(w, fault(http.StatusMethodNotAllowed, "malformed", "the request must be a signed POST"))
}

// baseOf is the configured address of the service. A signature binds a request to
// a URL of this server (RFC 8555, Section 6.4); a client's own Host would bind it
// to nothing.
func (m *ACME) baseOf(r *http.Request) string {
	if m.Base != "" {
		return strings.TrimSuffix(m.Base, "/")
	}
	if base := m.authority.URL(); base != "" {
		return base
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// handle verifies a request and answers it. Every answer has a new nonce, those
// that refuse too.
func (m *ACME) handle(f func(*call) (*reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m.begin(w, r)
		c, err := m.verify(w, r)
		var answer *reply
		if err == nil {
			answer, err = f(c)
		}
		if err != nil {
			p := m.problemOf(w, err)
			if p.location != "" {
				w.Header().Set("Location", p.location)
			}
			refuse(w, p)
			return
		}
		if answer.location != "" {
			w.Header().Set("Location", answer.location)
		}
		if answer.body == nil {
			w.WriteHeader(answer.status)
			return
		}
		if text, ok := answer.body.([]byte); ok {
			w.Header().Set("Content-Type", "application/pem-certificate-chain")
			w.WriteHeader(answer.status)
			_, _ = w.Write(text) // a client that went away needs no answer
			return
		}
		writeJSON(w, answer.status, answer.body)
	}
}

// begin sets the header fields of each answer but the directory.
func (m *ACME) begin(w http.ResponseWriter, r *http.Request) {
	m.addNonce(w)
	w.Header().Set("Link", "<"+m.baseOf(r)+`/acme/directory>;rel="index"`)
}

func refuse(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	writeJSON(w, p.Status, p)
}

// problemOf returns what a client is told about an error. One of the authority itself is not the
// client's fault, and its text may name files of this machine: OnError has it.
func (m *ACME) problemOf(w http.ResponseWriter, err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, filelock.ErrHeld):
		w.Header().Set("Retry-After", "10")
		return fault(http.StatusServiceUnavailable, "serverInternal", "the authority is busy: try again")
	}
	if m.OnError != nil {
		m.OnError(err)
	}
	return fault(http.StatusInternalServerError, "serverInternal",
		"the request failed because of an internal error")
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away needs no answer
}

// verify follows RFC 8555, Sections 6.2 to 6.5: who signed, for this URL, and
// not before.
func (m *ACME) verify(w http.ResponseWriter, r *http.Request) (*call, error) {
	if t := r.Header.Get("Content-Type"); t != "application/jose+json" {
		return nil, fault(http.StatusUnsupportedMediaType, "malformed", "the content type of a request must be application/jose+json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, malformed("the request is too large or truncated")
	}
	s, err := parseSigned(body)
	if err != nil {
		return nil, malformed("%v", err)
	}
	if err := s.checkAlgorithm(); err != nil {
		return nil, err
	}
	base := m.baseOf(r)
	if s.header.URL != base+r.URL.Path {
		return nil, fault(http.StatusUnauthorized, "unauthorized", "the request is signed for another URL")
	}
	c, err := m.signer(base, s)
	if err != nil {
		return nil, err
	}
	if err := s.verify(c.key); err != nil {
		return nil, malformed("%v", err)
	}
	if !m.useNonce(s.header.Nonce) {
		return nil, fault(http.StatusBadRequest, "badNonce", "the nonce is unknown or was used before")
	}
	c.Request, c.base, c.payload = r, base, s.payload
	return c, nil
}

// checkAlgorithm refuses a signature that cannot be verified. RFC 8555, Section 6.2: the problem
// "MUST include an 'algorithms' field".
func (s *signed) checkAlgorithm() error {
	if slices.Contains(signatureAlgorithms, s.header.Algorithm) {
		return nil
	}
	p := fault(http.StatusBadRequest, "badSignatureAlgorithm",
		"signatures with the algorithm %q are not supported", s.header.Algorithm)
	p.Algorithms = signatureAlgorithms
	return p
}

// signer returns a call with the key that a request has, or that of the account that it names.
func (m *ACME) signer(base string, s *signed) (*call, error) {
	if s.header.Account != "" {
		a, err := m.named(base, s.header.Account)
		if err != nil {
			return nil, err
		}
		return &call{key: a.key, print: a.print, account: a.id, known: true}, nil
	}
	key, print, err := parseJWK(s.header.Key)
	if err != nil {
		return nil, fault(http.StatusBadRequest, "badPublicKey", "%v", err)
	}
	return &call{key: key, print: print}, nil
}

// read decodes a payload.
func (c *call) read(into any) error {
	if err := json.Unmarshal(c.payload, into); err != nil {
		return malformed("the payload is not a JSON object of the expected form")
	}
	return nil
}

func (c *call) mustKnow() error {
	if !c.known {
		return malformed("the request must name its account (kid)")
	}
	return nil
}

func (m *ACME) addNonce(w http.ResponseWriter) {
	nonce := randomHex(16)
	now := m.authority.now()
	m.mu.Lock()
	if len(m.nonces) >= maxNonces {
		for old, until := range m.nonces {
			if now.After(until) || len(m.nonces) >= maxNonces {
				delete(m.nonces, old)
			}
		}
	}
	m.nonces[nonce] = now.Add(nonceLife)
	m.mu.Unlock()
	w.Header().Set("Replay-Nonce", nonce)
	w.Header().Set("Cache-Control", "no-store")
}

func (m *ACME) useNonce(nonce string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	until, ok := m.nonces[nonce]
	delete(m.nonces, nonce)
	return ok && m.authority.now().Before(until)
}
