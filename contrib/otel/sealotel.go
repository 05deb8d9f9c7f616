// Package sealotel measures handshakes of package sealsock with OpenTelemetry.
//
//	record, err := sealotel.Record(otel.GetMeterProvider())
//	cfg := &sealsock.Config{OnHandshake: record}
//
// The histograms sealsock.client.handshake.duration and sealsock.server.handshake.duration
// count the seconds that handshakes took. Their attributes have bounded values, of which none is
// chosen by a peer alone, and no secret, address or name:
//
//   - of a handshake that succeeded: tls.protocol.name (tls or dtls), tls.protocol.version,
//     tls.cipher, tls.curve, tls.resumed, and tls.next_protocol if one was agreed on;
//   - of one that failed: error.type (see [ErrorType]), sealsock.at_fault (peer, local, both or
//     unknown), tls.alert, if one was sent or received, and sealsock.certificate.error, if the
//     peer's certificate was refused: the reason of package trust.
package sealotel

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/trust"
)

// scope names what the measurements are made with.
const scope = "github.com/sealsock/sealsock/contrib/otel"

// bounds are those of the buckets, in seconds: from a handshake on one machine to the
// default of Config.HandshakeTimeout.
var bounds = []float64{
	0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
}

// Record returns a function for Config.OnHandshake that records each handshake with provider,
// which must not be nil. One function may serve any number of Configs.
func Record(provider metric.MeterProvider) (func(sealsock.Handshake), error) {
	if provider == nil {
		return nil, errors.New("sealotel: the MeterProvider is nil")
	}
	meter := provider.Meter(scope)
	client, err := histogram(meter, "client")
	if err != nil {
		return nil, err
	}
	server, err := histogram(meter, "server")
	if err != nil {
		return nil, err
	}
	return func(h sealsock.Handshake) {
		side := client
		if h.Server {
			side = server
		}
		set := metric.WithAttributeSet(attribute.NewSet(attributes(h)...))
		side.Record(context.Background(), h.Duration.Seconds(), set)
	}, nil
}

func histogram(meter metric.Meter, role string) (metric.Float64Histogram, error) {
	return meter.Float64Histogram("sealsock."+role+".handshake.duration",
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(bounds...),
		metric.WithDescription("Duration of the TLS handshakes of a "+role+"."))
}

// attributes describes a handshake.
func attributes(h sealsock.Handshake) []attribute.KeyValue {
	if h.Err != nil {
		return failure(h.Err)
	}
	s := h.Conn.State()
	name, version := "tls", strings.TrimPrefix(s.Version.String(), "TLS ")
	if s.Datagram != nil {
		name = "dtls"
	}
	list := []attribute.KeyValue{
		semconv.TLSProtocolNameKey.String(name),
		semconv.TLSProtocolVersion(version),
		semconv.TLSCipher(s.CipherSuite.String()),
		semconv.TLSResumed(s.Resumed),
	}
	if s.Group != 0 {
		list = append(list, semconv.TLSCurve(s.Group.String()))
	}
	if s.ALPN != "" { // one of this side's own
		list = append(list, semconv.TLSNextProtocol(s.ALPN))
	}
	return list
}

func failure(err error) []attribute.KeyValue {
	list := []attribute.KeyValue{
		semconv.ErrorTypeKey.String(ErrorType(err)), attribute.String("sealsock.at_fault", atFault(err)),
	}
	var e *engine.Error
	if errors.As(err, &e) && e.Alert != iana.AlertCloseNotify {
		list = append(list, attribute.String("tls.alert", alertName(e.Alert)))
	}
	var refused *trust.Error
	if errors.As(err, &refused) {
		list = append(list, attribute.String("sealsock.certificate.error", refused.Code.String()))
	}
	return list
}

// ErrorType returns the value of error.type for the error of a handshake, one of peer (it broke
// the rules of the protocol), incompatible (the sides have nothing in common), certificate (the
// peer's was not accepted), alert (the peer ended the handshake, and tls.alert is its reason),
// limit (the peer exceeded one), usage (the program asked for what is not possible), local (such
// as a key that did not sign), transport (the connection failed or ended), timeout, canceled (by
// the program), and _OTHER.
func ErrorType(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return "canceled"
	}
	var e *engine.Error
	var below net.Error
	if errors.As(err, &e) {
		if name := faults[e.Fault].name; name != "" {
			return name
		}
	} else if errors.As(err, &below) || errors.Is(err, io.EOF) {
		return faults[engine.FaultTransport].name
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

// faults are the names of the kinds of fault, and the side that can do something about it.
var faults = map[engine.Fault]struct{ name, side string }{
	engine.FaultPeer:         {"peer", "peer"},
	engine.FaultIncompatible: {"incompatible", "both"},
	engine.FaultCertificate:  {"certificate", "peer"},
	engine.FaultAlert:        {"alert", "unknown"},
	engine.FaultLimit:        {"limit", "peer"},
	engine.FaultUsage:        {"usage", "local"},
	engine.FaultLocal:        {"local", "local"},
	engine.FaultTransport:    {"transport", "unknown"},
}

// atFault returns which side is at fault.
func atFault(err error) string {
	var e *engine.Error
	if errors.As(err, &e) {
		if side := faults[e.Fault].side; side != "" {
			return side
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) {
		return "local"
	}
	return "unknown"
}

// alertName returns the name of an alert. A peer may send any number, so those without a name
// have one value.
func alertName(a iana.Alert) string {
	name := a.String()
	if strings.ContainsAny(name, "0123456789") {
		return "unknown"
	}
	return name
}
