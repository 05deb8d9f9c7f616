package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/wire"
)

// TestServerNames: names of unknown types beside host_name are skipped. RFC 6066, Section 3.
func TestServerNames(t *testing.T) {
	for list, want := range map[string]string{
		"00 0001 61":                    "a",
		"00 0001 61 01 0002 6262":       "a",
		"01 0002 6262 00 0001 61":       "a",
		"01 0000 ff 0001 00 00 0001 61": "a",
		"01 0002 6262":                  "", // no host name at all
	} {
		data := unhex(t, list)
		text := fmt.Sprintf("0303 %s 00 0002 1301 0100 %04x 0000 %04x %04x %x",
			strings.Repeat("00", 32), len(data)+6, len(data)+2, len(data), data)
		hello, err := wire.ParseClientHello(unhex(t, text))
		if err != nil || hello.ServerName != want {
			t.Errorf("%s: %v, %v", list, hello, err)
		}
	}
}
