package wire_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A trace is one message of RFC 8448 with its header.
type trace struct {
	section string
	name    string
	msg     []byte
}

// traces reads testdata/rfc8448.txt: a comment for each section, then a name
// on a line of its own and indented hexadecimal digits.
func traces(t testing.TB) []trace {
	t.Helper()
	text, err := os.ReadFile("testdata/rfc8448.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []trace
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "":
		case strings.HasPrefix(line, "# "):
			section = line[2:]
		case strings.HasPrefix(line, " "):
			last := &list[len(list)-1]
			last.msg = append(last.msg, unhex(t, line)...)
		default:
			list = append(list, trace{section: section, name: line})
		}
	}
	return list
}

func TestRFC8448(t *testing.T) {
	parsers := map[string]string{
		"client_hello": "ClientHello", "server_hello": "ServerHello", "encrypted_extensions": "EncryptedExtensions",
		"certificate": "Certificate", "certificate_verify": "CertificateVerify", "finished": "Finished",
		"new_session_ticket": "NewSessionTicket",
	}
	list := traces(t)
	if len(list) != 15 {
		t.Fatalf("%d messages, want 15", len(list))
	}
	for _, tr := range list {
		t.Run(tr.section+"/"+tr.name, func(t *testing.T) {
			typ, n, ok := wire.ParseHeader(tr.msg)
			if typ.String() != tr.name || n != len(tr.msg)-wire.HeaderLen || !ok {
				t.Fatalf("header %s, %d, %v", typ, n, ok)
			}
			body := tr.msg[wire.HeaderLen:]
			if tr.name == "end_of_early_data" {
				if err := wire.ParseEmpty(typ, body); err != nil || !bytes.Equal(wire.AppendEmpty(nil, typ), tr.msg) {
					t.Errorf("%v, %x", err, wire.AppendEmpty(nil, typ))
				}
				return
			}
			m, err := forms[parsers[tr.name]].parse(body)
			if err != nil {
				t.Fatal(err)
			}
			if got := appended(t, m); !bytes.Equal(got, tr.msg) {
				t.Errorf("appended %s\nwant     %s", hex.EncodeToString(got), hex.EncodeToString(tr.msg))
			}
		})
	}
}

func TestRFC8448Binders(t *testing.T) {
	msg := traces(t)[7].msg
	hello, err := wire.ParseClientHello(msg[wire.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	if n := hello.BindersLen(); n != 35 {
		t.Errorf("BindersLen = %d, want 35", n)
	}
	if hello.PSK.Identities[0].ObfuscatedTicketAge != 0xfad6aacb || !hello.EarlyData || hello.Padding != 0x57 {
		t.Errorf("parsed %+v", hello)
	}
	binder := bytes.Clone(hello.PSK.Binders[0])
	hello.PSK.Binders[0] = make([]byte, 32)
	again := appended(t, hello)
	if bytes.Equal(again, msg) {
		t.Fatal("the binder is not where it is thought to be")
	}
	if err := wire.PatchBinders(again, [][]byte{binder}); err != nil || !bytes.Equal(again, msg) {
		t.Errorf("PatchBinders: %v\n%x\nwant\n%x", err, again, msg)
	}
}

func TestRFC8448Retry(t *testing.T) {
	retry, err := wire.ParseServerHello(traces(t)[12].msg[wire.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	if !retry.IsHelloRetryRequest() || retry.KeyShare.Group != iana.SecP256r1 || len(retry.Cookie) != 114 || retry.SupportedVersion != iana.TLS13 {
		t.Errorf("%+v", retry)
	}
	hello, err := wire.ParseServerHello(traces(t)[14].msg[wire.HeaderLen:])
	if err != nil || hello.IsHelloRetryRequest() || len(hello.KeyShare.Data) != 65 {
		t.Errorf("%+v, %v", hello, err)
	}
}
