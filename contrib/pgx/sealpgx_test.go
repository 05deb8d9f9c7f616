//go:build unix

package sealpgx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sealsock/sealsock"
	sealpgx "github.com/sealsock/sealsock/contrib/pgx"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/trust"
)

// TestPostgres connects pgx to PostgreSQL, runs queries and cancels one.
func TestPostgres(t *testing.T) {
	server := startPostgres(t)
	negotiations := []string{"postgres"}
	for i := 0; i < len(negotiations); i++ {
		conn := server.connect(t, server.Roots, negotiations[i])
		defer conn.Close(context.Background())
		var encrypted bool
		var version string
		var number int
		row := conn.QueryRow(t.Context(), "select ssl, version, "+
			"current_setting('server_version_num')::int from pg_stat_ssl where pid = pg_backend_pid()")
		err := row.Scan(&encrypted, &version, &number)
		if err != nil || !encrypted || version != "TLSv1.3" {
			t.Errorf("%s: encrypted %v, %q: %v", negotiations[i], encrypted, version, err)
		}
		if number >= 170000 && i == 0 {
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
	*servertest.Place
	port int
}

func startPostgres(t *testing.T) *postgres {
	t.Helper()
	servertest.Need(t, servertest.PostgresTool("postgres"))
	p := &postgres{servertest.New(t), freeport.Pick(t)}
	servertest.Postgres(t, p.Place, []int{p.port})
	return p
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
