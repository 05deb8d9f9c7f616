package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

func respond(t testing.TB, issuer, signer *node, c *x509.Certificate, edit func(*ocsp.Response)) []byte {
	t.Helper()
	template := ocsp.Response{Status: ocsp.Good, SerialNumber: c.SerialNumber, ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(time.Hour)}
	if signer != issuer {
		template.Certificate = signer.Certificate
	}
	if edit != nil {
		edit(&template)
	}
	der, err := ocsp.CreateResponse(issuer.Certificate, signer.Certificate, template, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestResponders(t *testing.T) {
	h := newHouse(t)
	entitledTo := func(c *x509.Certificate) {
		c.Subject.CommonName = "responder"
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	}
	delegate := issue(t, h.inter, nil, entitledTo)
	retired := issue(t, h.inter, nil, entitledTo, dates(noon.AddDate(-2, 0, 0), noon.AddDate(-1, 0, 0)))
	byRoot := issue(t, h.root, nil, entitledTo)
	twin := issue(t, h.root, nil, authority("Test Intermediate"))
	sameNumber := *h.leaf.Certificate
	for name, tc := range map[string]struct {
		staple []byte
		says   string // empty if it is good
	}{
		"by the issuer":         {respond(t, h.inter, h.inter, h.leaf.Certificate, nil), ""},
		"by its delegate":       {respond(t, h.inter, delegate, h.leaf.Certificate, nil), ""},
		"by a retired one":      {respond(t, h.inter, retired, h.leaf.Certificate, nil), "out of its dates"},
		"by the leaf itself":    {respond(t, h.inter, h.leaf, h.leaf.Certificate, nil), "not meant for OCSP"},
		"by another's delegate": {respond(t, h.inter, byRoot, h.leaf.Certificate, nil), "cannot be used"},
		"by a twin":             {respond(t, twin, twin, h.leaf.Certificate, nil), "cannot be used"},
		"for a twin's":          {respond(t, twin, h.inter, &sameNumber, func(r *ocsp.Response) { r.Certificate = nil }), "another issuer's"},
		"unknown":               {respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), "does not know"},
		"error":                 {ocsp.TryLaterErrorResponse, "try later"},
		"no next, fresh":        {respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), ""},
		"no next, old": {respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) {
			r.NextUpdate, r.ThisUpdate = time.Time{}, noon.Add(-25*time.Hour)
		}), "too old"},
		"revoked": {respond(t, h.inter, delegate, h.leaf.Certificate, func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, noon.Add(-2*time.Hour), ocsp.KeyCompromise
		}), "key compromise"},
	} {
		peer := h.peer()
		peer.OCSPStaple = tc.staple
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire, NoFetch: true}}
		for range 2 {
			_, err := p.Verify(context.Background(), peer)
			if (err == nil) != (tc.says == "") || (err != nil && !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("%s: %v", name, err)
			}
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s: an error of another type", name)
			}
		}
	}
}

func FuzzCheckResponse(f *testing.F) {
	h := newHouse(f)
	f.Add(respond(f, h.inter, h.inter, h.leaf.Certificate, nil))
	f.Add([]byte(ocsp.UnauthorizedErrorResponse))
	f.Fuzz(func(t *testing.T, der []byte) {
		check, err := checkResponse(der, "fuzz", h.leaf.Certificate, h.inter.Certificate, noon, []byte("nonce"))
		if err == nil && check.Status == RevocationRevoked {
			t.Error("a response that nobody signed revokes")
		}
		findNonce(der)
		if _, err := checkResponseBody(der, h.leaf.Certificate, h.inter.Certificate); err == nil {
			t.Log("a body about this certificate")
		}
	})
}
