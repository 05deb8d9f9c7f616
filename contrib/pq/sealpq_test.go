//go:build unix

package sealpq_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/sealsock/sealsock"
	sealpq "github.com/sealsock/sealsock/contrib/pq"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

// TestPostgres connects lib/pq to PostgreSQL, by name and by address, runs a query, cancels
// one, is notified, and refuses a server of an unknown authority.
func TestPostgres(t *testing.T) {
	servertest.Need(t, servertest.PostgresTool("postgres"))
	p, port := servertest.New(t), freeport.Pick(t)
	servertest.Postgres(t, p, []int{port})
	cfg := &sealsock.Config{Trust: &trust.Policy{Roots: p.Roots}}
	dsn := fmt.Sprintf("host=localhost port=%d user=postgres dbname=postgres", port)
	await(t, dsn, cfg)
	for _, dsn := range []string{dsn, dsn + " hostaddr=127.0.0.1 sslmode=require"} {
		db := open(t, dsn, cfg)
		var encrypted bool
		var version string
		err := db.QueryRowContext(t.Context(), "select ssl, version from pg_stat_ssl "+
			"where pid = pg_backend_pid()").Scan(&encrypted, &version)
		if err != nil || !encrypted || version != "TLSv1.3" {
			t.Errorf("%s: encrypted %v, %q: %v", dsn, encrypted, version, err)
		}
		cancelQuery(t, db)
	}
	notified(t, dsn, cfg)

	var refused *trust.Error
	err := open(t, dsn, nil).PingContext(t.Context())
	if !errors.As(err, &refused) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
	named := *cfg
	named.ServerName = "db.example.com"
	if err := open(t, dsn, &named).PingContext(t.Context()); !errors.As(err, &refused) {
		t.Errorf("a server of another name: %v", err)
	}
}

func open(t *testing.T, dsn string, cfg *sealsock.Config) *sql.DB {
	t.Helper()
	connector, err := sealpq.NewConnector(dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// await waits until the server has started.
func await(t *testing.T, dsn string, cfg *sealsock.Config) {
	t.Helper()
	db := open(t, dsn, cfg)
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

// cancelQuery starts a query that takes an hour, and cancels it over a second connection.
func cancelQuery(t *testing.T, db *sql.DB) {
	t.Helper()
	for after := 100 * time.Millisecond; ; after *= 2 { // it may end before the query begins
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := db.ExecContext(ctx, "select pg_sleep(3600)")
		cancel()
		if state := new(pq.Error); errors.As(err, &state) && state.Code == "57014" {
			return
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the query ended with %v", err)
		}
	}
}

// notified listens over a Dialer of its own.
func notified(t *testing.T, dsn string, cfg *sealsock.Config) {
	t.Helper()
	d, err := sealpq.NewDialer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := pq.NewDialListener(d, dsn+" sslmode=disable", time.Second, time.Minute, nil)
	defer l.Close()
	if err := l.Listen("news"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dsn, cfg).ExecContext(t.Context(), "notify news, 'hello'"); err != nil {
		t.Fatal(err)
	}
	for n := range l.Notify {
		if n != nil { // nil follows each new connection
			if n.Extra != "hello" {
				t.Errorf("notified of %q", n.Extra)
			}
			return
		}
	}
}

// TestRefusesPlaintext has a server without TLS, which is an error and no connection in
// plaintext, whatever sslmode is.
func TestRefusesPlaintext(t *testing.T) {
	port := servertest.Answer(t, "N")
	for _, mode := range []string{"disable", "allow", "prefer", "require"} {
		dsn := fmt.Sprintf("host=127.0.0.1 port=%d user=u sslmode=%s", port, mode)
		err := open(t, dsn, nil).PingContext(t.Context())
		var refused *starttls.Error
		if !errors.As(err, &refused) || !refused.Refused {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestMisuse(t *testing.T) {
	for _, setting := range []string{"sslrootcert=ca.pem", "sslcert=a.pem", "sslkey=a.key",
		"host=a,b hostaddr=127.0.0.1,127.0.0.2"} {
		_, err := sealpq.NewConnector(setting, nil)
		if !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	if _, err := (*sealpq.Dialer)(nil).Dial("tcp", "127.0.0.1:1"); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a nil Dialer: %v", err)
	}
}
