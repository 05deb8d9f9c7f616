package sealsock_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// demo returns configurations for an example's two sides: a server "localhost"
// under a root of its own, and a client that trusts the root.
func demo() (client, server *sealsock.Config) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost", "127.0.0.1")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		log.Fatal(err)
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		log.Fatal(err)
	}
	policy := &trust.Policy{Roots: roots}
	return &sealsock.Config{Trust: policy, ServerName: "localhost", Identities: []*identity.Identity{id}},
		&sealsock.Config{Trust: policy, Identities: []*identity.Identity{id}}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// listen starts a server for the examples that calls do with each connection.
func listen(cfg *sealsock.Config, do func(*sealsock.Conn)) *sealsock.Listener {
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0", cfg)
	check(err)
	go func() {
		for {
			conn, err := l.AcceptConn(context.Background())
			if err != nil {
				return
			}
			go do(conn)
		}
	}()
	return l
}

func greet(conn *sealsock.Conn) {
	fmt.Fprintln(conn, "hello over", conn.State().Version)
	conn.Close()
}

func Example() {
	client, server := demo()
	l := listen(server, greet)
	defer l.Close()

	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Print(string(text))
	// Output: hello over TLS 1.3
}

func ExampleDial() {
	client, server := demo()
	l := listen(server, greet)
	defer l.Close()

	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err) // the error reports which side is at fault and what to do
	defer conn.Close()
	fmt.Println(conn.Peer().Name, "is proved")
	// Output: localhost is proved
}

// Connections with one Config, from one address of this machine.
func ExampleDialer() {
	client, server := demo()
	l := listen(server, greet)
	defer l.Close()

	d, err := sealsock.NewDialer(client)
	check(err)
	local := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	d.Connect = func(ctx context.Context, a address.Address) (net.Conn, error) {
		return local.DialContext(ctx, "tcp", a.String())
	}
	for range 2 {
		conn, err := d.Dial(context.Background(), l.Addr().String())
		check(err)
		text, err := io.ReadAll(conn)
		check(err)
		fmt.Print(string(text))
		conn.Close()
	}
	// Output:
	// hello over TLS 1.3
	// hello over TLS 1.3
}

func ExampleListen() {
	client, server := demo()
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0", server)
	check(err)
	defer l.Close()
	go func() {
		conn, err := l.Accept() // its handshake is done
		check(err)
		io.Copy(conn, conn)
		conn.Close()
	}()

	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	fmt.Fprint(conn, "echo")
	check(conn.CloseWrite()) // the other direction stays open
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Println(string(text))
	// Output: echo
}

func ExampleClient() {
	client, server := demo()
	a, b := net.Pipe() // any connection will do
	go func() {
		conn, err := sealsock.Server(b, server)
		check(err)
		check(conn.HandshakeContext(context.Background()))
		greet(conn)
	}()

	conn, err := sealsock.Client(a, client)
	check(err)
	text, err := io.ReadAll(conn) // the first Read runs the handshake
	check(err)
	fmt.Print(string(text))
	// Output: hello over TLS 1.3
}

func ExampleServer() {
	client, server := demo()
	server.ClientAuth = sealsock.RequireClientCert
	a, b := net.Pipe()
	go func() {
		conn, err := sealsock.Client(a, client)
		check(err)
		check(conn.HandshakeContext(context.Background()))
	}()

	conn, err := sealsock.Server(b, server)
	check(err)
	check(conn.HandshakeContext(context.Background()))
	fmt.Println("the client showed", conn.Peer().Leaf.DNSNames[0])
	// Output: the client showed localhost
}

func ExampleNewListener() {
	client, server := demo()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	l, err := sealsock.NewListener(inner, server)
	check(err)
	defer l.Close()
	// net/http takes the listener, and handlers see the encryption.
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, tls.VersionName(r.TLS.Version))
	}))

	hc := &http.Client{Transport: &http.Transport{
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return sealsock.Dial(ctx, addr, client)
		},
	}}
	resp, err := hc.Get("https://" + l.Addr().String())
	check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(err)
	fmt.Print(string(text))
	// Output: TLS 1.3
}

func ExampleFromStandard() {
	cfg, err := sealsock.FromStandard(&tls.Config{ServerName: "example.com", NextProtos: []string{"h2"}})
	check(err)
	fmt.Println(cfg.ServerName, cfg.ALPN)
	// Output: example.com [h2]
}

func ExampleConfig_psks() {
	key := engine.NewPSK([]byte("thermometer 12"), []byte("thirty-two random bytes, really."))
	l := listen(&sealsock.Config{
		FindPSK: func(_ context.Context, identity []byte) (*engine.PSK, error) {
			if string(identity) == "thermometer 12" {
				return key, nil
			}
			return nil, nil // unknown
		},
	}, greet)
	defer l.Close()

	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), &sealsock.Config{PSKs: []*engine.PSK{key}, PSKOnly: true})
	check(err)
	defer conn.Close()
	fmt.Printf("%s\n", conn.State().PSKIdentity)
	// Output: thermometer 12
}

func ExampleNewMemoryCache() {
	client, server := demo()
	l := listen(server, greet)
	defer l.Close()
	client.Sessions = sealsock.NewMemoryCache(100)
	for range 2 {
		conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
		check(err)
		_, err = io.ReadAll(conn) // sessions come along with data
		check(err)
		fmt.Println("resumed:", conn.State().Resumed)
		conn.Close()
	}
	// Output:
	// resumed: false
	// resumed: true
}

func ExampleSealTickets() {
	// A fleet that shares its keys, from a file or a key server, resumes each
	// other's sessions. One process alone has RotatingKeys.
	client, server := demo()
	server.Tickets = sealsock.SealTickets(&sealsock.RotatingKeys{}, nil)
	l := listen(server, greet)
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	fmt.Println(conn.State().Version)
	// Output: TLS 1.3
}

func ExampleConn_WriteEarly() {
	client, server := demo()
	server.MaxEarlyData = 1000
	l := listen(server, func(conn *sealsock.Conn) {
		early := make([]byte, 1000)
		n, _ := conn.ReadEarly(early) // may be a replay: nothing but harmless requests
		text := make([]byte, 100)
		m, _ := conn.Read(text)
		fmt.Fprintf(conn, "early %q, then %q", early[:n], text[:m])
		conn.Close()
	})
	defer l.Close()

	client.Sessions, client.EarlyData = sealsock.NewMemoryCache(10), true
	d, err := sealsock.NewDialer(client)
	check(err)
	request, sent := []byte("GET /"), 0
	d.BeforeHandshake = func(_ context.Context, conn *sealsock.Conn) (err error) {
		sent, err = conn.WriteEarly(request)
		if errors.Is(err, sealsock.ErrNoEarlyData) {
			return nil // there is no session yet
		}
		return err
	}
	for range 2 {
		conn, err := d.Dial(context.Background(), l.Addr().String())
		check(err)
		_, err = conn.Write(request[sent:]) // the rest
		check(err)
		check(conn.CloseWrite())
		text, err := io.ReadAll(conn)
		check(err)
		fmt.Println(string(text))
		conn.Close()
	}
	// Output:
	// early "", then "GET /"
	// early "GET /", then ""
}

func ExampleConn_RequestClientCertificate() {
	client, server := demo()
	client.PostHandshakeAuth = true
	l := listen(server, func(conn *sealsock.Conn) {
		if err := conn.RequestClientCertificate(context.Background()); err != nil {
			log.Print(err)
		}
		fmt.Fprintln(conn, "you are", conn.Peer().Leaf.DNSNames[0])
		conn.Close()
	})
	defer l.Close()

	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	text, err := io.ReadAll(conn) // reading answers the request
	check(err)
	fmt.Print(string(text))
	// Output: you are localhost
}

func ExampleConn_Unwrap() {
	client, server := demo()
	l := listen(server, func(conn *sealsock.Conn) {
		io.ReadAll(conn)
		plain, err := conn.Unwrap(context.Background())
		check(err)
		fmt.Fprint(plain, "plain again")
		plain.Close()
	})
	defer l.Close()

	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	plain, err := conn.Unwrap(context.Background())
	check(err)
	defer plain.Close()
	text, err := io.ReadAll(plain)
	check(err)
	fmt.Println(string(text))
	// Output: plain again
}

func ExampleNewAntiReplay() {
	server := &sealsock.Config{MaxEarlyData: 4096, AntiReplay: sealsock.NewAntiReplay(10_000, nil)}
	fmt.Println(server.MaxEarlyData)
	// Output: 4096
}
