//go:build unix

package sealpgx_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sealsock/sealsock"
	sealpgx "github.com/sealsock/sealsock/contrib/pgx"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// TestPostgres connects pgx to PostgreSQL, runs queries and cancels one.
func TestPostgres(t *testing.T) {
	server := startPostgres(t)
	roots := new(trust.Roots)
	if err := roots.AddDER(server.ca); err != nil {
		t.Fatal(err)
	}
	negotiations := []string{"postgres"}
	for i := 0; i < len(negotiations); i++ {
		conn := server.connect(t, roots, negotiations[i])
		defer conn.Close(context.Background())
		var encrypted bool
		var version string
		var server int
		row := conn.QueryRow(t.Context(), "select ssl, version, "+
			"current_setting('server_version_num')::int from pg_stat_ssl where pid = pg_backend_pid()")
		err := row.Scan(&encrypted, &version, &server)
		if err != nil || !encrypted || version != "TLSv1.3" {
			t.Errorf("%s: encrypted %v, %q: %v", negotiations[i], encrypted, version, err)
		}
		if server >= 170000 && i == 0 {
			negotiations = append(negotiations, "direct") // new in PostgreSQL 17
		}
		cancelQuery(t, conn)
	}
	if _, err := server.try(t, new(trust.Roots), "postgres"); err == nil {
		t.Error("a server of an unknown authority was accepted")
	} else if refused := new(trust.Error); !errors.As(err, &refused) {
		t.Errorf("the error does not have the reason: %v", err)
	}
}

// cancelQuery starts a query that takes an hour, and cancels it over a second connection.
func cancelQuery(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "select pg_sleep(3600)")
		done <- err
	}()
	for {
		if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			var state *pgconn.PgError
			if !errors.As(err, &state) || state.Code != "57014" {
				t.Errorf("the query ended with %v", err)
			}
			return
		case <-time.After(50 * time.Millisecond): // the query may not have begun
		}
	}
}

// A postgres is a server of PostgreSQL.
type postgres struct {
	port int
	ca   []byte
}

func (p *postgres) connect(t *testing.T, roots *trust.Roots, negotiation string) *pgx.Conn {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := p.try(t, roots, negotiation)
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // the server starts
	}
}

func (p *postgres) try(t *testing.T, roots *trust.Roots, negotiation string) (*pgx.Conn, error) {
	t.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://postgres@localhost:%d/postgres", p.port))
	if err != nil {
		t.Fatal(err)
	}
	config.SSLNegotiation = negotiation
	cfg := &sealsock.Config{Trust: &trust.Policy{Roots: roots}}
	if err := sealpgx.Use(&config.Config, cfg); err != nil {
		t.Fatal(err)
	}
	return pgx.ConnectConfig(t.Context(), config)
}

// tool returns the path of a program of PostgreSQL's server, which is not in PATH.
func tool(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// startPostgres starts a server. It refuses to run as root, so root gives its files to
// another user.
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	if tool("postgres") == "" {
		if os.Getenv("SEALSOCK_PEERS") == "require" {
			t.Fatal("PostgreSQL is not installed")
		}
		t.Skip("PostgreSQL is not installed")
	}
	dir, err := os.MkdirTemp("", "sealpgx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	key, err := x509.MarshalPKCS8PrivateKey(leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cert := write("cert.pem", "CERTIFICATE", leaf.Chain[0])
	private := write("key.pem", "PRIVATE KEY", key)
	user := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		const other = 65534
		user.Credential = &syscall.Credential{Uid: other, Gid: other}
		for _, file := range []string{dir, cert, private} {
			if err := os.Chown(file, other, other); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := filepath.Join(dir, "data")
	create := exec.Command(tool("initdb"), "-D", data, "-U", "postgres", "-A", "trust",
		"--no-sync", "--no-locale", "-E", "UTF8")
	create.Dir, create.SysProcAttr = dir, user
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	server := exec.Command(tool("postgres"), "-D", data, "-p", fmt.Sprint(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+private)
	server.Dir, server.SysProcAttr = dir, user
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(os.Interrupt)
		server.Wait()
	})
	return &postgres{port, ca.Cert.Raw}
}
