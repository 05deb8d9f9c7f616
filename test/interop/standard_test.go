package interop

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"

	"github.com/sealsock/sealsock/iana"
)

// standard is crypto/tls: this test program, started again as a peer.
var standard = &program{
	name:      "crypto/tls",
	find:      func() (string, error) { return "crypto/tls of " + runtime.Version(), nil },
	client:    func(s *scenario, port int) command { return standardCommand(s, "client", port) },
	server:    func(s *scenario, port int) command { return standardCommand(s, "server", port) },
	without12: standardWithout12,
}

// standardRole is the variable that starts this program as a peer.
const standardRole = "INTEROP_STANDARD"

func standardCommand(s *scenario, role string, port int) command {
	groups := map[iana.NamedGroup]string{}
	for id := range opensslGroups {
		groups[id] = strconv.Itoa(int(id))
	}
	c := script(s, role, port, groups, os.Args[0])
	c.env = append(c.env, standardRole+"="+role)
	return c
}

// standardPeer is the main function of that peer. It reads the same variables
// as the scripts in testdata.
func standardPeer(role string) error {
	run := standardClient
	if role == "server" {
		run = standardServer
	}
	cfg, err := standardConfig()
	if err != nil {
		return err
	}
	err = run(cfg)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return fmt.Errorf("alert: %w", err)
	}
	return err
}

func standardConfig() (*tls.Config, error) {
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(os.Getenv("CA"))
	if err != nil {
		return nil, err
	}
	pool.AppendCertsFromPEM(pem)
	cfg := &tls.Config{
		RootCAs: pool, ClientCAs: pool, ServerName: os.Getenv("NAME"), ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	if os.Getenv("VERSION") == "1.2" {
		cfg.MaxVersion = tls.VersionTLS12
	}
	if os.Getenv("CLIENT_AUTH") != "" {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if name := os.Getenv("CERT"); name != "" {
		cert, err := tls.LoadX509KeyPair(name, os.Getenv("KEY"))
		if err != nil {
			return nil, err
		}
		if name := os.Getenv("STAPLE"); name != "" {
			if cert.OCSPStaple, err = os.ReadFile(name); err != nil {
				return nil, err
			}
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	if id, err := strconv.Atoi(os.Getenv("SUITE_ID")); err == nil {
		cfg.CipherSuites = []uint16{uint16(id)}
	}
	if id, err := strconv.Atoi(os.Getenv("GROUP")); err == nil {
		cfg.CurvePreferences = []tls.CurveID{tls.CurveID(id)}
	}
	if name := os.Getenv("ALPN"); name != "" {
		cfg.NextProtos = []string{name}
	}
	return cfg, nil
}

func standardClient(cfg *tls.Config) error {
	address := "127.0.0.1:" + os.Getenv("PORT")
	if os.Getenv("RESUME") != "" {
		first, err := tls.Dial("tcp", address, cfg)
		if err != nil {
			return err
		}
		if err := closeBoth(first); err != nil {
			return err
		}
	}
	conn, err := tls.Dial("tcp", address, cfg)
	if err != nil {
		return err
	}
	if err := tellStandard(conn.ConnectionState()); err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return closeBoth(conn)
		}
		if _, err := conn.Write(line); err != nil {
			return err
		}
		if _, err := io.CopyN(os.Stdout, conn, int64(len(line))); err != nil {
			return err
		}
	}
}

// closeBoth ends a connection and waits for the other side to do so.
func closeBoth(conn *tls.Conn) error {
	defer conn.Close()
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, conn)
	return err
}

func standardServer(cfg *tls.Config) error {
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		return err
	}
	fmt.Println("port", l.Addr().String()[len("127.0.0.1:"):])
	for {
		raw, err := l.Accept()
		if err != nil {
			return err
		}
		conn := raw.(*tls.Conn)
		if err := conn.Handshake(); err != nil {
			return err
		}
		if err := tellStandard(conn.ConnectionState()); err != nil {
			return err
		}
		if _, err := io.Copy(conn, conn); err != nil {
			return err
		}
		conn.Close()
	}
}

// tellStandard prints the facts of a connection that the scenario requires.
func tellStandard(state tls.ConnectionState) error {
	if os.Getenv("STAPLE") != "" {
		fmt.Fprintf(os.Stderr, "%x\n", sha256.Sum256(state.OCSPResponse))
	}
	if os.Getenv("UNIQUE") != "" {
		fmt.Fprintf(os.Stderr, "%x\n", state.TLSUnique)
	}
	if label := os.Getenv("EXPORTER"); label != "" {
		key, err := state.ExportKeyingMaterial(label, nil, exporterLen)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%x\n", key)
	}
	return nil
}
