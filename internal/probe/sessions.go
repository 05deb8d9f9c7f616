package probe

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certcompress"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// sessions finds out about resumption, 0-RTT data, and what EncryptedExtensions,
// CertificateRequest and Certificate have.
func (p *prober) sessions(ctx context.Context) {
	p.together(
		func() { p.newestSession(ctx) },
		func() { p.oldSession(ctx, false) },
		func() { p.oldSession(ctx, true) },
		func() { p.compression(ctx) },
	)
}

// newestSession looks at a handshake of the newest version, and resumes it.
func (p *prober) newestSession(ctx context.Context) {
	var flight encryptedFlight
	cfg := sealsock.Config{ECHGREASE: true, Trace: flight.trace}
	s, err := p.shake(ctx, cfg, ticketWait)
	p.note(func(r *Report) {
		r.ECHRetry = flight.echRetry
		r.addExtensions(flight.extensions)
		r.requests(flight.requested, flight.authorities)
	})
	if err != nil {
		p.unknown("resumption", err)
		return
	}
	v := s.state.Version
	p.note(func(r *Report) {
		if v == iana.TLS13 {
			r.Tickets = len(s.sessions)
		}
		for _, session := range s.sessions {
			r.EarlyData = max(r.EarlyData, session.MaxEarlyData)
			r.TicketLifetime = max(r.TicketLifetime, int64(session.Lifetime.Seconds()))
		}
	})
	if len(s.sessions) == 0 && s.refused != nil {
		p.unknown("resumption", s.refused)
	}
	if len(s.sessions) == 0 || v != iana.TLS13 {
		return
	}
	p.resume(ctx, sealsock.Config{Session: s.sessions[0]}, "TLS 1.3 ticket")
}

// oldSession resumes a session of TLS 1.2, by ticket or by session ID.
func (p *prober) oldSession(ctx context.Context, byID bool) {
	if !p.speaks(iana.TLS12) {
		return
	}
	how := "TLS 1.2 ticket"
	if byID {
		how = "TLS 1.2 session ID"
	}
	cfg := sealsock.Config{MaxVersion: iana.TLS12, NoTickets: byID}
	s, err := p.shake(ctx, cfg, ticketStep)
	if err != nil {
		p.unknown("resumption by "+how, err)
		return
	}
	if len(s.sessions) == 0 || byID != (len(s.sessions[0].Ticket) == 0) {
		return
	}
	cfg.Session = s.sessions[0]
	p.resume(ctx, cfg, how)
}

// resume notes whether the server resumes the session of cfg.
func (p *prober) resume(ctx context.Context, cfg sealsock.Config, how string) {
	again, err := p.shake(ctx, cfg, 0)
	if err != nil {
		p.unknown("resumption by "+how, err)
		return
	}
	p.note(func(r *Report) {
		if r.Resumes = r.Resumes || again.state.Resumed; again.state.Resumed {
			r.Resumption = append(r.Resumption, how)
		}
	})
}

// compression finds the algorithms of certificate compression, each offered alone. RFC 8879.
func (p *prober) compression(ctx context.Context) {
	if !p.speaks(iana.TLS13) {
		return
	}
	var questions []func()
	for _, c := range certcompress.All() {
		questions = append(questions, func() {
			var flight encryptedFlight
			cfg := sealsock.Config{
				MinVersion: iana.TLS13, Compressors: []engine.Compressor{c}, Trace: flight.trace,
			}
			if _, err := p.shake(ctx, cfg, 0); err != nil && silent(err) {
				p.unknown("certificate compression", err)
			}
			p.note(func(r *Report) { r.Compression = append(r.Compression, flight.compressed...) })
		})
	}
	p.together(questions...)
}

// An encryptedFlight is what the server's messages have after its ServerHello in TLS 1.3.
type encryptedFlight struct {
	echRetry    bool
	extensions  []iana.ExtensionType
	requested   bool
	authorities [][]byte
	compressed  []string
}

func (f *encryptedFlight) trace(t engine.Trace) {
	typ, _, ok := wire.ParseHeader(t.Data)
	if t.Sent || t.Type != iana.ContentHandshake || !ok {
		return
	}
	body := t.Data[wire.HeaderLen:]
	switch typ {
	case iana.HandshakeServerHello:
		if m, err := wire.ParseServerHello(body); err == nil {
			f.extensions = append(f.extensions, m.Present...)
		}
	case iana.HandshakeEncryptedExtensions: // RFC 9849, Section 5
		if m, err := wire.ParseEncryptedExtensions(body); err == nil {
			f.echRetry = len(m.ECHRetryConfigs) > 0
			f.extensions = append(f.extensions, m.Present...)
		}
	case iana.HandshakeCertificateRequest:
		f.requested = true
		if m, err := wire.ParseCertificateRequest(body); err == nil {
			f.authorities = m.CertAuthorities
		}
	case iana.HandshakeCompressedCertificate: // RFC 8879, Section 4
		if m, err := wire.ParseCompressedCertificate(body); err == nil {
			f.compressed = append(f.compressed, m.Algorithm.String())
		}
	}
}

// addExtensions notes the extensions that a server responded to.
func (r *Report) addExtensions(list []iana.ExtensionType) {
	for _, e := range list {
		if name := e.String(); !slices.Contains(r.Extensions, name) {
			r.Extensions = append(r.Extensions, name)
		}
	}
	slices.Sort(r.Extensions)
}

// requests notes whether a server asks for a certificate, and of which authorities.
func (r *Report) requests(asked bool, authorities [][]byte) {
	r.ClientCertificate = r.ClientCertificate || asked
	for _, der := range authorities {
		name := "a name that cannot be read"
		var sequence pkix.RDNSequence
		if rest, err := asn1.Unmarshal(der, &sequence); err == nil && len(rest) == 0 {
			name = sequence.String()
		}
		if name = strings.TrimSpace(name); !slices.Contains(r.ClientAuthorities, name) {
			r.ClientAuthorities = append(r.ClientAuthorities, name)
		}
	}
}
