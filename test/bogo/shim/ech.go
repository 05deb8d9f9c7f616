package main

import (
	"bytes"
	"errors"

	"github.com/sealsock/sealsock/engine"
)

// ech sets up Encrypted ClientHello. What BoringSSL does with a list of which it
// can use nothing, to go on without, is the caller's decision here.
func (s *settings) ech(cfg *engine.Config) error {
	cfg.ECHGREASE = s.echGREASE
	if len(s.echKeyConfigs) != len(s.echKeys) || len(s.echKeyConfigs) != len(s.echKeyOffered) {
		return errors.New("the flags for keys of Encrypted ClientHello do not go together")
	}
	for i, config := range s.echKeyConfigs {
		key, err := engine.ParseECHKey(config, s.echKeys[i])
		if err != nil {
			return err
		}
		key.Retired = s.echKeyOffered[i] == 0
		cfg.ECHKeys = append(cfg.ECHKeys, key)
	}
	configs, err := engine.ParseECHConfigs(s.echConfigs)
	if err != nil && len(s.echConfigs) > 0 {
		return err
	}
	for _, c := range configs {
		if c.Unusable == "" {
			cfg.ECHConfigs = s.echConfigs
			return nil
		}
	}
	if s.echRejectUnusable {
		return errors.New("no configuration of Encrypted ClientHello can be used")
	}
	return nil
}

// checkECHName looks at the name that is verified.
func (s *settings) checkECHName(peer *engine.PeerCertificate) error {
	switch {
	case s.expect.echNoName && peer.ECHRejected,
		s.expect.echName != "" && (!peer.ECHRejected || peer.ServerName != s.expect.echName):
		return differs("the name to verify", peer.ServerName, s.expect.echName)
	}
	return nil
}

// checkRejected looks at how a connection failed whose ClientHello could not be
// decrypted. It is a failure for the runner all the same.
func (s *settings) checkRejected(err error) error {
	if !s.expect.echNoRetry && s.expect.echRetry == nil {
		return err
	}
	var rejected *engine.ECHRejectedError
	if !errors.As(err, &rejected) {
		return mismatch("a failure that should be a rejection of Encrypted ClientHello: %v", err)
	}
	if !bytes.Equal(rejected.RetryConfigs, s.expect.echRetry) {
		return mismatch("other configurations to try again than expected")
	}
	return err
}
