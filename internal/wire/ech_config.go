package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// ECHVersion is the only version of ECHConfig there is. RFC 9849, Section 4.
const ECHVersion = 0xfe0d

// ECHConfig is one configuration of encrypted_client_hello. RFC 9849, Section 4.
//
//	struct {
//	    uint8 config_id;
//	    HpkeKemId kem_id;
//	    opaque public_key<1..2^16-1>;
//	    HpkeSymmetricCipherSuite cipher_suites<4..2^16-4>;
//	} HpkeKeyConfig;
//	struct {
//	    HpkeKeyConfig key_config;
//	    uint8 maximum_name_length;
//	    opaque public_name<1..255>;
//	    ECHConfigExtension extensions<0..2^16-1>;
//	} ECHConfigContents;
//	struct {
//	    uint16 version;
//	    uint16 length;
//	    ECHConfigContents contents;     // version 0xfe0d
//	} ECHConfig;
type ECHConfig struct {
	Raw        []byte // the whole ECHConfig as received, which HPKE's info needs; AppendECHConfig ignores it
	Version    uint16
	ConfigID   uint8
	KEM        uint16
	PublicKey  []byte
	Suites     []ECHSuite
	MaxNameLen uint8 // bytes
	PublicName string
	Extensions []Extension

	// Unusable is the reason why a client must not use this configuration although
	// it is well formed; "" if it may. AppendECHConfig ignores it.
	Unusable string
}

// ECHSuite is a pair of HPKE algorithms. RFC 9180, Sections 7.2 and 7.3.
type ECHSuite struct{ KDF, AEAD uint16 }

// ParseECHConfigList parses an ECHConfigList. Versions that it does not know
// are skipped, so the result may be empty. Slices alias data. As the list may
// come from anywhere, an error names no message but encrypted_extensions, where
// a server sends it.
//
//	ECHConfig ECHConfigList<4..2^16-1>;
func ParseECHConfigList(data []byte) ([]ECHConfig, error) {
	p := parse(iana.HandshakeEncryptedExtensions, data)
	p.ext, p.inExt = iana.ExtECH, true
	configs := p.echConfigs()
	return parsed(configs, &p)
}

// echRetryConfigs checks the list in EncryptedExtensions and returns it as it
// is. RFC 9849, Section 5: the client MUST check that it is well formed.
func (p *parser) echRetryConfigs() []byte {
	whole := *p
	p.echConfigs()
	return whole.Rest()
}

func (p *parser) echConfigs() []ECHConfig {
	list := p.within(p.vector16("ECHConfigList", 4))
	var configs []ECHConfig
	for !list.Empty() {
		start := list
		version := list.uint16("version")
		contents := list.within(list.vector16("contents", 0))
		if list.err != nil || version != ECHVersion {
			continue
		}
		c := contents.echConfig()
		c.Raw, _ = start.Bytes(start.Len() - list.Len())
		_ = contents.end() // merged with the rest
		list.merge(&contents)
		configs = append(configs, c)
	}
	p.merge(&list)
	return configs
}

func (p *parser) echConfig() ECHConfig {
	c := ECHConfig{Version: ECHVersion}
	c.ConfigID = p.uint8("config_id")
	c.KEM = p.uint16("kem_id")
	c.PublicKey = p.vector16("public_key", 1)
	suites := p.within(p.vector16("cipher_suites", 4))
	for !suites.Empty() {
		c.Suites = append(c.Suites, ECHSuite{suites.uint16("kdf_id"), suites.uint16("aead_id")})
	}
	p.merge(&suites)
	c.MaxNameLen = p.uint8("maximum_name_length")
	c.PublicName = string(p.vector8("public_name", 1, 255))
	if !isHostName(c.PublicName) {
		c.Unusable = "public_name is not a host name"
	}
	// No extension is defined yet. The high bit of its type makes one
	// mandatory. RFC 9849, Section 4.2.
	_, c.Extensions = table[ECHConfig]{}.parse(&c, p)
	for _, e := range c.Extensions {
		if e.Type&0x8000 != 0 {
			c.Unusable = fmt.Sprintf("mandatory extension 0x%04x is unknown", uint16(e.Type))
		}
	}
	return c
}

// isHostName reports whether name is made of labels of letters, digits and
// hyphens, and not an IPv4 address in disguise: configurations with anything
// else MUST be ignored. RFC 9849, Section 4.
func isHostName(name string) bool {
	last := ""
	for last = range strings.SplitSeq(name, ".") {
		if !isLabel(last) {
			return false
		}
	}
	return !isNumber(last)
}

func isLabel(label string) bool {
	for i := range len(label) {
		c := label[i]
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return label != "" && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-'
}

// isNumber reports whether those who parse IPv4 addresses generously would
// take label for a number: decimal digits, or hexadecimal ones after 0x.
func isNumber(label string) bool {
	label = strings.ToLower(label)
	if digits, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// AppendECHConfig appends one ECHConfig to b. Version 0 is taken as ECHVersion.
func AppendECHConfig(b []byte, c *ECHConfig) ([]byte, error) {
	if c.Version != 0 && c.Version != ECHVersion {
		return b, fmt.Errorf("version 0x%04x of ECHConfig is unknown", c.Version)
	}
	if len(c.PublicKey) == 0 || len(c.Suites) == 0 || c.PublicName == "" {
		return b, errors.New("an ECHConfig needs a public key, a cipher suite and a public name")
	}
	w := codec.NewBuilder(b)
	w.AddUint16(ECHVersion)
	contents := w.Begin(2)
	w.AddUint8(c.ConfigID)
	w.AddUint16(c.KEM)
	w.AddVector(2, c.PublicKey)
	suites := w.Begin(2)
	for _, s := range c.Suites {
		w.AddUint16(s.KDF)
		w.AddUint16(s.AEAD)
	}
	w.End(suites)
	w.AddUint8(c.MaxNameLen)
	name := w.Begin(1)
	w.AddString(c.PublicName)
	w.End(name)
	extensions := w.Begin(2)
	addRaw(&w, c.Extensions)
	w.End(extensions)
	w.End(contents)
	return w.Bytes()
}
