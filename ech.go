package sealsock

import (
	"errors"

	"github.com/sealsock/sealsock/engine"
)

// retryECH returns the configuration for a second try after err, if that is a
// server's word that it has other keys for Encrypted ClientHello by now; else
// nil. A server that has none any more is left to the caller: to go on would
// show the name. RFC 9849, Section 6.1.6.
func (c *Config) retryECH(err error) *Config {
	var rejected *engine.ECHRejectedError
	if !errors.As(err, &rejected) || rejected.RetryConfigs == nil {
		return nil
	}
	again := *c
	again.ECHConfigs = rejected.RetryConfigs
	return &again
}
