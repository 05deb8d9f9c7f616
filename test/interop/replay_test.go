package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
)

// The variables that make this program the server of TestReplay: the offset of
// its clock, the age of its replay cache, and the shared ticket key.
const (
	replayLater = "INTEROP_REPLAY_LATER"
	replayOld   = "INTEROP_REPLAY_OLD"
	replayKey   = "INTEROP_REPLAY_KEY"
)

// replayed is the data that must not arrive twice.
const replayed = "pay 100 to the bearer\n"

// replayServer is a server with early data that prints what arrives.
func replayServer() error {
	later, err1 := time.ParseDuration(os.Getenv(replayLater))
	old, err2 := time.ParseDuration(os.Getenv(replayOld))
	secret, err3 := hex.DecodeString(os.Getenv(replayKey))
	id, err4 := identity.Load(os.Getenv("CERT"), os.Getenv("KEY"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	now := func() time.Time { return time.Now().Add(later) }
	cfg := &sealsock.Config{
		Identities: []*identity.Identity{id}, Now: now, MaxEarlyData: 1000,
		Tickets:    sealsock.SealTickets(oneKey{sealsock.NewTicketKey([32]byte(secret))}, now),
		AntiReplay: sealsock.NewAntiReplay(100, madeBefore(old, now)),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("port", l.Addr().(*net.TCPAddr).Port)
	for {
		raw, err := l.Accept()
		if err != nil {
			return err
		}
		go replayConn(raw, cfg)
	}
}

// replayConn prints the data of one connection: early data, which is received
// before the handshake completes and can be a replay, and other data.
func replayConn(raw net.Conn, cfg *sealsock.Config) {
	defer raw.Close()
	c, err := sealsock.Server(raw, cfg)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	c.SetDeadline(time.Now().Add(patience))
	early, err := io.ReadAll(earlyReader{c})
	fmt.Printf("early: %q, %v\n", early, err)
	if err == nil {
		line, err := readLine(c)
		fmt.Printf("data: %q, %v\n", line, err)
		io.WriteString(c, "done\n")
		c.CloseWrite()
	}
	fmt.Println("over")
}

// oneKey is the ticket key of all servers.
type oneKey struct{ key sealsock.TicketKey }

func (k oneKey) TicketKeys(time.Time) []sealsock.TicketKey { return []sealsock.TicketKey{k.key} }

// madeBefore is a clock whose first reading is in the past, so that the cache
// appears to be older by that time.
func madeBefore(age time.Duration, now func() time.Time) func() time.Time {
	first := true
	return func() time.Time {
		if first {
			first = false
			return now().Add(-age)
		}
		return now()
	}
}

// startReplayServer starts this program as the server.
func startReplayServer(t *testing.T, key string, later, old time.Duration) (*heard, int) {
	t.Helper()
	h := hear(t, []string{os.Args[0]}, scriptEnv(0, "p256", replayLater+"="+later.String(), replayOld+"="+old.String(), replayKey+"="+key)...)
	return h, h.port(t)
}

// A firstFlight is a client connection that records the client's first flight,
// as an attacker on the path can.
type firstFlight struct {
	net.Conn
	bytes.Buffer
}

func (f *firstFlight) Write(p []byte) (int, error)      { return f.Buffer.Write(p) }
func (f *firstFlight) Read([]byte) (int, error)         { return 0, io.EOF }
func (f *firstFlight) SetDeadline(time.Time) error      { return nil }
func (f *firstFlight) SetReadDeadline(time.Time) error  { return nil }
func (f *firstFlight) SetWriteDeadline(time.Time) error { return nil }
func (f *firstFlight) Close() error                     { return nil }

// TestReplay records a client's first flight with early data and replays it to
// servers with the same ticket key: concurrently, again, to a server that was
// just restarted, and to one that was restarted long enough ago to accept early
// data. The data is delivered once, by the first server. RFC 9846, Section 8.
func TestReplay(t *testing.T) {
	var secret [32]byte
	rand.Read(secret[:])
	key := hex.EncodeToString(secret[:])
	server, port := startReplayServer(t, key, 0, time.Minute)
	cfg := clientConfig()
	cfg.EarlyData = true
	cfg.OnSession = func(s *engine.Session) { cfg.Session = s }
	call(t, port, cfg, func(c *sealsock.Conn) error { // for a ticket
		if _, err := io.WriteString(c, hello); err != nil {
			return err
		}
		_, err := readLine(c)
		return errors.Join(err, goodbye(c))
	})
	flight := recordFlight(t, cfg)

	play(t, port, flight, 8)
	server.countOver(t, 1+8)
	play(t, port, flight, 2)
	server.countOver(t, 1+8+2)
	if n := server.arrived(); n != 1 {
		t.Errorf("of 10 times the data arrived %d times, want once", n)
	}
	server.kill()

	for _, again := range []struct {
		what       string
		later, old time.Duration
	}{
		{"has just been started again", 0, 0},
		{"was started again a while ago", 40 * time.Second, 35 * time.Second},
	} {
		server, port := startReplayServer(t, key, again.later, again.old)
		play(t, port, flight, 2)
		server.countOver(t, 2)
		if n := server.arrived(); n != 0 {
			t.Errorf("at a server that %s the data arrived %d times more", again.what, n)
		}
		if again.old > 0 { // the server accepts early data of other clients
			freshSession(t, port)
			server.countOver(t, 2+2)
			if n := server.arrived(); n != 1 {
				t.Errorf("fresh early data arrived %d times at a server that %s", n, again.what)
			}
		}
		server.kill()
	}
}

// recordFlight records the first flight of a client without a server.
func recordFlight(t *testing.T, cfg *sealsock.Config) []byte {
	t.Helper()
	recorder := new(firstFlight)
	c, err := sealsock.Client(recorder, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.WriteEarly([]byte(replayed)); err != nil || n != len(replayed) {
		t.Fatalf("%d bytes of early data were written, %v", n, err)
	}
	return bytes.Clone(recorder.Bytes())
}

// play sends a recording over several connections at once.
func play(t *testing.T, port int, flight []byte, times int) {
	t.Helper()
	var all sync.WaitGroup
	for range times {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			raw, err := connect(ctx, port)
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			if _, err := raw.Write(flight); err != nil {
				t.Error(err)
			}
			// The server sends its flight and then waits for the client.
			raw.SetDeadline(time.Now().Add(patience))
			if _, err := raw.Read(make([]byte, 1<<14)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// freshSession gets a ticket and resumes in time with early data.
func freshSession(t *testing.T, port int) {
	t.Helper()
	cfg := clientConfig()
	cfg.EarlyData = true
	cfg.OnSession = func(s *engine.Session) { cfg.Session = s }
	for range 2 {
		call(t, port, cfg, func(c *sealsock.Conn) error {
			if _, err := c.WriteEarly([]byte(replayed)); err != nil && cfg.Session != nil {
				return err
			}
			if _, err := io.WriteString(c, hello); err != nil {
				return err
			}
			_, err := readLine(c)
			return errors.Join(err, goodbye(c))
		})
	}
}

// arrived counts how often the data was delivered to the application of the
// server.
func (h *heard) arrived() int { return strings.Count(h.said.String(), "pay 100") }

// countOver waits until the server is done with so many connections.
func (h *heard) countOver(t *testing.T, n int) {
	t.Helper()
	for limit := time.Now().Add(patience); strings.Count(h.said.String(), "over\n") < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("the server is not done with %d connections", n)
		}
	}
}
