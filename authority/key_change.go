package authority

import (
	"cmp"
	"crypto"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// An account whose key was changed keeps its ID, and its file has the new key. A second file,
// which is named for the thumbprint of that key, has the ID, so that the account is found by its
// key. It counts only if the account has that key: a change that is cut off leaves nothing that
// has to be repaired. The first key opens no other account, whose ID would be the same. It was
// replaced because others may have it: so it opens none either once the account is no more, as
// long as there may be orders and certificates of the account, which have its ID. An empty file
// that is named for the ID marks this.

const (
	keySuffix  = ".key"
	goneSuffix = ".gone"
)

// keyFile names the file with the ID of the account that has a key which is not its first.
func (m *ACME) keyFile(thumbprint string) string {
	return filepath.Join(m.authority.dir, acmeDir, thumbprint+keySuffix)
}

// goneFile names the file of an account that is no more and whose first key was replaced.
func (m *ACME) goneFile(id string) string {
	return filepath.Join(m.authority.dir, acmeDir, id+goneSuffix)
}

// byKeyFile returns the account that a key file names and that has the key, or nil if there is
// none. The error is that of a file which cannot be read now: the account may have the key.
func (m *ACME) byKeyFile(thumbprint string) (*acmeAccount, error) {
	id, err := readFile(m.keyFile(thumbprint), maxAccountFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !isThumbprint(string(id)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a, err := m.readAccount(string(id))
	var damaged *problem
	switch {
	case a == nil && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &damaged):
		return nil, err
	case a == nil || a.print != thumbprint:
		return nil, nil
	}
	return a, nil // also if it was deactivated: it has its key still
}

// remove removes the file of an account. Nothing is left to repair if it is cut off.
func (m *ACME) remove(id string) error {
	a, _ := m.readAccount(id) // one that cannot be read is removed too
	if a != nil && a.print != id {
		if err := writeFile(m.goneFile(id), nil); err != nil {
			return err
		}
	}
	err := os.Remove(m.accountFile(id))
	if err == nil && a != nil && a.changed {
		_ = os.Remove(m.keyFile(a.print)) // of no use without the account
	}
	return err
}

// accountOf returns the ID of the account that has a key. The error is errDeactivated if it was
// deactivated, errReplaced if the key was its first and it has another one, without an ID if it is
// no more, and fs.ErrNotExist if there is none.
func (m *ACME) accountOf(thumbprint string) (id string, err error) {
	a, err := m.byKeyFile(thumbprint)
	switch {
	case err != nil:
		return "", err
	case a != nil:
		_, err = m.readAccount(a.id)
		return a.id, err
	}
	a, err = m.readAccount(thumbprint)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, failed := os.Stat(m.goneFile(thumbprint)); !errors.Is(failed, fs.ErrNotExist) {
			return "", cmp.Or(failed, error(errReplaced))
		}
		return "", err
	case a == nil:
		return "", err
	case a.print != thumbprint:
		return a.id, errReplaced
	}
	return a.id, err
}

// changeKey gives an account another key (RFC 8555, Section 7.3.5). The request in the payload,
// the inner one, is signed with the new key.
func (m *ACME) changeKey(c *call) (*reply, error) {
	if err := c.mustKnow(); err != nil {
		return nil, err
	}
	inner, err := parseSigned(c.payload)
	if err != nil {
		return nil, malformed("the inner request: %v", err)
	}
	key, thumbprint, err := c.newKey(inner)
	if err != nil {
		return nil, err
	}
	if err := m.replaceKey(c, key, thumbprint); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK, body: accountBody(c.base, c.account, stateValid)}, nil
}

// newKey checks the inner request, in the order of RFC 8555, Section 7.3.5.
func (c *call) newKey(inner *signed) (key crypto.PublicKey, thumbprint string, err error) {
	if len(inner.header.Key) == 0 {
		return nil, "", malformed("the inner request must have the new key (jwk)")
	}
	if err := inner.checkAlgorithm(); err != nil {
		return nil, "", err
	}
	if key, thumbprint, err = parseJWK(inner.header.Key); err != nil {
		return nil, "", fault(http.StatusBadRequest, "badPublicKey", "the inner request: %v", err)
	}
	if err := inner.verify(key); err != nil {
		return nil, "", malformed("the inner request: %v", err)
	}
	var request struct {
		Account string          `json:"account"`
		OldKey  json.RawMessage `json:"oldKey"`
	}
	if json.Unmarshal(inner.payload, &request) != nil {
		return nil, "", malformed("the inner payload is not a JSON object of the expected form")
	}
	_, old, oldErr := parseJWK(request.OldKey)
	switch {
	case inner.header.URL != c.base+c.URL.Path:
		return nil, "", malformed("the inner request is signed for another URL")
	case inner.header.Nonce != "":
		return nil, "", malformed("the inner request must not have a nonce")
	case request.Account != accountURL(c.base, c.account):
		return nil, "", malformed("the inner request is for another account")
	case oldErr != nil || old != c.print:
		return nil, "", malformed("oldKey is not the key of the account")
	}
	return key, thumbprint, nil
}

// replaceKey stores the new key of an account. Its orders and authorizations stay as they are.
func (m *ACME) replaceKey(c *call, key crypto.PublicKey, thumbprint string) error {
	// First, so that one source cannot hold the folder again and again, for which others wait.
	if err := m.mayOpen(sourceOf(c.Request)); err != nil {
		return err
	}
	a, unlock, err := m.lockAccount(c)
	if err != nil {
		return err
	}
	defer unlock()
	if err := m.isFree(c, thumbprint); err != nil {
		return err
	}
	if thumbprint != a.id {
		if err := writeFile(m.keyFile(thumbprint), []byte(a.id)); err != nil {
			return err
		}
	}
	before := a.print
	a.key, a.print, a.changed = key, thumbprint, true
	if err := m.write(a, false); err != nil {
		return err
	}
	if before != a.id {
		_ = os.Remove(m.keyFile(before)) // it counts no more
	}
	return nil
}

// isFree refuses a key that another account has, or had as its first. RFC 8555, Section 7.3.5: the
// server "SHOULD use status code 409 (Conflict) and provide the URL of that account in the Location
// header field." An account may have its own first key again.
func (m *ACME) isFree(c *call, thumbprint string) error {
	id, err := m.accountOf(thumbprint)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errReplaced) && id == c.account:
		return nil
	case err == nil, errors.Is(err, errDeactivated), errors.Is(err, errReplaced):
		p := fault(http.StatusConflict, "malformed",
			"another account has or had this key, or this one has it")
		if id != "" {
			p.location = accountURL(c.base, id)
		}
		return p
	}
	return err
}
