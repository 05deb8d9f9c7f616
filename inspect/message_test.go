package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

func ExampleMessage() {
	fmt.Print(Message(engine.Trace{Sent: true, Type: iana.ContentAlert, Data: []byte{1, 0}}))
	fmt.Print(Message(engine.Trace{Type: iana.ContentHandshake, Data: []byte{24, 0, 0, 1, 1}}))
	// Output:
	// > alert close_notify (warning)
	// < key_update, 1 bytes
	//     asks for the same      true
}

// traced returns what both sides of a connection by pre-shared key say.
func traced(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	trace := func(tr engine.Trace) { b.WriteString(Message(tr)) }
	key := &engine.PSK{Identity: []byte("example"), Key: []byte("a key that both sides have")}
	cr, cs, err := engine.Client(&engine.Config{PSKs: []*engine.PSK{key}, ServerName: "example.com", ALPN: []string{"h2"}, Trace: trace})
	if err != nil {
		t.Fatal(err)
	}
	sr, ss, err := engine.Server(&engine.Config{FindPSK: func([]byte) (*engine.PSK, error) { return key, nil }})
	if err != nil {
		t.Fatal(err)
	}
	var toServer, toClient []byte
	for range 6 {
		toServer = append(toServer, run(t, cr, cs, &toClient)...)
		toClient = append(toClient, run(t, sr, ss, &toServer)...)
	}
	if _, err := cs.CloseNotify(nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func run(t *testing.T, r *engine.Receiver, s *engine.Sender, in *[]byte) (out []byte) {
	for {
		n, ev, err := r.Receive(*in)
		if err != nil {
			t.Fatal(err)
		}
		*in = (*in)[n:]
		if out, err = s.Apply(out, ev.Reply); err != nil {
			t.Fatal(err)
		}
		if ev.Kind == engine.EventWantRead {
			return out
		}
	}
}

func TestWholeHandshake(t *testing.T) {
	got := traced(t)
	for _, want := range []string{
		"> client_hello, ", "server name            example.com", "application protocols  h2", "X25519MLKEM768",
		"< server_hello, ", "version                TLS 1.3", "pre-shared key         number 0",
		"< encrypted_extensions, ", "< finished, ", "> finished, ", "> alert close_notify",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the description lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "unreadable") {
		t.Errorf("something cannot be read:\n%s", got)
	}
}

func FuzzMessage(f *testing.F) {
	for typ := range messages {
		f.Add([]byte{byte(typ), 0, 0, 0}, uint8(iana.ContentHandshake))
	}
	f.Add([]byte{2, 40}, uint8(iana.ContentAlert))
	f.Fuzz(func(t *testing.T, data []byte, typ uint8) {
		text := Message(engine.Trace{Type: iana.ContentType(typ), Data: data})
		if !strings.HasSuffix(text, "\n") || strings.ContainsAny(text, "\x1b\r\x00") {
			t.Errorf("%q", text)
		}
	})
}
