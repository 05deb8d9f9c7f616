package authority

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// An Account is one that an ACME client opened.
type Account struct {
	// ID is the thumbprint of its first key (RFC 7638); Record.Account has it too.
	ID string
	// Used is when its last order was made, its key was changed, or it was opened.
	Used time.Time
}

// Accounts lists the accounts of ACME clients.
func (a *Authority) Accounts() ([]Account, error) {
	if !a.made() {
		return nil, errNotMade
	}
	entries, err := os.ReadDir(filepath.Join(a.dir, acmeDir))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Account
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), accountSuffix)
		if info, err := e.Info(); ok && err == nil {
			all = append(all, Account{ID: id, Used: info.ModTime()})
		}
	}
	return all, nil
}

// RemoveAccount removes an account: from then on its key opens no order, nor is it
// given what it ordered, until a client opens an account with that key again. The first key of an
// account that has another one opens none before the certificates of the account have expired.
// Its certificates stay valid until they are revoked.
func (a *Authority) RemoveAccount(id string) error {
	if !a.made() {
		return errNotMade
	}
	if !isThumbprint(id) {
		return fmt.Errorf("%q is not an account: expected the thumbprint of its key", id)
	}
	unlock, err := lockFolder(a.dir, lockPatience) // see lockAccount
	if err != nil {
		return err
	}
	defer unlock()
	m := &ACME{authority: a}
	err = m.remove(id)
	if os.IsNotExist(err) {
		return fmt.Errorf("account %s does not exist: %w", id, ErrNotExist)
	}
	return err
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
	m.accounts.Lock()
	defer m.accounts.Unlock()
	status := http.StatusOK
	id, err := m.accountOf(c.print)
	none := errors.Is(err, fs.ErrNotExist)
	switch {
	case request.OnlyExisting && (none || errors.Is(err, errReplaced)): // RFC 8555, Section 7.3.1
		return nil, fault(http.StatusBadRequest, "accountDoesNotExist", "no account has this key")
	case none:
		status, id, err = http.StatusCreated, c.print, m.storeAccount(c)
	}
	if err != nil {
		return nil, err
	}
	return &reply{status: status, location: accountURL(c.base, id),
		body: accountBody(c.base, id, stateValid)}, nil
}

func accountURL(base, id string) string { return base + "/acme/account/" + id }

// accountBody is an account object (RFC 8555, Section 7.1.2).
func accountBody(base, id, status string) any {
	return map[string]any{"status": status, "orders": base + "/acme/orders/" + id}
}

func (m *ACME) storeAccount(c *call) error {
	dir := filepath.Join(m.authority.dir, acmeDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := m.mayOpen(sourceOf(c.Request)); err != nil {
		return err
	}
	n, err := m.storedAccounts(dir, maxAccounts)
	if err != nil {
		return err
	}
	if n >= maxAccounts {
		return rateLimited("this authority has the maximum number of accounts: its owner can remove some")
	}
	raw, err := marshalJWK(c.key)
	if err != nil {
		return err
	}
	return writeFile(m.accountFile(c.print), raw)
}

func (m *ACME) account(c *call) (*reply, error) {
	if err := c.mustBe(c.PathValue("id")); err != nil {
		return nil, err
	}
	deactivate, err := c.deactivates()
	if err != nil || !deactivate {
		return &reply{status: http.StatusOK, body: accountBody(c.base, c.account, stateValid)}, err
	}
	if err := m.deactivate(c); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK,
		body: accountBody(c.base, c.account, stateDeactivated)}, nil
}

// mustBe refuses who is not the account.
func (c *call) mustBe(account string) error {
	if err := c.mustKnow(); err != nil {
		return err
	}
	if c.account != account {
		return fault(http.StatusUnauthorized, "unauthorized", "the account belongs to another key")
	}
	return nil
}

var (
	errNoAccount = fault(http.StatusUnauthorized, "accountDoesNotExist",
		"the account does not exist")
	errDeactivated = fault(http.StatusUnauthorized, "unauthorized", "the account was deactivated")
	errReplaced    = fault(http.StatusUnauthorized, "unauthorized",
		"the account of this key has another key now")
)

// named returns the account with a URL.
func (m *ACME) named(base, account string) (*acmeAccount, error) {
	id, ok := strings.CutPrefix(account, accountURL(base, ""))
	if !ok || !isThumbprint(id) {
		return nil, errNoAccount
	}
	a, err := m.readAccount(id)
	if err != nil && !errors.Is(err, errDeactivated) {
		return nil, errNoAccount
	}
	return a, err
}

// accountFile names the file of an account.
func (m *ACME) accountFile(id string) string {
	return filepath.Join(m.authority.dir, acmeDir, id+accountSuffix)
}

const accountSuffix = ".json"

// storedAccount is the file of an account.
type storedAccount struct {
	jwk
	Deactivated bool `json:"deactivated,omitempty"`
	// Changed is set once the key was changed. The thumbprint of that of another account is its ID.
	Changed bool `json:"changed,omitempty"`
}

// acmeAccount is an account that was read from its file.
type acmeAccount struct {
	id      string
	key     crypto.PublicKey
	print   string // the thumbprint of the key
	changed bool
}

// readAccount reads an account. One that was deactivated is returned with errDeactivated.
func (m *ACME) readAccount(id string) (*acmeAccount, error) {
	raw, err := readFile(m.accountFile(id), maxAccountFile)
	if err != nil {
		return nil, err
	}
	var stored storedAccount
	if err := json.Unmarshal(raw, &stored); err != nil {
		return nil, errNoAccount
	}
	key, print, err := parseJWK(raw)
	if err != nil || print != id && !stored.Changed {
		return nil, errNoAccount // of an earlier version, under another form of its key
	}
	a := &acmeAccount{id, key, print, stored.Changed}
	if stored.Deactivated {
		return a, errDeactivated
	}
	return a, nil
}

// write stores what becomes of an account.
func (m *ACME) write(a *acmeAccount, deactivated bool) error {
	key, err := jwkOf(a.key)
	if err != nil {
		return err
	}
	data, err := json.Marshal(storedAccount{key, deactivated, a.changed})
	if err != nil {
		return err
	}
	return writeFile(m.accountFile(a.id), data)
}

// lockAccount reads the account of a call, and refuses one whose key it has no more. Until unlock
// is called nothing else writes to the account, nor does another process remove it: what is
// written here would bring it back.
func (m *ACME) lockAccount(c *call) (a *acmeAccount, unlock func(), err error) {
	folder, err := lockFolder(m.authority.dir, lockPatience)
	if err != nil {
		return nil, nil, err
	}
	m.accounts.Lock()
	unlock = func() { m.accounts.Unlock(); folder() }
	a, err = m.readAccount(c.account)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errNoAccount
	case err == nil && a.print != c.print:
		err = errReplaced
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return a, unlock, nil
}

// deactivates reports whether a request for an account or an authorization is to deactivate it.
// What else it may have is ignored.
func (c *call) deactivates() (bool, error) {
	if len(c.payload) == 0 {
		return false, nil
	}
	var request struct {
		Status string `json:"status"`
	}
	err := c.read(&request)
	return request.Status == stateDeactivated, err
}

// deactivate ends an account and what it has under way. RFC 8555, Section 7.3.6: "Once an account
// is deactivated, the server MUST NOT accept further requests authorized by that account's key."
// The file remains as long as that of an account without orders, so that the key opens no other.
// Orders and authorizations remain too, because they count for the limits of their source.
func (m *ACME) deactivate(c *call) error {
	a, unlock, err := m.lockAccount(c)
	if err != nil {
		return err
	}
	defer unlock()
	if err := m.write(a, true); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.proofs {
		if p.account == c.account {
			p.status = stateDeactivated
		}
	}
	return nil
}

func isThumbprint(id string) bool {
	raw, err := rawBase64.DecodeString(id)
	return err == nil && len(raw) == 32
}

func rateLimited(format string, args ...any) *problem {
	return fault(http.StatusTooManyRequests, "rateLimited", format, args...)
}

// ownSocket is the source of all clients that have no IP address. Those of a UNIX socket name their
// ends themselves, and those of other sockets have another port for each connection.
const ownSocket = "the socket of this service"

// sourceOf is what limits are counted by: the address that a request comes from,
// or for IPv6 the network of 64 bits, all of which one machine may use.
func sourceOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr // a handler in front may have set it
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return ownSocket
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}

// mayOrder counts the open orders. The lock is held, and what has expired is
// forgotten.
func (m *ACME) mayOrder(account, source string) error {
	accounts, sources := 0, 0
	for _, o := range m.orders {
		if o.account == account {
			accounts++
		}
		if o.source == source {
			sources++
		}
	}
	switch {
	case accounts >= maxAccountOrders:
		return rateLimited("this account has %d orders already: try again in an hour", accounts)
	case sources >= maxSourceOrders:
		return rateLimited("%s has %d orders already: try again in an hour", source, sources)
	case len(m.orders) >= maxOrders:
		return fault(http.StatusServiceUnavailable, "rateLimited",
			"too many orders are open: try again later")
	}
	return nil
}

// mayOpen counts the accounts that a source opened, and the keys that it changed, within an hour.
func (m *ACME) mayOpen(source string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := m.authority.now().Add(-time.Hour)
	for other, times := range m.opened {
		for len(times) > 0 && times[0].Before(since) {
			times = times[1:]
		}
		if m.opened[other] = times; len(times) == 0 {
			delete(m.opened, other)
		}
	}
	if len(m.opened[source]) >= maxSourceAccounts || len(m.opened) >= maxAccounts {
		return rateLimited("%s opened accounts or changed their keys %d times within an hour: "+
			"try again later", source, maxSourceAccounts)
	}
	m.opened[source] = append(m.opened[source], m.authority.now())
	return nil
}

// mayIssue counts the certificates that a source was issued within a day, one more for this call.
// The lock is held.
func (m *ACME) mayIssue(source string) error {
	since := m.authority.now().Add(-24 * time.Hour)
	for other, times := range m.issued {
		for len(times) > 0 && times[0].Before(since) {
			times = times[1:]
		}
		if m.issued[other] = times; len(times) == 0 {
			delete(m.issued, other)
		}
	}
	if n := len(m.issued[source]); n >= maxSourceDaily {
		return rateLimited("%s was issued %d certificates within a day: try again later", source, n)
	}
	m.issued[source] = append(m.issued[source], m.authority.now())
	return nil
}

// notIssued takes back one of mayIssue.
func (m *ACME) notIssued(source string) {
	if times := m.issued[source]; len(times) > 0 {
		m.issued[source] = times[:len(times)-1]
	}
}

// used notes the time of an account's last order, by which it expires.
func (m *ACME) used(account string) {
	now := m.authority.now()
	_ = os.Chtimes(m.accountFile(account), now, now) // else it expires sooner
}

// storedAccounts returns the number of accounts, of which there may be most. Those that have
// expired are removed once in a while, for which each file is looked at, and those of keys are
// read: for 10,000 accounts that takes so long that others would wait for it if each new account
// did so. m.accounts is held.
func (m *ACME) storedAccounts(dir string, most int) (int, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	names, err := folder.Readdirnames(-1)
	folder.Close()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, name := range names {
		if !strings.HasSuffix(name, keySuffix) && !strings.HasSuffix(name, goneSuffix) {
			n++
		}
	}
	now, every := m.authority.now(), expireEvery
	if n >= most { // there may be room
		every = expireFull
	}
	if since := now.Sub(m.expired); !m.expired.IsZero() && since >= 0 && since < every {
		return n, nil
	}
	m.expired = now
	return m.expireAccounts(dir)
}

// expireAccounts removes accounts without an order for accountLife, and returns
// the number of those that stay. m.accounts is held.
func (m *ACME) expireAccounts(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if print, second := strings.CutSuffix(e.Name(), keySuffix); second {
			if a, err := m.byKeyFile(print); a == nil && err == nil {
				_ = os.Remove(name) // of an account that is no more
			}
			continue
		}
		age := time.Duration(0)
		if info, err := e.Info(); err == nil {
			age = m.authority.now().Sub(info.ModTime())
		}
		if strings.HasSuffix(e.Name(), goneSuffix) {
			if age > accountLife+m.lifetime() { // what the account ordered has expired
				_ = os.Remove(name)
			}
			continue
		}
		if age <= accountLife || m.expire(name) != nil {
			n++
		}
	}
	return n, nil
}

// expire removes a file that is old. A temporary file is not that of an account.
func (m *ACME) expire(name string) error {
	if id, ok := strings.CutSuffix(filepath.Base(name), accountSuffix); ok {
		return m.remove(id)
	}
	return os.Remove(name)
}
