package sealsock_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certcompress"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// dialAndRead dials, reads what the server sends, and returns the connection's state.
func dialAndRead(l *sealsock.Listener, client *sealsock.Config) engine.State {
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	_, err = io.ReadAll(conn)
	check(err)
	return conn.State()
}

func ExampleKeepTickets() {
	// Tickets that are names of sessions in memory: each works once.
	client, server := demo()
	server.Tickets, server.NumTickets = sealsock.KeepTickets(1000), 1
	l := listen(server, greet)
	defer l.Close()
	var session *engine.Session
	client.OnSession = func(s *engine.Session) { session = s }
	dialAndRead(l, client)

	saved, err := session.Marshal() // to keep it in a file, as secret as a key
	check(err)
	client.Session, err = engine.ParseSession(saved)
	check(err)
	client.OnSession = nil
	fmt.Println("first use, resumed:", dialAndRead(l, client).Resumed)
	fmt.Println("second use, resumed:", dialAndRead(l, client).Resumed)
	// Output:
	// first use, resumed: true
	// second use, resumed: false
}

func ExampleConn_SendTickets() {
	client, server := demo()
	server.NumTickets = -1 // none by itself
	server.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	l := listen(server, func(conn *sealsock.Conn) {
		check(conn.SendTickets(context.Background(), 3)) // for a client that opens several connections
		greet(conn)
	})
	defer l.Close()
	tickets := 0
	client.OnSession = func(*engine.Session) { tickets++ }
	dialAndRead(l, client)
	fmt.Println(tickets)
	// Output: 3
}

// A key without a hash of its own, imported, serves each hash of TLS 1.3.
func ExampleConfig_importedPSK() {
	external := engine.NewPSK([]byte("valve 3"), []byte("thirty-two random bytes, really."))
	var imported []*engine.PSK
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		key, err := external.Import([]byte("pumping station"), hash)
		check(err)
		imported = append(imported, key)
	}
	l := listen(&sealsock.Config{
		CipherSuites: []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384},
		FindPSK: func(_ context.Context, identity []byte) (*engine.PSK, error) {
			for _, key := range imported {
				if bytes.Equal(key.Identity, identity) {
					return key, nil
				}
			}
			return nil, nil
		},
	}, greet)
	defer l.Close()
	fmt.Println(dialAndRead(l, &sealsock.Config{PSKs: imported, PSKOnly: true}).CipherSuite)
	// Output: TLS_AES_256_GCM_SHA384
}

func ExampleConn_ReadEarly() {
	client, server := demo()
	// A memory that was made long ago: one that is new refuses early data for
	// half a minute, because it does not know what it had accepted before.
	clock := time.Now().Add(-time.Minute)
	server.AntiReplay = sealsock.NewAntiReplay(1000, func() time.Time { defer func() { clock = time.Now() }(); return clock })
	server.MaxEarlyData = 1000
	l := listen(server, func(conn *sealsock.Conn) {
		early, err := io.ReadAll(readerFunc(conn.ReadEarly)) // marked as such: it may be a replay
		check(err)
		fmt.Fprintf(conn, "early %q", early)
		conn.Close()
	})
	defer l.Close()

	client.EarlyData = true
	client.OnSession = func(s *engine.Session) { client.Session = s }
	dialAndRead(l, client) // brings a session
	client.OnSession = nil
	raw, err := net.Dial("tcp", l.Addr().String())
	check(err)
	conn, err := sealsock.Client(raw, client)
	check(err)
	defer conn.Close()
	_, err = conn.WriteEarly([]byte("GET /")) // leaves with the first flight
	check(err)
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Println(string(text), conn.State().EarlyData)
	// Output: early "GET /" true
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func ExampleConn_Rekey() {
	client, server := demo()
	server.MaxRecordsPerKey = 1 << 20 // sooner than the cipher asks for
	l := listen(server, func(conn *sealsock.Conn) { io.Copy(conn, conn); conn.Close() })
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	fmt.Fprint(conn, "before, ")
	check(conn.Rekey(context.Background(), true)) // both directions
	fmt.Fprint(conn, "after")
	check(conn.CloseWrite())
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Println(string(text))
	// Output: before, after
}

func ExampleConn_Export() {
	client, server := demo()
	bindings := make(chan []byte, 1)
	l := listen(server, func(conn *sealsock.Conn) {
		binding, err := conn.Export("EXPORTER-Channel-Binding", nil, 32) // tls-exporter
		check(err)
		bindings <- binding
		greet(conn)
	})
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	own, err := conn.Export("EXPORTER-Channel-Binding", nil, 32)
	check(err)
	fmt.Println("both sides have the same:", bytes.Equal(own, <-bindings))
	// Output: both sides have the same: true
}

// Suites, groups and signature schemes in an order of one's own, and what came
// of it.
func ExampleConfig_choice() {
	client, server := demo()
	client.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256, iana.TLS_AES_128_GCM_SHA256}
	client.Groups = []iana.NamedGroup{iana.SecP384r1}
	client.SignatureSchemes = []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256}
	server.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256}
	l := listen(server, greet)
	defer l.Close()
	s := dialAndRead(l, client)
	fmt.Println(s.CipherSuite)
	fmt.Println(s.Group, "after another request:", s.Retried)
	fmt.Println(s.PeerScheme)
	// Output:
	// TLS_CHACHA20_POLY1305_SHA256
	// secp384r1 after another request: false
	// ecdsa_secp256r1_sha256
}

// A server decides by the whole ClientHello.
func ExampleConfig_forClient() {
	client, server := demo()
	other := *server
	other.ALPN = []string{"chat/2"}
	server.ForClient = func(_ context.Context, hello *engine.ClientHelloInfo) (*sealsock.Config, error) {
		if hello.ServerName != "localhost" {
			return nil, unknownName(hello.ServerName)
		}
		return &other, nil // nil would keep server
	}
	l := listen(server, greet)
	defer l.Close()
	client.ALPN = []string{"chat/1", "chat/2"}
	fmt.Println(dialAndRead(l, client).ALPN)
	// Output: chat/2
}

// unknownName is an error that chooses the alert for the client.
type unknownName string

func (e unknownName) Error() string   { return fmt.Sprintf("there is no %q here", string(e)) }
func (unknownName) Alert() iana.Alert { return iana.AlertUnrecognizedName }

// A certificate is chosen for what the peer can verify, and may take its time to
// come: the key may be in another machine.
func ExampleConfig_selectIdentity() {
	client, server := demo()
	id := server.Identities[0]
	server.Identities = nil
	server.SelectIdentity = func(_ context.Context, q *engine.CredentialRequest) (*identity.Identity, error) {
		if q.ServerName == "localhost" {
			return id, nil
		}
		return nil, errors.New("no certificate for that name")
	}
	l := listen(server, greet)
	defer l.Close()
	fmt.Println(dialAndRead(l, client).PeerScheme)
	// Output: ecdsa_secp256r1_sha256
}

// A bare key in place of a certificate, known by its pin.
func ExampleConfig_rawPublicKey() {
	_, server := demo()
	id := *server.Identities[0]
	id.RawPublicKey = true
	server.Identities = []*identity.Identity{&id}
	l := listen(server, greet)
	defer l.Close()

	pin := trust.PinOf(id.Leaf) // as it is told to the client beforehand
	s := dialAndRead(l, &sealsock.Config{
		OnlyRawKeys: true, ServerName: "localhost", Trust: &trust.Policy{Pins: []trust.Pin{pin}, PinOnly: true},
	})
	fmt.Println("certificates:", len(s.PeerChain), "key shown:", len(s.PeerRawKey) > 0)
	// Output: certificates: 0 key shown: true
}

func ExampleConfig_certificateCompression() {
	client, server := demo()
	client.Compressors, server.Compressors = certcompress.All(), certcompress.All()
	l := listen(server, greet)
	defer l.Close()
	var mu sync.Mutex
	client.Trace = func(m engine.Trace) {
		mu.Lock()
		defer mu.Unlock()
		if !m.Sent && m.Type == iana.ContentHandshake && iana.HandshakeType(m.Data[0]) == iana.HandshakeCompressedCertificate {
			fmt.Println("the certificate came compressed")
		}
	}
	dialAndRead(l, client)
	// Output: the certificate came compressed
}

// What goes along with a certificate: an OCSP response, and signed certificate
// timestamps. What there is of them in files, identity.Load finds.
func ExampleConfig_staple() {
	client, server := demo()
	id := *server.Identities[0]
	id.SCTs = [][]byte{[]byte("a timestamp of a log")}
	server.Identities = []*identity.Identity{&id}
	l := listen(server, greet)
	defer l.Close()
	fmt.Printf("%q\n", dialAndRead(l, client).PeerSCTs)
	// Output: ["a timestamp of a log"]
}

// Records for a device with little memory, and of lengths that reveal little.
func ExampleConfig_records() {
	client, server := demo()
	client.RecordSizeLimit = 512
	server.Padding = func(n int) int { return 128 - n%128 }
	server.DynamicRecords = true
	l := listen(server, func(conn *sealsock.Conn) {
		conn.Write(make([]byte, 2000))
		conn.Close()
	})
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Println(len(text))
	// Output: 2000
}

// Each message as it is sent or received, in the clear.
func ExampleConfig_trace() {
	client, server := demo()
	l := listen(server, greet)
	defer l.Close()
	var seen strings.Builder
	client.Trace = func(m engine.Trace) {
		if m.Type == iana.ContentHandshake && seen.Len() == 0 {
			fmt.Fprintf(&seen, "sent: %v, %v", m.Sent, iana.HandshakeType(m.Data[0]))
		}
	}
	dialAndRead(l, client)
	fmt.Println(seen.String())
	// Output: sent: true, client_hello
}

// A key log, for a debugger that reads recorded packets. Anyone who has it can
// decrypt the connection.
func ExampleConfig_keyLog() {
	client, server := demo()
	l := listen(server, greet)
	defer l.Close()
	file, err := os.CreateTemp("", "keys")
	check(err)
	defer os.Remove(file.Name())
	client.KeyLog = file
	dialAndRead(l, client)
	check(file.Close())
	text, err := os.ReadFile(file.Name())
	check(err)
	for line := range strings.Lines(string(text)) {
		fmt.Println(line[:strings.IndexByte(line, ' ')])
	}
	// Unordered output:
	// CLIENT_HANDSHAKE_TRAFFIC_SECRET
	// SERVER_HANDSHAKE_TRAFFIC_SECRET
	// CLIENT_TRAFFIC_SECRET_0
	// SERVER_TRAFFIC_SECRET_0
	// EXPORTER_SECRET
}
