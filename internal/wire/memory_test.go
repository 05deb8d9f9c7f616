package wire_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestManyUnknownExtensions: the memory for a ClientHello of 15,000 extensions that
// mean nothing here is bounded by their number, without what growth leaves behind.
func TestManyUnknownExtensions(t *testing.T) {
	const n = 15_000
	hello := wire.ClientHello{LegacyVersion: iana.TLS12, CompressionMethods: []byte{0}, Padding: -1}
	hello.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
	for i := range n {
		hello.Unknown = append(hello.Unknown, wire.Extension{Type: iana.ExtensionType(0x2000 + i)})
	}
	raw, err := hello.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := wire.ParseClientHello(raw[wire.HeaderLen:])
	runtime.ReadMemStats(&after)
	if err != nil || len(got.Unknown) != n {
		t.Fatalf("%v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("a message of %d bytes took %d bytes", len(raw), took)
	} else {
		t.Logf("a message of %d bytes took %d bytes", len(raw), took)
	}
}

// TestManyExtensionsTwice: to compare two hellos of 15,000 extensions in different orders takes
// less memory than to parse one.
func TestManyExtensionsTwice(t *testing.T) {
	hello := wire.ClientHello{LegacyVersion: iana.TLS12, CompressionMethods: []byte{0}, Padding: -1}
	hello.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
	for i := range 15_000 {
		hello.Unknown = append(hello.Unknown, wire.Extension{Type: iana.ExtensionType(0x2000 + i)})
	}
	first, err := hello.AppendTo(nil)
	slices.Reverse(hello.Unknown)
	second, e := hello.AppendTo(nil)
	if err != nil || e != nil {
		t.Fatal(err, e)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	changed := wire.RetryDifference(first[wire.HeaderLen:], second[wire.HeaderLen:], false)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<19 || changed != "" {
		t.Errorf("to compare %d bytes took %d bytes; %q differs", len(first), took, changed)
	}
}
