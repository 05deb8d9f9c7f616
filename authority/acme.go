package authority

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
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

	authority *Authority
	slots     chan struct{} // validations under way

	mu     sync.Mutex
	nonces map[string]time.Time
	orders map[string]*order
	opened map[string][]time.Time // when accounts were made, by source
	proofs map[string]*proof
}

// The bounds on what clients may make the service store.
const (
	maxBody        = 64 << 10
	maxNonces      = 10_000
	maxOrders      = 1000
	maxAccounts    = 10_000
	maxIdentifiers = 50
	maxValidations = 8
	maxDaily       = 1000 // certificates, since the journal keeps them for ever

	// Those of one account and of one source, an IPv4 address or an IPv6 network
	// of 64 bits, are smaller, so that one client does not shut out the others.
	maxAccountOrders  = 20
	maxSourceOrders   = 50
	maxSourceAccounts = 20                  // new ones an hour
	accountLife       = 90 * 24 * time.Hour // after its last order
	nonceLife         = time.Hour
	orderLife         = time.Hour
	acmeLifetime      = 30 * 24 * time.Hour
)

const acmeDir = "acme"

// problem is an error that the client is told (RFC 8555, Section 6.7).
type problem struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
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
	account string // the thumbprint of the key
	known   bool   // the request was signed in the name of an account
}

// reply is what a call is answered with.
type reply struct {
	status   int
	location string
	body     any // JSON, or PEM as []byte
}

func (m *ACME) register(mux *http.ServeMux, a *Authority) {
	m.authority = a
	m.slots = make(chan struct{}, maxValidations)
	m.nonces, m.orders, m.proofs = map[string]time.Time{}, map[string]*order{}, map[string]*proof{}
	m.opened = map[string][]time.Time{}
	mux.HandleFunc("GET /acme/directory", m.directory)
	mux.HandleFunc("GET /acme/nonce", func(w http.ResponseWriter, _ *http.Request) {
		m.addNonce(w)
		w.WriteHeader(http.StatusNoContent)
	})
	for path, handle := range map[string]func(*call) (*reply, error){
		"/acme/new-account":    m.newAccount,
		"/acme/account/{id}":   m.account,
		"/acme/new-order":      m.newOrder,
		"/acme/order/{id}":     m.getOrder,
		"/acme/finalize/{id}":  m.finalize,
		"/acme/proof/{id}":     m.getProof,
		"/acme/challenge/{id}": m.challenge,
		"/acme/cert/{id}":      m.certificate,
		"/acme/revoke":         m.revoke,
	} {
		mux.HandleFunc("POST "+path, m.handle(handle))
	}
}

func (m *ACME) directory(w http.ResponseWriter, r *http.Request) {
	base := m.baseOf(r)
	writeJSON(w, http.StatusOK, map[string]any{
		"newNonce":   base + "/acme/nonce",
		"newAccount": base + "/acme/new-account",
		"newOrder":   base + "/acme/new-order",
		"revokeCert": base + "/acme/revoke",
		"meta":       map[string]any{"externalAccountRequired": false},
	})
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
		m.addNonce(w)
		w.Header().Set("Link", "<"+m.baseOf(r)+`/acme/directory>;rel="index"`)
		c, err := m.verify(w, r)
		var answer *reply
		if err == nil {
			answer, err = f(c)
		}
		if err != nil {
			var p *problem
			if !errors.As(err, &p) {
				p = fault(http.StatusInternalServerError, "serverInternal", "the request failed because of an internal error")
			}
			w.Header().Set("Content-Type", "application/problem+json")
			writeJSON(w, p.Status, p)
			return
		}
		if answer.location != "" {
			w.Header().Set("Location", answer.location)
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
	base := m.baseOf(r)
	if s.header.URL != base+r.URL.Path {
		return nil, fault(http.StatusUnauthorized, "unauthorized", "the request is signed for another URL")
	}
	raw, known := []byte(s.header.Key), false
	if s.header.Account != "" {
		if raw, err = m.keyOf(base, s.header.Account); err != nil {
			return nil, err
		}
		known = true
	}
	key, thumbprint, err := parseJWK(raw)
	if err != nil {
		return nil, fault(http.StatusBadRequest, "badPublicKey", "%v", err)
	}
	if err := s.verify(key); err != nil {
		return nil, malformed("%v", err)
	}
	if !m.useNonce(s.header.Nonce) {
		return nil, fault(http.StatusBadRequest, "badNonce", "the nonce is unknown or was used before")
	}
	return &call{Request: r, base: base, payload: s.payload, key: key, account: thumbprint, known: known}, nil
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

// newAccount keeps a key, or finds it (RFC 8555, Section 7.3).
func (m *ACME) newAccount(c *call) (*reply, error) {
	var request struct {
		OnlyExisting bool `json:"onlyReturnExisting"`
	}
	if err := c.read(&request); err != nil {
		return nil, err
	}
	if c.known {
		return nil, malformed("a request for a new account must contain its key (jwk)")
	}
	dir := filepath.Join(m.authority.dir, acmeDir)
	file := filepath.Join(dir, c.account+".json")
	status := http.StatusOK
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if request.OnlyExisting {
			return nil, fault(http.StatusBadRequest, "accountDoesNotExist", "no account has this key")
		}
		if err := m.storeAccount(dir, file, c); err != nil {
			return nil, err
		}
		status = http.StatusCreated
	} else if err != nil {
		return nil, err
	}
	return &reply{status: status, location: c.base + "/acme/account/" + c.account, body: accountBody()}, nil
}

func accountBody() any { return map[string]any{"status": "valid"} }

func (m *ACME) storeAccount(dir, file string, c *call) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := m.mayOpen(sourceOf(c.Request)); err != nil {
		return err
	}
	if n, err := m.expireAccounts(dir); err != nil || n >= maxAccounts {
		return rateLimited("this authority has the maximum number of accounts: its owner can remove some")
	}
	raw, err := marshalJWK(c.key)
	if err != nil {
		return err
	}
	return writeFile(file, raw)
}

func (m *ACME) account(c *call) (*reply, error) {
	if err := c.mustKnow(); err != nil {
		return nil, err
	}
	if c.PathValue("id") != c.account {
		return nil, fault(http.StatusUnauthorized, "unauthorized", "the account belongs to another key")
	}
	return &reply{status: http.StatusOK, body: accountBody()}, nil
}

// keyOf returns the key of an account, named by its URL.
func (m *ACME) keyOf(base, account string) ([]byte, error) {
	id, ok := strings.CutPrefix(account, base+"/acme/account/")
	if raw, err := rawBase64.DecodeString(id); !ok || err != nil || len(raw) != 32 {
		return nil, fault(http.StatusUnauthorized, "accountDoesNotExist", "the account does not exist")
	}
	raw, err := readFile(filepath.Join(m.authority.dir, acmeDir, id+".json"), maxAccountFile)
	if err != nil {
		return nil, fault(http.StatusUnauthorized, "accountDoesNotExist", "the account does not exist")
	}
	return raw, nil
}
