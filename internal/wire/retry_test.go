package wire

import (
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// TestRetryOrder: a second ClientHello may have its extensions in another order, and must not
// lose, add or change one. wolfSSL 5.9 moves supported_versions to the front.
func TestRetryOrder(t *testing.T) {
	hello := func(datagram bool, extensions ...[]byte) []byte {
		body := append([]byte{0xfe, 0xfd}, make([]byte, 32)...)
		body = append(body, 0) // legacy_session_id
		if datagram {
			body = append(body, 0) // legacy_cookie
		}
		body = append(body, 0, 2, 0x13, 0x01, 1, 0)
		all := slices.Concat(extensions...)
		return append(append(body, byte(len(all)>>8), byte(len(all))), all...)
	}
	extension := func(typ iana.ExtensionType, data ...byte) []byte {
		return append([]byte{byte(typ >> 8), byte(typ), 0, byte(len(data))}, data...)
	}
	versions := extension(iana.ExtSupportedVersions, 2, 0xfe, 0xfc)
	groups := extension(iana.ExtSupportedGroups, 0, 2, 0, 29)
	shares := extension(iana.ExtKeyShare, 0, 0)
	cookie := extension(iana.ExtCookie, 0, 1, 7)
	for name, c := range map[string]struct {
		second [][]byte
		differ string
	}{
		"the same":      {[][]byte{shares, versions, groups}, ""},
		"other order":   {[][]byte{groups, cookie, versions, shares}, ""},
		"one is gone":   {[][]byte{groups, cookie}, "supported_versions"},
		"first is gone": {[][]byte{versions}, "supported_groups"},
		"one is new":    {[][]byte{extension(50), versions, groups}, iana.ExtensionType(50).String()},
		"first is new":  {[][]byte{versions, groups, extension(1)}, iana.ExtensionType(1).String()},
		"changed": {[][]byte{extension(iana.ExtSupportedGroups, 0, 2, 0, 23), versions},
			"supported_groups"},
	} {
		for _, datagram := range []bool{false, true} {
			first, second := hello(datagram, shares, versions, groups), hello(datagram, c.second...)
			if got := RetryDifference(first, second, datagram); got != c.differ {
				t.Errorf("%s, datagrams %v: %q differs, want %q", name, datagram, got, c.differ)
			}
			if datagram && (StableHello(first) == StableHello(second)) != (c.differ == "") {
				t.Errorf("%s: the digests are equal: %v", name, c.differ != "")
			}
		}
	}
}

// TestLeadingExtensions: over datagrams the version and the cookie are in the first fragment of a
// ClientHello, by which a server decides whether to keep it.
func TestLeadingExtensions(t *testing.T) {
	hello := &ClientHello{
		LegacyVersion: iana.TLS12, CompressionMethods: []byte{0}, Datagram: true,
		CipherSuites:      []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256},
		SupportedVersions: []iana.Version{iana.TLS13}, ServerName: "example.com",
		SupportedGroups: []iana.NamedGroup{iana.X25519MLKEM768},
		KeyShares:       []KeyShare{{Group: iana.X25519MLKEM768, Data: make([]byte, 1216)}},
	}
	order := func() []iana.ExtensionType {
		t.Helper()
		if _, err := hello.AppendTo(nil); err != nil {
			t.Fatal(err)
		}
		return hello.Present
	}
	rest := []iana.ExtensionType{iana.ExtServerName, iana.ExtSupportedGroups, iana.ExtKeyShare}
	leading := []iana.ExtensionType{iana.ExtSupportedVersions}
	if got := order(); !slices.Equal(got, append(leading, rest...)) {
		t.Errorf("the first hello has %v", got)
	}
	hello.Cookie = []byte{1}
	leading = append(leading, iana.ExtCookie)
	if got := order(); !slices.Equal(got, append(leading, rest...)) {
		t.Errorf("the second hello has %v", got)
	}
	hello.Datagram = false
	if got := order(); !slices.Equal(got[:len(rest)], rest) {
		t.Errorf("over a stream the hello has %v", got)
	}
}
