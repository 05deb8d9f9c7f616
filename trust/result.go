package trust

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
)

// encodedResult is a Result as text, with certificates in DER.
type encodedResult struct {
	Key          []byte     `json:",omitempty"` // of a peer without a certificate
	Certificates [][]byte   `json:",omitempty"`
	Chains       [][][]byte `json:",omitempty"`
	Pin          Pin
	Revocation   []encodedCheck `json:",omitempty"`
	FirstUse     bool           `json:",omitempty"`
	Name         string         `json:",omitempty"`
}

type encodedCheck struct {
	Certificate            []byte
	Status                 RevocationStatus
	Source                 string
	ThisUpdate, NextUpdate time.Time
	Revoked                time.Time
	Reason                 int
	Err                    string `json:",omitempty"`
}

// Marshal encodes r, so that another process of the same program knows the peer too. It
// holds no secret. It must be kept from change, as it decides who the peer is. The times of
// revocation are in UTC then, and a time after the year 9999 is the end of that year.
func (r *Result) Marshal() ([]byte, error) {
	if r == nil {
		return nil, errors.New("trust: there is no Result to encode")
	}
	e := encodedResult{
		Pin: r.Pin, FirstUse: r.FirstUse, Name: r.Name, Certificates: rawChain(r.Certificates),
	}
	if r.Leaf == nil && r.PublicKey != nil {
		var err error
		if e.Key, err = x509.MarshalPKIXPublicKey(r.PublicKey); err != nil {
			return nil, fmt.Errorf("trust: the peer's key cannot be encoded: %w", err)
		}
	}
	for _, chain := range r.Chains {
		e.Chains = append(e.Chains, rawChain(chain))
	}
	for _, c := range r.Revocation {
		check := encodedCheck{
			Status: c.Status, Source: c.Source, Reason: c.Reason,
			ThisUpdate: certtext.Encodable(c.ThisUpdate), NextUpdate: certtext.Encodable(c.NextUpdate),
			Revoked: certtext.Encodable(c.Revoked),
		}
		if c.Certificate != nil {
			check.Certificate = c.Certificate.Raw
		}
		if c.Err != nil {
			check.Err = c.Err.Error()
		}
		e.Revocation = append(e.Revocation, check)
	}
	return json.Marshal(e)
}

// ParseResult decodes what Marshal wrote. It verifies nothing: data must come from a
// process that is trusted. The errors in Revocation have only their texts.
func ParseResult(data []byte) (*Result, error) {
	var e encodedResult
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("trust: a damaged Result: %w", err)
	}
	r := &Result{Pin: e.Pin, FirstUse: e.FirstUse, Name: e.Name}
	err := e.certificates(r)
	if err == nil && len(e.Key) > 0 {
		r.PublicKey, err = parseRaw(e.Key)
	}
	for _, c := range e.Revocation {
		check := RevocationCheck{
			Status: c.Status, Source: c.Source, ThisUpdate: c.ThisUpdate, NextUpdate: c.NextUpdate,
			Revoked: c.Revoked, Reason: c.Reason,
		}
		if len(c.Certificate) > 0 && err == nil {
			check.Certificate, err = x509.ParseCertificate(c.Certificate)
		}
		if c.Err != "" {
			check.Err = errors.New(c.Err)
		}
		r.Revocation = append(r.Revocation, check)
	}
	if err != nil {
		return nil, fmt.Errorf("trust: a damaged Result: %w", err)
	}
	return r, nil
}

// certificates parses the certificates of e into r.
func (e *encodedResult) certificates(r *Result) (err error) {
	if r.Certificates, err = parsedChain(e.Certificates); err != nil {
		return err
	}
	if len(r.Certificates) > 0 {
		r.Leaf = r.Certificates[0]
		r.PublicKey = certtext.Key(r.Leaf)
	}
	for _, chain := range e.Chains {
		certs, err := parsedChain(chain)
		if err != nil {
			return err
		}
		r.Chains = append(r.Chains, certs)
	}
	return nil
}

func rawChain(certs []*x509.Certificate) (all [][]byte) {
	for _, c := range certs {
		all = append(all, c.Raw)
	}
	return all
}

func parsedChain(all [][]byte) (certs []*x509.Certificate, err error) {
	for _, der := range all {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
}
