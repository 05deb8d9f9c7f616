//go:build unix

package sealotel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sealsock/sealsock"
	sealotel "github.com/sealsock/sealsock/contrib/otel"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/servertest"
)

// A meter is an SDK whose measurements stay in memory.
type meter struct {
	reader *sdkmetric.ManualReader
	record func(sealsock.Handshake)
}

func newMeter(t *testing.T) *meter {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { provider.Shutdown(context.Background()) })
	record, err := sealotel.Record(provider)
	if err != nil {
		t.Fatal(err)
	}
	return &meter{reader, record}
}

// points returns how many handshakes each histogram has, by its name and attributes.
func (m *meter) points(t *testing.T) map[string]uint64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := m.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	points := map[string]uint64{}
	for _, scope := range all.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if metric.Unit != "s" {
				t.Errorf("the unit of %s is %q", metric.Name, metric.Unit)
			}
			for _, p := range metric.Data.(metricdata.Histogram[float64]).DataPoints {
				if p.Sum < 0 {
					t.Errorf("handshakes took %v seconds", p.Sum)
				}
				var text strings.Builder
				text.WriteString(metric.Name)
				for _, a := range p.Attributes.ToSlice() {
					fmt.Fprintf(&text, " %s=%s", a.Key, a.Value.Emit())
				}
				points[text.String()] += p.Count
			}
		}
	}
	return points
}

// expect waits for nothing: each handshake is recorded before the call that ran it returns.
func (m *meter) expect(t *testing.T, want map[string]uint64) {
	t.Helper()
	got := m.points(t)
	for text, n := range want {
		if got[text] != n {
			t.Errorf("%d and not %d times: %s", got[text], n, text)
		}
		delete(got, text)
	}
	for text, n := range got {
		t.Errorf("%d times, and not expected: %s", n, text)
	}
}

// TestRecord has handshakes that succeed, resume and fail, over TCP and UDP, on both sides.
func TestRecord(t *testing.T) {
	p, m := servertest.New(t), newMeter(t)
	server, client := p.Server(), p.Client()
	server.ALPN, client.ALPN = []string{"h2"}, []string{"h2"}
	server.OnHandshake, client.OnHandshake = m.record, m.record
	client.Sessions = sealsock.NewMemoryCache(8)
	client.Groups = []iana.NamedGroup{iana.X25519}
	refused := make(chan error, 1)
	server.OnHandshakeError = func(_ net.Addr, err error) { refused <- err }
	for _, scheme := range []string{"tcp", "udp"} {
		l, err := sealsock.Listen(t.Context(), scheme+"://127.0.0.1:0", server)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addr := scheme + "://" + l.Addr().String()
		if scheme == "tcp" {
			dial(t, l, addr, client)
		}
		dial(t, l, addr, client)
		if scheme == "udp" {
			continue
		}
		other := *client
		other.Sessions, other.ServerName = nil, "other.test"
		go l.AcceptConn(t.Context())
		if _, err := sealsock.Dial(t.Context(), addr, &other); err == nil {
			t.Error("a server with another name is accepted")
		}
		<-refused
	}
	const ok = ".handshake.duration tls.cipher=TLS_AES_128_GCM_SHA256 tls.curve=x25519 " +
		"tls.next_protocol=h2 tls.protocol.name="
	want := map[string]uint64{
		"sealsock.client.handshake.duration error.type=certificate sealsock.at_fault=peer " +
			"sealsock.certificate.error=name-mismatch tls.alert=bad_certificate": 1,
		"sealsock.server.handshake.duration error.type=alert sealsock.at_fault=unknown " +
			"tls.alert=bad_certificate": 1,
	}
	for _, side := range []string{"client", "server"} {
		want["sealsock."+side+ok+"tls tls.protocol.version=1.3 tls.resumed=false"] = 1
		want["sealsock."+side+ok+"tls tls.protocol.version=1.3 tls.resumed=true"] = 1
		want["sealsock."+side+ok+"dtls tls.protocol.version=1.3 tls.resumed=false"] = 1
	}
	m.expect(t, want)
}

// dial makes a connection, whose client reads until the end, and so receives its tickets.
func dial(t *testing.T, l *sealsock.Listener, addr string, cfg *sealsock.Config) {
	t.Helper()
	closed := make(chan error, 1)
	go func() {
		c, err := l.AcceptConn(t.Context())
		if err == nil {
			_, err = c.Write([]byte("hello"))
			c.CloseWrite()
			if _, failed := io.Copy(io.Discard, c); err == nil && failed != nil {
				err = failed
			}
			c.Close()
		}
		closed <- err
	}()
	c, err := sealsock.Dial(t.Context(), addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Error(err)
	}
	c.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestErrorType has each kind of error.
func TestErrorType(t *testing.T) {
	fault := func(f engine.Fault) error { return fmt.Errorf("in: %w", &engine.Error{Fault: f}) }
	for want, err := range map[string]error{
		"peer": fault(engine.FaultPeer), "incompatible": fault(engine.FaultIncompatible),
		"certificate": fault(engine.FaultCertificate), "alert": fault(engine.FaultAlert),
		"limit": fault(engine.FaultLimit), "usage": fault(engine.FaultUsage),
		"local": fault(engine.FaultLocal), "transport": fault(engine.FaultTransport),
		"timeout":  &engine.Error{Fault: engine.FaultTransport, Err: context.DeadlineExceeded},
		"canceled": net.ErrClosed, "_OTHER": errors.New("another"),
	} {
		if got := sealotel.ErrorType(err); got != want {
			t.Errorf("%v is %s, not %s", err, got, want)
		}
	}
	for err, want := range map[error]string{
		os.ErrDeadlineExceeded: "timeout", context.Canceled: "canceled", io.EOF: "transport",
		&net.OpError{Op: "read", Err: errors.New("reset")}: "transport", fault(0): "_OTHER",
	} {
		if got := sealotel.ErrorType(err); got != want {
			t.Errorf("%v is %s, not %s", err, got, want)
		}
	}
}

// TestAlertsAreBounded: a peer that sends alerts of every number makes no value of its own.
func TestAlertsAreBounded(t *testing.T) {
	m := newMeter(t)
	for a := range 256 {
		m.record(sealsock.Handshake{Err: &engine.Error{Fault: engine.FaultAlert, Alert: iana.Alert(a)}})
	}
	const most = 40 // the registry has 37
	if n := len(m.points(t)); n > most {
		t.Errorf("alerts make %d time series", n)
	}
}

// TestNoProvider: there is an error in place of a panic at the first handshake.
func TestNoProvider(t *testing.T) {
	if _, err := sealotel.Record(nil); err == nil {
		t.Error("a nil MeterProvider is accepted")
	}
	newMeter(t).record(sealsock.Handshake{}) // does not panic
}
