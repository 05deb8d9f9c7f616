package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// versions returns the versions that are on, highest first. The list is shared.
func (c *Config) versions() []iana.Version {
	low, high := c.MinVersion, c.MaxVersion
	if low == 0 {
		low = lowestVersion
	}
	if high == 0 {
		high = highestVersion
	}
	on := func(v iana.Version) bool { return low <= v && v <= high && c.hasSuite(v) }
	list := implemented[:]
	for len(list) > 0 && !on(list[0]) {
		list = list[1:]
	}
	for len(list) > 0 && !on(list[len(list)-1]) {
		list = list[:len(list)-1]
	}
	return slices.Clip(list)
}

// implemented lists the versions of the engine, highest first. Those that are on are
// neighbours in it.
var implemented = [...]iana.Version{iana.TLS13, iana.TLS12}

// hasSuite reports whether there is a cipher suite for a version.
func (c *Config) hasSuite(v iana.Version) bool {
	return c.CipherSuites == nil || slices.ContainsFunc(c.CipherSuites,
		func(id iana.CipherSuite) bool { return suiteFor(id, v) })
}

// Implements reports whether the engine has a cipher suite, in either version.
func Implements(id iana.CipherSuite) bool {
	return suiteFor(id, iana.TLS12) || suiteFor(id, iana.TLS13)
}

// suiteFor reports whether a cipher suite is one of a version's.
func suiteFor(id iana.CipherSuite, v iana.Version) bool {
	if v == iana.TLS13 {
		return suites.TLS13(id) != nil
	}
	return suites.TLS12(id) != nil
}

// suites lists the suites of the versions that are on, in order of preference. The list is
// shared.
func (c *Config) suites() []iana.CipherSuite { return c.suitesOf(c.versions()) }

// suitesOf lists the suites of some versions, in order of preference. The list is shared.
func (c *Config) suitesOf(versions []iana.Version) []iana.CipherSuite {
	list := c.CipherSuites
	switch {
	case list != nil:
	case c.hasPSK12():
		list = slices.Concat(suites.Default13(), c.pskSuites12(), suites.Default12())
	case len(versions) == len(implemented):
		return defaultSuites
	default:
		list = defaultSuites
	}
	return slices.DeleteFunc(slices.Clone(list), func(id iana.CipherSuite) bool {
		return !slices.ContainsFunc(versions, func(v iana.Version) bool { return suiteFor(id, v) })
	})
}

// defaultSuites lists the default suites without pre-shared keys.
var defaultSuites = slices.Concat(suites.Default13(), suites.Default12())

// pskSuites12 lists the default suites of TLS 1.2 with pre-shared keys, if there
// is a key that they can use.
func (c *Config) pskSuites12() []iana.CipherSuite {
	if !c.hasPSK12() {
		return nil
	}
	ecdhe, plain := suites.DefaultPSK12()
	if c.PSKWithoutDHE {
		return append(ecdhe, plain...)
	}
	return ecdhe
}

// hasPSK12 reports whether there may be a pre-shared key for TLS 1.2.
func (c *Config) hasPSK12() bool {
	return c.FindPSK != nil || c.SelectPSK != nil || slices.ContainsFunc(c.PSKs, (*PSK).fits12)
}

// noVersion is the error for a configuration that leaves no version.
func (c *Config) noVersion() error {
	if without := (&Config{MinVersion: c.MinVersion, MaxVersion: c.MaxVersion}).versions(); len(without) > 0 {
		return usage("none of the cipher suites %s is for %s", list(c.CipherSuites), versionList(without, false))
	}
	return usage("no version between MinVersion %v and MaxVersion %v: the engine implements %v and %v", c.MinVersion, c.MaxVersion, lowestVersion, highestVersion)
}

// chosenVersion returns the version that the server chose. RFC 9846, Section 4.2.1.
func (o *offer) chosenVersion(sh *wire.ServerHello) (iana.Version, error) {
	if err := checkLegacyVersion(sh.LegacyVersion, o.cfg.datagram); err != nil {
		return 0, err
	}
	version := sh.SupportedVersion
	switch {
	case !slices.Contains(sh.Present, iana.ExtSupportedVersions):
		version = sh.LegacyVersion
	case version < iana.TLS13:
		return 0, illegal("the server chose %v in supported_versions, expected TLS 1.3", version)
	case sh.LegacyVersion != iana.TLS12:
		// RFC 9846, Section 4.1.3: "A client which receives a TLS 1.3 Server Hello with
		// a legacy_version value not equal to 0x0303 MUST abort the handshake with a
		// "protocol_version" alert."
		return 0, broken(iana.AlertProtocolVersion,
			"a ServerHello of %v has legacy_version %v, expected TLS 1.2",
			version, sh.LegacyVersion)
	}
	switch {
	case !o.speaks(version):
		got := versionList([]iana.Version{version}, o.cfg.datagram)
		e := &Error{
			Fault: FaultIncompatible, Alert: iana.AlertProtocolVersion, Reason: "the server supports no version that is allowed",
			Expected: versionList(o.cfg.offeredVersions(), o.cfg.datagram), Got: got,
			Hint: "update the server, or allow " + got,
		}
		if version < lowestVersion {
			e.Hint, e.Remedy = "update the server; "+legacyHint, RemedyLegacy
		}
		return 0, e
	case version < iana.TLS13 && sh.IsHelloRetryRequest():
		return 0, illegal("a HelloRetryRequest for %v", version)
	}
	return version, nil
}

// versionList names versions, in DTLS those for which they stand there: see package wire.
func versionList(list []iana.Version, datagram bool) string {
	s := ""
	for i, v := range list {
		if i > 0 {
			s += " or "
		}
		switch {
		case datagram && v == iana.TLS11:
			s += iana.DTLS10.String()
		case datagram && v >= iana.TLS12 && v <= iana.TLS13:
			s += "D" + v.String()
		default:
			s += v.String()
		}
	}
	return s
}
