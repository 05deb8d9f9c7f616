package sealsock

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/pubkey"
	"github.com/sealsock/sealsock/trust"
)

// delegationUsage is the extension of a certificate that allows delegation.
// RFC 9345, Section 4.2.
var delegationUsage = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 44363, 44}

// maxDelegation is how far ahead a delegation may end. RFC 9345, Section 4.1.3.
const maxDelegation = 7 * 24 * time.Hour

// checkDelegation checks what the engine cannot: that the certificate allows
// delegation, and the times. It fills in the delegated key.
func checkDelegation(d *engine.Delegation, result *trust.Result, now time.Time) error {
	if result.Leaf == nil {
		return refusedDelegation("it has no certificate")
	}
	allowed := false
	for _, ext := range result.Leaf.Extensions {
		allowed = allowed || ext.Id.Equal(delegationUsage)
	}
	end := result.Leaf.NotBefore.Add(time.Duration(d.ValidTime) * time.Second)
	switch {
	case !allowed || result.Leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refusedDelegation("the certificate does not allow it")
	case !now.Before(end):
		return refusedDelegation(fmt.Sprintf("it ended at %v", end.UTC().Format(time.RFC3339)))
	case end.Sub(now) > maxDelegation:
		return refusedDelegation("it ends more than seven days from now")
	}
	key, err := x509.ParsePKIXPublicKey(d.SPKI)
	if err != nil {
		return refusedDelegation("its key cannot be read")
	}
	if err := pubkey.Check(key); err != nil {
		return refusedDelegation(err.Error())
	}
	d.PublicKey = key
	return nil
}

// refusedDelegation is an error with the alert of RFC 9345, Section 4.1.3.
func refusedDelegation(why string) error {
	return &engine.Error{
		Fault: engine.FaultCertificate, Alert: iana.AlertIllegalParameter, Reason: "the server's delegated credential is not accepted: " + why,
		Hint: "renew it on the server",
	}
}
