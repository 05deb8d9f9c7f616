package main

import (
	"errors"
	"slices"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// blameKeys explains an error of a handshake with pre-shared keys: a binder or a record that
// cannot be verified means that the keys differ, on either side.
func blameKeys(err error) error {
	var e *engine.Error
	if !errors.As(err, &e) ||
		e.Alert != iana.AlertDecryptError && e.Alert != iana.AlertBadRecordMAC {
		return err
	}
	p := explainHandshake(err)
	p.code = "psk"
	return p.hinted("the two sides have different keys under the same identity: compare the files " +
		"of --psk-file")
}

// checkNegotiable finds flags that leave no version with both a suite and a group, which
// otherwise fails in each handshake and looks like a fault of the other side.
func checkNegotiable(cfg *sealsock.Config) error {
	above := cfg.MinVersion <= iana.TLS12
	below := cfg.MaxVersion == 0 || cfg.MaxVersion >= iana.TLS13
	suites13 := anyOf(cfg.CipherSuites, func(id iana.CipherSuite) bool { return suites.TLS13(id) != nil })
	suites12 := anyOf(cfg.CipherSuites, func(id iana.CipherSuite) bool { return suites.TLS12(id) != nil })
	classical := anyOf(cfg.Groups, suites.ECDHE)
	switch {
	case below && suites13, above && suites12 && classical:
		return nil
	case above && suites12:
		return usage("--groups has none for TLS 1.2, the only version that the other flags leave").
			hinted("add X25519 or secp256r1: hybrid and finite-field groups are for TLS 1.3")
	}
	return usage("--suites has none for the versions of --min and --max").
		hinted("TLS_AES_128_GCM_SHA256 is for TLS 1.3, and names with _WITH_ are for TLS 1.2")
}

// anyOf reports whether a list has a value of a kind; an empty one stands for the defaults,
// which have.
func anyOf[T any](list []T, kind func(T) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, kind)
}
