package main

import (
	"bytes"
	"errors"

	"github.com/sealsock/sealsock/engine"
)

// ech sets up Encrypted ClientHello. If no configuration of a list is usable,
// BoringSSL continues without ECH; here the caller decides.
func (s *settings) ech(cfg *engine.Config, to *engine.Target) error {
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
			to.ECHConfigs = s.echConfigs
			return nil
		}
	}
	if s.echRejectUnusable {
		return errors.New("no configuration of Encrypted ClientHello can be used")
	}
	return nil
}

// checkECHName checks the name that is verified.
func (s *settings) checkECHName(peer *engine.PeerCertificate) error {
	switch {
	case s.expect.echNoName && peer.ECHRejected,
		s.expect.echName != "" && (!peer.ECHRejected || peer.ServerName != s.expect.echName):
		return differs("the name to verify", peer.ServerName, s.expect.echName)
	}
	return nil
}

// checkRejected checks the error of a connection whose ClientHello could not be
// decrypted. The connection still counts as failed for the runner.
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
