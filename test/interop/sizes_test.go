package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
)

var recordLimit = &capability{
	name:   "record size limit (RFC 8449)",
	client: with(clientRecordLimit, gnutls37, gnutls38),
	server: with(serverRecordLimit, gnutls37, gnutls38),
	gaps:   []string{"OpenSSL, Java, Node and Python do not know it; the tools of NSS have no option for it"},
}

var fragmentLength = &capability{
	name:   "maximum fragment length (RFC 6066)",
	client: with(clientFragments, openssl30, openssl35),
	server: with(serverFragments, openssl30, openssl35, python, node, java, gnutls37, gnutls38),
	gaps: []string{
		"as clients GnuTLS asks for the newer limit beside it, Java for it by a system property alone, and Python and Node have no setting",
		"NSS does not know it",
	},
}

var padding = &capability{
	name:   "padding",
	client: with(clientPads, openssl30, openssl35).and(clientUnpads, gnutls37, gnutls38, python, java, node, nss),
	server: with(serverPads, openssl30, openssl35).and(serverUnpads, gnutls37, gnutls38, python, java, node, nss),
	gaps:   []string{"OpenSSL pads too; the others take off what the library pads"},
}

var dynamicRecords = &capability{
	name:   "dynamic record sizes",
	client: with(clientDynamic, openssl30, openssl35, gnutls37, gnutls38),
	server: with(serverDynamic, openssl30, openssl35, gnutls37, gnutls38, python, node),
	gaps:   []string{"it is the sender's affair; the rest would see the same"},
}

// A recordLog records the records of a connection in both directions.
type recordLog struct {
	net.Conn
	in, out bytes.Buffer
}

func (l *recordLog) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.in.Write(p[:n])
	return n, err
}

func (l *recordLog) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	l.out.Write(p[:n])
	return n, err
}

// tagAndType is the overhead of a TLS 1.3 record without padding, equal for all
// suites of the library.
const tagAndType = 16 + 1

// sizes returns the content lengths of the encrypted records, including
// padding.
func sizes(stream []byte) (all []int) {
	for len(stream) >= 5 {
		n := int(binary.BigEndian.Uint16(stream[3:]))
		if stream[0] == 23 {
			all = append(all, n-tagAndType)
		}
		stream = stream[min(len(stream), 5+n):]
	}
	return all
}

// within reports whether no record exceeds the limit and at least one reaches
// it.
func within(stream []byte, limit int) error {
	all := sizes(stream)
	longest := 0
	for _, n := range all {
		longest = max(longest, n)
	}
	if longest > limit || longest < limit-1 {
		return fmt.Errorf("records have up to %d bytes where %d are allowed: %v", longest, limit, all)
	}
	return nil
}

// text is long enough for many records, in lines that no program interprets as
// a command.
var text = strings.Repeat("0123456789 of many lines, all the same\n", 200)

// upload sends the text and reads the response of any server.
func upload(c *sealsock.Conn) error { return uploadAll(c, text) }

func uploadAll(c *sealsock.Conn, text string) error {
	failed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, text)
		failed <- err
	}()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	return goodbye(c)
}

// echoText reads the text and sends it back.
func echoText(p *program, c *sealsock.Conn) error {
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		return fmt.Errorf("the text did not arrive: %w", err)
	}
	if _, err := c.Write(got); err != nil {
		return err
	}
	return leave(p, c)
}

// serveLogged serves one connection with the library and returns its records.
func serveLogged(t *testing.T, cfg *sealsock.Config, do func(c *sealsock.Conn) error) (port int, records *recordLog, wait func()) {
	t.Helper()
	records = new(recordLog)
	port, wait = serveRaw(t, 1, func(_ int, raw net.Conn) error {
		records.Conn = raw
		c, err := sealsock.Server(records, cfg)
		if err != nil {
			return err
		}
		c.SetDeadline(time.Now().Add(patience))
		defer c.Close()
		return do(c)
	})
	return port, records, wait
}

// callLogged is the same for a client.
func callLogged(t *testing.T, port int, cfg *sealsock.Config, do func(c *sealsock.Conn) error) *recordLog {
	t.Helper()
	records := new(recordLog)
	if err := callRaw(t, port, func(raw net.Conn) error {
		records.Conn = raw
		c, err := sealsock.Client(records, cfg)
		if err != nil {
			return err
		}
		c.SetDeadline(time.Now().Add(patience))
		defer c.Close()
		return do(c)
	}); err != nil {
		t.Errorf("sealsock: %v", err)
	}
	return records
}

// converseText is converse with the long text.
func converseText(t *testing.T, args []string) {
	t.Helper()
	h := hear(t, args)
	io.WriteString(h.stdin, text)
	if err := h.waitFor(text[len(text)-200:]); err != nil {
		t.Error(err)
	}
	h.stdin.Close()
	<-h.drained
	if err := h.wait(); err != nil {
		t.Errorf("the client ended with %v", err)
	}
}

// clientRecordLimit tests a different limit in each direction. gnutls-cli sends
// only one record of a long input, and GnuTLS sends no records that are longer
// than those it accepts.
func clientRecordLimit(t *testing.T, p *program) {
	cfg := serverConfig()
	cfg.RecordSizeLimit = 600
	port, records, wait := serveLogged(t, cfg, func(c *sealsock.Conn) error {
		if _, err := io.WriteString(c, text); err != nil {
			return err
		}
		return leave(p, c)
	})
	converseText(t, clientArgs(p, port, "--recordsize", "700"))
	wait()
	checkSizes(t, records, 600, 700)
}

func serverRecordLimit(t *testing.T, p *program) {
	_, port := serve(t, p, "--recordsize", "700")
	cfg := clientConfig()
	cfg.RecordSizeLimit = 600
	checkSizes(t, callLogged(t, port, cfg, upload), 600, 700)
}

func checkSizes(t *testing.T, records *recordLog, in, out int) {
	t.Helper()
	if err := within(records.in.Bytes(), in); err != nil {
		t.Errorf("received: %v", err)
	}
	if err := within(records.out.Bytes(), out); err != nil {
		t.Errorf("sent: %v", err)
	}
}

func clientFragments(t *testing.T, p *program) {
	port, records, wait := serveLogged(t, serverConfig(), func(c *sealsock.Conn) error { return echoText(p, c) })
	converseText(t, clientArgs(p, port, "-maxfraglen", "512"))
	wait()
	checkSizes(t, records, 512, 512)
}

func serverFragments(t *testing.T, p *program) {
	_, port := serveAny(t, p, "fragments")
	cfg := clientConfig()
	cfg.MaxFragmentLength = 512
	checkSizes(t, callLogged(t, port, cfg, upload), 512, 512)
}

// much is long enough for records to grow.
var much = strings.Repeat(text, 40)

// grow reports whether the first records were short and later ones reached the
// limit.
func grow(stream []byte) error {
	all := sizes(stream)
	for i, n := range all {
		if n > 10_000 {
			if n = slices.Max(all[:i]); n < 500 || n > 1500 {
				break
			}
			return nil
		}
	}
	return fmt.Errorf("the records have %v bytes", all)
}

// clientDynamic sends a long text to a program, which prints it.
func clientDynamic(t *testing.T, p *program) {
	cfg := serverConfig()
	cfg.DynamicRecords = true
	port, records, wait := serveLogged(t, cfg, func(c *sealsock.Conn) error {
		if _, err := readLine(c); err != nil {
			return err
		}
		if _, err := io.WriteString(c, much+hello); err != nil {
			return err
		}
		return leave(p, c)
	})
	if said := converse(t, clientArgs(p, port)); strings.Count(said, "all the same\n") != strings.Count(much, "\n") {
		t.Error("not all of it arrived")
	}
	wait()
	if err := grow(records.out.Bytes()); err != nil {
		t.Error(err)
	}
}

func serverDynamic(t *testing.T, p *program) {
	_, port := serveAny(t, p, "dynamic")
	cfg := clientConfig()
	cfg.DynamicRecords = true
	records := callLogged(t, port, cfg, func(c *sealsock.Conn) error { return uploadAll(c, much) })
	if err := grow(records.out.Bytes()); err != nil {
		t.Error(err)
	}
}

// toTheNext pads a record to a multiple of a size.
func toTheNext(size int) func(int) int {
	return func(n int) int { return (size - n%size) % size }
}

// multiples reports whether the size of every record except alerts is a
// multiple, plus more.
func multiples(stream []byte, size, more int) error {
	all := sizes(stream)
	padded := 0
	for _, n := range all {
		if n > 0 && (n+more)%size == 0 {
			padded++
		}
	}
	if padded < 2 || padded < len(all)-2 {
		return fmt.Errorf("of %d records %d are padded: %v", len(all), padded, all)
	}
	return nil
}

// clientPads tests padding in both directions, each to a different size.
func clientPads(t *testing.T, p *program) { clientPadded(t, p, 256, "-record_padding", "128") }

func clientUnpads(t *testing.T, p *program) { clientPadded(t, p, 256) }

func clientPadded(t *testing.T, p *program, size int, extra ...string) {
	cfg := serverConfig()
	cfg.Padding = toTheNext(size)
	port, records, wait := serveLogged(t, cfg, func(c *sealsock.Conn) error { return answerLine(p, c) })
	switch p {
	case python, java, node:
		runScript(t, p, "padding", port, "")
	default:
		converse(t, clientArgs(p, port, extra...))
	}
	wait()
	checkPadding(t, p, records, size)
}

func serverPads(t *testing.T, p *program) { serverPadded(t, p, 256, "-record_padding", "128") }

func serverUnpads(t *testing.T, p *program) { serverPadded(t, p, 256) }

func serverPadded(t *testing.T, p *program, size int, extra ...string) {
	_, port := serveAny(t, p, "padding", extra...)
	cfg := clientConfig()
	cfg.Padding = toTheNext(size)
	records := callLogged(t, port, cfg, func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		return goodbye(c)
	})
	checkPadding(t, p, records, size)
}

func checkPadding(t *testing.T, p *program, records *recordLog, size int) {
	t.Helper()
	if err := multiples(records.out.Bytes(), size, 0); err != nil {
		t.Errorf("sent: %v", err)
	}
	if p == openssl30 || p == openssl35 {
		// It includes the content type after the data.
		if err := multiples(records.in.Bytes(), 128, 1); err != nil {
			t.Errorf("received: %v", err)
		}
	}
}
