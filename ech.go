package sealsock

import (
	"errors"

	"github.com/sealsock/sealsock/engine"
)

// retryConfigs returns the ECHConfigList for a second try after err, if err means that
// the server has other keys for Encrypted ClientHello by now. Otherwise it returns
// nil, also for a server that has no keys any more: a second try without encryption
// would reveal the name. RFC 9849, Section 6.1.6.
func retryConfigs(err error) []byte {
	var rejected *engine.ECHRejectedError
	if !errors.As(err, &rejected) {
		return nil
	}
	return rejected.RetryConfigs
}
