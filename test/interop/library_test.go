package interop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// lines is the number of times that hello is sent and echoed.
const lines = 3

func echoed(conn net.Conn) error {
	if _, err := io.WriteString(conn, hello); err != nil {
		return err
	}
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != hello {
		return fmt.Errorf("echoed %q, %w", got, err)
	}
	return nil
}

func request(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.0 200 ") {
		return fmt.Errorf("answered %q, %w", got, err)
	}
	return nil
}

// serveWeb answers the requests of one HTTP connection with their bodies.
func serveWeb(conn *sealsock.Conn) error {
	over := make(chan error, 1)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS == nil || !r.TLS.HandshakeComplete {
				http.Error(w, "the server does not know that this is TLS", http.StatusInternalServerError)
				return
			}
			io.Copy(w, r.Body)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				over <- nil
			}
		},
	}
	go server.Serve(&single{conn: conn})
	return <-over
}

// single is a listener of one connection.
type single struct {
	conn net.Conn
	net.Listener
}

func (l *single) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, io.EOF
	}
	conn := l.conn
	l.conn = nil
	return conn, nil
}

func (l *single) Close() error { return nil }

// isAlert reports whether err is an alert of the peer.
func isAlert(err error) bool {
	var e *engine.Error
	return errors.As(err, &e) && e.Fault == engine.FaultAlert
}

// end sends close_notify and waits for that of the peer.
func end(conn *sealsock.Conn) error {
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		return fmt.Errorf("at the end %q, %w", rest, err)
	}
	return nil
}

func leaf(chain [][]byte) []byte {
	if len(chain) == 0 {
		return nil
	}
	return chain[0]
}
