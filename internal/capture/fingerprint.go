package capture

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// JA3 returns the fingerprint of a ClientHello, and the text that it is the MD5 of: version,
// cipher suites, extensions, groups and point formats as decimal numbers, without those that
// RFC 8701 reserves. https://github.com/salesforce/ja3
func JA3(h *wire.ClientHello) (hash, text string) {
	text = strings.Join([]string{
		strconv.Itoa(int(h.LegacyVersion)), decimal(h.CipherSuites), decimal(h.Present),
		decimal(h.SupportedGroups), decimal(h.ECPointFormats),
	}, ",")
	return md5Of(text), text
}

// JA3S returns the same of a ServerHello: version, cipher suite and extensions.
func JA3S(h *wire.ServerHello) (hash, text string) {
	text = strings.Join([]string{
		strconv.Itoa(int(h.LegacyVersion)), strconv.Itoa(int(h.CipherSuite)), decimal(h.Present),
	}, ",")
	return md5Of(text), text
}

func md5Of(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func decimal[T ~uint8 | ~uint16](list []T) string {
	var parts []string
	for _, v := range list {
		if !iana.IsGREASE(uint16(v)) {
			parts = append(parts, strconv.Itoa(int(v)))
		}
	}
	return strings.Join(parts, "-")
}

// JA4 returns the fingerprint of a ClientHello over TCP: the version, whether there is a
// server name, the number of suites and of extensions, the first protocol, and hashes of
// suites and of extensions with signature schemes. Suites and extensions are sorted, so that
// a client that shuffles them has one fingerprint.
// https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md
func JA4(h *wire.ClientHello) string {
	suites, extensions := hexNumbers(h.CipherSuites), hexNumbers(h.Present)
	name := "i"
	if slices.Contains(h.Present, iana.ExtServerName) {
		name = "d"
	}
	head := fmt.Sprintf("t%s%s%02d%02d%s", ja4Version(h), name, min(len(suites), 99),
		min(len(extensions), 99), ja4ALPN(h.ALPN))
	hashed := func(e string) bool { return e != "0000" && e != "0010" } // names are not
	extensions = slices.DeleteFunc(extensions, func(e string) bool { return !hashed(e) })
	slices.Sort(suites)
	slices.Sort(extensions)
	rest := strings.Join(extensions, ",")
	if schemes := hexNumbers(h.SignatureAlgorithms); len(schemes) > 0 {
		rest += "_" + strings.Join(schemes, ",")
	}
	return head + "_" + shortHash(strings.Join(suites, ","), len(suites)) + "_" +
		shortHash(rest, len(extensions))
}

// ja4Version is the newest version that is offered.
func ja4Version(h *wire.ClientHello) string {
	newest := h.LegacyVersion
	for i, v := range slices.DeleteFunc(slices.Clone(h.SupportedVersions),
		func(v iana.Version) bool { return iana.IsGREASE(uint16(v)) }) {
		if i == 0 || v > newest {
			newest = v
		}
	}
	switch newest {
	case iana.TLS13:
		return "13"
	case iana.TLS12:
		return "12"
	case iana.TLS11:
		return "11"
	case iana.TLS10:
		return "10"
	case iana.SSL30:
		return "s3"
	case iana.SSL20:
		return "s2"
	}
	return "00"
}

// ja4ALPN is the first and the last character of the first protocol or, if they are neither
// letters nor digits, of its hexadecimal form.
func ja4ALPN(list []string) string {
	if len(list) == 0 || list[0] == "" {
		return "00"
	}
	first := list[0]
	alphanumeric := func(b byte) bool {
		return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
	}
	if !alphanumeric(first[0]) || !alphanumeric(first[len(first)-1]) {
		first = hex.EncodeToString([]byte(first))
	}
	return first[:1] + first[len(first)-1:]
}

func hexNumbers[T ~uint16](list []T) []string {
	var out []string
	for _, v := range list {
		if !iana.IsGREASE(uint16(v)) {
			out = append(out, fmt.Sprintf("%04x", uint16(v)))
		}
	}
	return out
}

// shortHash is the beginning of a SHA-256, or zeros for an empty list.
func shortHash(text string, n int) string {
	if n == 0 {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}
