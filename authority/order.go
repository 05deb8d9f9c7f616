package authority

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sealsock/sealsock/identity"
)

// order is a certificate in the making (RFC 8555, Section 7.1.3). The fields
// change under the lock of its ACME.
type order struct {
	id          string
	account     string
	source      string
	identifiers []identifier
	proofs      []string
	status      string
	chain       []byte // PEM
	expires     time.Time
}

// identifier is a name to be certified.
type identifier struct {
	Type  string `json:"type"` // dns or ip
	Value string `json:"value"`
}

// proof is one name that an account is to prove (an authorization, RFC 8555,
// Section 7.1.4).
type proof struct {
	id         string
	account    string
	identifier identifier
	token      string
	status     string // pending, processing, valid, invalid, deactivated
	method     string // the challenge that was chosen
	problem    *problem
	validated  time.Time
	expires    time.Time
}

// The states.
const (
	statePending     = "pending"
	stateReady       = "ready"
	stateProcessing  = "processing"
	stateValid       = "valid"
	stateInvalid     = "invalid"
	stateDeactivated = "deactivated"
)

func (m *ACME) newOrder(c *call) (*reply, error) {
	if err := c.mustKnow(); err != nil {
		return nil, err
	}
	var request struct {
		Identifiers []identifier `json:"identifiers"`
		NotBefore   *string      `json:"notBefore"`
		NotAfter    *string      `json:"notAfter"`
	}
	if err := c.read(&request); err != nil {
		return nil, err
	}
	// RFC 8555, Section 7.4: it "MUST NOT issue a certificate with contents other than those
	// requested."
	if request.NotBefore != nil || request.NotAfter != nil {
		return nil, malformed("this authority sets notBefore and notAfter by itself: leave them out")
	}
	wanted, err := m.checkIdentifiers(request.Identifiers)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	source := sourceOf(c.Request)
	if err := m.mayOrder(c.account, source); err != nil {
		return nil, err
	}
	m.used(c.account)
	o := &order{id: randomHex(16), account: c.account, source: source, identifiers: wanted,
		status: statePending, expires: m.authority.now().Add(orderLife)}
	for _, i := range wanted {
		p := &proof{id: randomHex(16), account: c.account, identifier: i, token: randomHex(20), status: statePending, expires: o.expires}
		m.proofs[p.id] = p
		o.proofs = append(o.proofs, p.id)
	}
	m.orders[o.id] = o
	return &reply{status: http.StatusCreated, location: c.base + "/acme/order/" + o.id, body: o.body(c.base)}, nil
}

// checkIdentifiers refuses names that would not be certified anyway.
func (m *ACME) checkIdentifiers(all []identifier) ([]identifier, error) {
	if len(all) == 0 || len(all) > maxIdentifiers {
		return nil, malformed("an order is for 1 to %d names", maxIdentifiers)
	}
	var wanted []identifier
	for _, i := range all {
		value := strings.ToLower(i.Value)
		n, err := sortNames([]string{value}, false, true)
		_, ipErr := netip.ParseAddr(value)
		switch {
		case err != nil || (i.Type != "dns" && i.Type != "ip") || (i.Type == "dns") != (len(n.dns) == 1) || (i.Type == "ip") != (ipErr == nil):
			return nil, fault(http.StatusBadRequest, "unsupportedIdentifier", "%q is not a name of type %q", i.Value, i.Type)
		case strings.HasPrefix(value, "*."):
			return nil, fault(http.StatusForbidden, "rejectedIdentifier", "a wildcard name needs a dns-01 challenge, which this authority does not offer")
		}
		if err := constraintsOf(m.authority.root).check(n); err != nil {
			return nil, fault(http.StatusForbidden, "rejectedIdentifier", "%v", err)
		}
		if normal := (identifier{i.Type, n.list()[0]}); !slices.Contains(wanted, normal) {
			wanted = append(wanted, normal)
		}
	}
	return wanted, nil
}

// forget drops what has expired.
func (m *ACME) forget() {
	now := m.authority.now()
	for id, o := range m.orders {
		if now.After(o.expires) {
			delete(m.orders, id)
		}
	}
	for id, p := range m.proofs {
		if now.After(p.expires) {
			delete(m.proofs, id)
		}
	}
}

// find returns an order of the account, its status brought up to date. The
// lock is held.
func (m *ACME) find(c *call) (*order, error) {
	if err := c.mustKnow(); err != nil {
		return nil, err
	}
	m.forget()
	o := m.orders[c.PathValue("id")]
	if o == nil || o.account != c.account {
		return nil, fault(http.StatusNotFound, "malformed", "the account has no such order")
	}
	m.update(o)
	return o, nil
}

// update brings the status of an order up to date. The lock is held.
func (m *ACME) update(o *order) {
	if o.status != statePending && o.status != stateReady {
		return
	}
	o.status = stateReady
	for _, id := range o.proofs {
		switch p := m.proofs[id]; {
		case p == nil || p.status == stateInvalid || p.status == stateDeactivated:
			o.status = stateInvalid
			return
		case p.status != stateValid:
			o.status = statePending
		}
	}
}

// listOrders returns the orders of an account but those that are invalid (RFC 8555, Section
// 7.1.2.1): all of them at once, since they are few.
func (m *ACME) listOrders(c *call) (*reply, error) {
	if err := c.mustBe(c.PathValue("id")); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	var all []*order
	for _, o := range m.orders {
		if m.update(o); o.account == c.account && o.status != stateInvalid {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *order) int {
		return cmp.Or(a.expires.Compare(b.expires), strings.Compare(a.id, b.id))
	})
	urls := []string{}
	for _, o := range all {
		urls = append(urls, c.base+"/acme/order/"+o.id)
	}
	return &reply{status: http.StatusOK, body: map[string]any{"orders": urls}}, nil
}

func (o *order) body(base string) any {
	body := map[string]any{
		"status": o.status, "expires": o.expires.UTC().Format(time.RFC3339), "identifiers": o.identifiers,
		"finalize": base + "/acme/finalize/" + o.id,
	}
	var proofs []string
	for _, id := range o.proofs {
		proofs = append(proofs, base+"/acme/proof/"+id)
	}
	body["authorizations"] = proofs
	if o.chain != nil {
		body["certificate"] = base + "/acme/cert/" + o.id
	}
	return body
}

func (m *ACME) getOrder(c *call) (*reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, err := m.find(c)
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK, location: c.base + "/acme/order/" + o.id, body: o.body(c.base)}, nil
}

// finalize signs what was proved (RFC 8555, Section 7.4).
func (m *ACME) finalize(c *call) (*reply, error) {
	var request struct {
		CSR string `json:"csr"`
	}
	if err := c.read(&request); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, err := m.find(c)
	if err != nil {
		return nil, err
	}
	if o.status != stateReady {
		return nil, fault(http.StatusForbidden, "orderNotReady", "the order is %s: its names must be validated first", o.status)
	}
	der, err := rawBase64.DecodeString(request.CSR)
	if err != nil {
		return nil, fault(http.StatusBadRequest, "badCSR", "the request is not Base64")
	}
	if err := o.fits(der); err != nil {
		return nil, err
	}
	if err := m.notOfAccount(der); err != nil {
		return nil, err
	}
	id, err := m.issue(o, Request{
		CSR: der, Names: o.names(), Lifetime: m.lifetime(), account: c.account,
	})
	var refused *requestError
	switch {
	case errors.Is(err, errTooMany):
		return nil, fault(http.StatusTooManyRequests, "rateLimited", "%v", err)
	case errors.As(err, &refused):
		// RFC 8555, Section 7.4: the order stays ready, for a request that is mended.
		return nil, fault(http.StatusBadRequest, "badCSR", "%v", err)
	case err != nil:
		return nil, err // not the client's fault: the order stays ready
	}
	o.status, o.chain = stateValid, certificatePEM(id.Chain...)
	return &reply{status: http.StatusOK, location: c.base + "/acme/order/" + o.id, body: o.body(c.base)}, nil
}

// lifetime is that of the certificates.
func (m *ACME) lifetime() time.Duration {
	if m.Lifetime <= 0 {
		return acmeLifetime
	}
	return m.Lifetime
}

// issue issues the certificate of an order, and lets other requests in while it waits for the
// authority: m.mu is held before and after. The order can be finalized again after an error.
func (m *ACME) issue(o *order, r Request) (*identity.Identity, error) {
	if err := m.mayIssue(o.source); err != nil {
		return nil, err
	}
	o.status = stateProcessing
	m.mu.Unlock()
	id, _, err := m.authority.Issue(r)
	m.mu.Lock()
	o.status = stateReady
	if err != nil {
		m.notIssued(o.source)
	}
	return id, err
}

var errTooMany = fmt.Errorf("this authority issues at most %d certificates a day: try again later", maxDaily)

func (o *order) names() []string {
	var all []string
	for _, i := range o.identifiers {
		all = append(all, i.Value)
	}
	return all
}

// fits reports as an error that a request is not for the names that were proved.
func (o *order) fits(der []byte) error {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return fault(http.StatusBadRequest, "badCSR", "the request cannot be read")
	}
	n, err := sortNames(requestNames(csr), false, true)
	if err != nil {
		return fault(http.StatusBadRequest, "badCSR", "%v", err)
	}
	asked, proved := slices.Sorted(slices.Values(n.list())), slices.Sorted(slices.Values(o.names()))
	if !slices.Equal(asked, proved) {
		return fault(http.StatusBadRequest, "badCSR", "the request is for %v, but the order is for %v", asked, proved)
	}
	return nil
}

// notOfAccount refuses a request whose key is that of an account. RFC 8555, Section 11.1: servers
// "MUST verify that a CSR submitted in a finalize request does not contain a public key for any
// known account key pair": what its certificate signs could be requests of the account.
func (m *ACME) notOfAccount(der []byte) error {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	key, err := jwkOf(csr.PublicKey)
	if err != nil {
		return nil // no account can have such a key
	}
	_, err = m.accountOf(key.thumbprint())
	var known *problem
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil, errors.As(err, &known):
		return fault(http.StatusBadRequest, "badCSR", "the key of the request is that of an account")
	}
	return err
}

func (m *ACME) certificate(c *call) (*reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, err := m.find(c)
	if err != nil {
		return nil, err
	}
	if o.chain == nil {
		return nil, fault(http.StatusNotFound, "malformed", "the certificate is not issued yet")
	}
	return &reply{status: http.StatusOK, body: o.chain}, nil
}

// revoke takes the word of the account that the certificate was issued to, of one that holds
// authorizations for all of its names, or of the certificate's own key (RFC 8555, Section 7.6).
func (m *ACME) revoke(c *call) (*reply, error) {
	var request struct {
		Certificate string `json:"certificate"`
		Reason      int    `json:"reason"`
	}
	if err := c.read(&request); err != nil {
		return nil, err
	}
	der, err := rawBase64.DecodeString(request.Certificate)
	if err != nil {
		return nil, malformed("the certificate is not Base64")
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return nil, malformed("the certificate cannot be read")
	}
	record, err := m.authority.FindCertificate(der)
	if errors.Is(err, ErrUnknownCertificate) {
		return nil, fault(http.StatusNotFound, "malformed", "the certificate is not one of this authority")
	}
	if err != nil {
		return nil, err
	}
	if !c.mayRevoke(record) && !(c.known && m.authorized(c.account, record)) {
		return nil, fault(http.StatusForbidden, "unauthorized", "the certificate was issued to another account")
	}
	if record.Status == StatusRevoked {
		return nil, fault(http.StatusBadRequest, "alreadyRevoked", "the certificate was revoked before")
	}
	reason := Reason(request.Reason)
	if err := reason.check(); err != nil {
		return nil, fault(http.StatusBadRequest, "badRevocationReason", "%v", err)
	}
	if _, err := m.authority.Revoke(record.Serial, reason); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK, body: struct{}{}}, nil
}

func (c *call) mayRevoke(r *Record) bool {
	if c.known {
		return r.Account == c.account
	}
	leaf, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return false
	}
	key, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(c.key)
}

// authorized reports whether an account has proved all names of a certificate, and they are no
// others than of the kinds that can be proved.
func (m *ACME) authorized(account string, r *Record) bool {
	leaf, err := x509.ParseCertificate(r.Certificate)
	if err != nil || len(r.Names) != len(leaf.DNSNames)+len(leaf.IPAddresses) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	held := map[string]bool{}
	for _, p := range m.proofs {
		if p.account == account && p.status == stateValid {
			held[p.identifier.Value] = true
		}
	}
	return len(r.Names) > 0 &&
		!slices.ContainsFunc(r.Names, func(name string) bool { return !held[name] })
}
