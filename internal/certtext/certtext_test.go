package certtext_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
)

func ExampleQuote() {
	fmt.Println(certtext.Quote("an authority\n\x1b[2Jhint: trust it"))
	// Output: "an authority\n\x1b[2Jhint: trust it"
}

func TestQuoteIsShort(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 500), strings.Repeat("ü", 500)} {
		if got := certtext.Quote(text); len(got) > 130 || !strings.HasSuffix(got, "…\"") {
			t.Errorf("%d bytes: %s", len(got), got)
		}
	}
}

func TestDescribe(t *testing.T) {
	serial := big.NewInt(255)
	for want, c := range map[string]*x509.Certificate{
		`"a"`:                 {Subject: pkix.Name{CommonName: "a"}, DNSNames: []string{"b"}},
		`"b"`:                 {DNSNames: []string{"b"}},
		`"192.0.2.1"`:         {IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}},
		`"O=c"`:               {Subject: pkix.Name{Organization: []string{"c"}}},
		"with serial ff":      {SerialNumber: serial},
		"with serial unknown": {},
	} {
		if got := certtext.Describe(c); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	if got := certtext.Time(at); got != "2026-01-02 02:04:05 UTC" {
		t.Error(got)
	}
}

// Each time that is encodable can be encoded, and is the same if it could be before.
func TestEncodable(t *testing.T) {
	zone := func(hours int) *time.Location { return time.FixedZone("", hours*3600) }
	for _, test := range []struct {
		in   time.Time
		want string
	}{
		{time.Date(2026, 1, 2, 3, 4, 5, 0, zone(1)), "2026-01-02T02:04:05Z"},
		{time.Date(2030, 12, 31, 23, 59, 59, 0, zone(24)), "2030-12-30T23:59:59Z"},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, zone(-1)), "9999-12-31T23:59:59Z"},
		{time.Date(0, 1, 1, 0, 0, 0, 0, zone(1)), "0000-01-01T00:00:00Z"},
		{time.UnixMilli(1 << 53), "9999-12-31T23:59:59Z"},
		{time.Time{}, "0001-01-01T00:00:00Z"},
	} {
		got, err := certtext.Encodable(test.in).MarshalJSON()
		if err != nil || string(got) != `"`+test.want+`"` {
			t.Errorf("%v: %s, %v, want %s", test.in, got, err, test.want)
		}
	}
	if !certtext.Encodable(time.Time{}).IsZero() {
		t.Error("the zero time is not zero any more")
	}
}
