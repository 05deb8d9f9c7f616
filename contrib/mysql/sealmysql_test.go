//go:build unix

package sealmysql_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sealsock/sealsock"
	sealmysql "github.com/sealsock/sealsock/contrib/mysql"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

// users are the accounts of the tests, one for each way to authenticate. Those of X509 need a
// certificate.
const users = `INSTALL SONAME 'auth_ed25519';
CREATE USER native@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE SSL;
CREATE USER ed@'127.0.0.1' IDENTIFIED VIA ed25519 USING PASSWORD('secret') REQUIRE SSL;
CREATE USER empty@'127.0.0.1' REQUIRE SSL;
CREATE USER known@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE X509;
CREATE DATABASE app;
GRANT ALL ON *.* TO native@'127.0.0.1', ed@'127.0.0.1', empty@'127.0.0.1', known@'127.0.0.1';
`

// TestMariaDB authenticates in each way, with and without compression, by a certificate too,
// and transfers large values. A connection that the server ended is replaced. Servers of an
// unknown authority and of another name are refused.
func TestMariaDB(t *testing.T) {
	servertest.Need(t, "/usr/sbin/mariadbd", "mariadb-install-db")
	p, port := servertest.New(t), freeport.Pick(t)
	servertest.MariaDBWithUsers(t, p, port, users)
	cfg := &sealsock.Config{Trust: &trust.Policy{Roots: p.Roots}}
	dsn := func(login, host, more string) string {
		return fmt.Sprintf("%s@tcp(%s:%d)/app?%s", login, host, port, more)
	}
	await(t, open(t, dsn("native:secret", "localhost", ""), cfg))
	for _, login := range []string{"native:secret", "ed:secret", "empty", "known:secret"} {
		for _, more := range []string{"", "compress=true", "tls=preferred&maxAllowedPacket=0"} {
			t.Run(login+" "+more, func(t *testing.T) {
				own := *cfg
				if strings.HasPrefix(login, "known") {
					own.Identities = []*identity.Identity{p.ClientIdentity(t, "app")}
				}
				use(t, open(t, dsn(login, "localhost", more), &own))
			})
		}
	}
	replaced(t, open(t, dsn("native:secret", "localhost", ""), cfg))

	var refused *trust.Error
	ctx := t.Context()
	err := open(t, dsn("native:secret", "localhost", ""), nil).PingContext(ctx)
	if !errors.As(err, &refused) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
	named := *cfg
	named.ServerName = "db.example.com"
	err = open(t, dsn("native:secret", "localhost", ""), &named).PingContext(ctx)
	if !errors.As(err, &refused) {
		t.Errorf("a server of another name: %v", err)
	}
	for _, login := range []string{"native:wrong", "known:secret", "stranger"} {
		var state *mysql.MySQLError
		err := open(t, dsn(login, "127.0.0.1", ""), cfg).PingContext(ctx)
		if !errors.As(err, &state) || state.Number != 1045 { // access denied
			t.Errorf("%s: %v", login, err)
		}
	}
}

func open(t *testing.T, dsn string, cfg *sealsock.Config) *sql.DB {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := sealmysql.NewConnector(config, cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// await waits until the server has started.
func await(t *testing.T, db *sql.DB) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := db.PingContext(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// use runs queries, and cancels one.
func use(t *testing.T, db *sql.DB) {
	t.Helper()
	var name, version string
	row := db.QueryRowContext(t.Context(), "show status like 'Ssl_version'")
	if err := row.Scan(&name, &version); err != nil || version != "TLSv1.3" {
		t.Errorf("encrypted with %q, %v", version, err)
	}
	var got string
	long := strings.Repeat("a long value ", 100_000)
	err := db.QueryRowContext(t.Context(), "select ?", long).Scan(&got)
	if err != nil || got != long {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := db.ExecContext(ctx, "do sleep(3600)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the query ended with %v", err)
	}
}

// replaced has the server end a connection that waits in the pool. The driver finds that.
func replaced(t *testing.T, db *sql.DB) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var id, found int
	if err := conn.QueryRowContext(t.Context(), "select connection_id()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close() // into the pool
	if _, err := other.ExecContext(t.Context(), fmt.Sprint("kill ", id)); err != nil {
		t.Fatal(err)
	}
	for found = 1; found > 0; {
		err := other.QueryRowContext(t.Context(), "select count(*) from "+
			"information_schema.processlist where id = ?", id).Scan(&found)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), "do 1"); err != nil {
		t.Errorf("after the server ended a connection: %v", err)
	}
	other.Close()
}

func TestMisuse(t *testing.T) {
	for name, config := range map[string]*mysql.Config{
		"nil": nil, "a network": {Net: "unix", Addr: "/socket"}, "a TLS": {TLS: new(tls.Config)},
		"skip-verify": {TLSConfig: "skip-verify"},
	} {
		if _, err := sealmysql.NewConnector(config, nil); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := &sealsock.Config{Identities: []*identity.Identity{nil}}
	if _, err := sealmysql.NewConnector(new(mysql.Config), bad); err == nil {
		t.Error("a wrong Config is accepted")
	}
}

// TestRefusesPlaintext has servers that do not offer TLS or that begin wrongly, and one that
// refuses the client.
func TestRefusesPlaintext(t *testing.T) {
	rest := "\x01\x00\x00\x00salt 123\x00\xff\xf7" // without CLIENT_SSL
	for name, c := range map[string]struct {
		greeting string
		refused  bool // the server speaks the protocol
	}{
		"no TLS":    {"\x0a8.0\x00" + rest, true},
		"version 9": {"\x098.0\x00" + rest, false},
		"short":     {"\x0a8.0\x00", false},
	} {
		greeting := string([]byte{byte(len(c.greeting)), 0, 0, 0}) + c.greeting
		port := servertest.Greet(t, greeting)
		for _, mode := range []string{"false", "preferred", "true"} {
			dsn := fmt.Sprintf("u:p@tcp(127.0.0.1:%d)/?tls=%s", port, mode)
			var plain *starttls.Error
			err := open(t, dsn, nil).PingContext(t.Context())
			if !errors.As(err, &plain) || plain.Refused != c.refused {
				t.Errorf("%s, %s: %v", name, mode, err)
			}
		}
	}
	refusal := "\xff\x10\x04#08004Too many connections"
	port := servertest.Greet(t, string([]byte{byte(len(refusal)), 0, 0, 0})+refusal)
	dsn := fmt.Sprintf("u:p@tcp(127.0.0.1:%d)/", port)
	var state *mysql.MySQLError
	err := open(t, dsn, nil).PingContext(t.Context())
	if !errors.As(err, &state) || state.Number != 1040 {
		t.Errorf("a server that refuses the client: %v", err)
	}
	dsn = fmt.Sprintf("u:p@tcp(127.0.0.1:%d)/", servertest.Greet(t, "\xff\xff\xff\x00"))
	if err := open(t, dsn, nil).PingContext(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "16777215 bytes") {
		t.Errorf("a greeting that is too long: %v", err)
	}
}
