package engine

import (
	"bytes"
	"crypto"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// late is what post-handshake authentication needs of the handshake.
// RFC 9846, Section 4.6.2.
type late struct {
	flow    *flow13 // its transcript ends with the client's Finished
	pending []*LateRequest
}

// MaxLateRequests bounds the requests for a client's certificate that a server
// has under way.
const MaxLateRequests = 16

// newLate keeps the handshake's transcript if it may be needed; else nil.
func newLate(f *flow13, client bool) *late {
	if client && !f.cfg.PostHandshakeAuth || !client && (!f.info.lateOffered || f.cfg.Verifier == nil) {
		return nil
	}
	l := &late{flow: &flow13{cfg: f.cfg, info: f.info, suite: f.suite, kinds: f.kinds}}
	l.flow.transcript = f.transcript
	f.info.late = l
	return l
}

func (l *late) expected() bool { return l != nil && len(l.pending) > 0 }

// begin returns a flow whose transcript continues with a request.
func (l *late) begin(request []byte) *flow13 {
	f := *l.flow
	f.transcript = *l.flow.transcript.clone()
	f.transcript.add(request)
	return &f
}

// A LateRequest is a request for the client's certificate that was made by the
// sending half. Receiver.Expect takes it, so that the answer is accepted.
type LateRequest struct {
	// Context identifies the request; EventClientAuth has the same.
	Context []byte
	raw     []byte
}

// RequestCertificate appends a request for the client's certificate, on a
// server whose handshake is done, for a client that offered
// post_handshake_auth and has no external pre-shared key. Hand the request to
// Receiver.Expect before the bytes go out. The answer is an EventClientAuth.
// RFC 9846, Sections 4.3.2 and 4.6.2.
func (s *Sender) RequestCertificate(dst []byte) ([]byte, *LateRequest, error) {
	if s == nil {
		return dst, nil, errNoSender
	}
	q, err := s.lateRequest()
	if err != nil {
		return dst, nil, err
	}
	dst, err = s.records(dst, iana.ContentHandshake, q.raw)
	return dst, q, err
}

// lateRequest makes a request for the client's certificate.
func (s *Sender) lateRequest() (*LateRequest, error) {
	switch {
	case s.closed:
		return nil, ErrClosed
	case !s.late:
		return nil, usage("the client does not support post-handshake authentication, or has " +
			"proved itself with a pre-shared key")
	case s.cfg.Verifier == nil:
		return nil, usage("a request for the client's certificate needs a Verifier")
	}
	if err := s.requests.pace(requestRate, 1, s.cfg.Now); err != nil {
		return nil, err
	}
	context := make([]byte, 16)
	if err := s.cfg.fill(context); err != nil {
		return nil, err
	}
	raw, err := encode(&wire.CertificateRequest{
		Context: context, SignatureAlgorithms: s.cfg.schemes(), CertAuthorities: s.cfg.ClientAuthorities,
		StatusRequest: true, SCT: true, CompressCertificate: s.cfg.offeredCompression(),
	})
	return &LateRequest{Context: context, raw: raw}, err
}

// Expect makes the answer to a request acceptable. At most 16 may be under way.
func (r *Receiver) Expect(q *LateRequest) error {
	if r == nil {
		return errNoReceiver
	}
	l := r.info.late
	switch {
	case l == nil || r.err != nil:
		return usage("the connection does not allow post-handshake authentication")
	case len(l.pending) >= MaxLateRequests:
		return usage("%d requests for the client's certificate are outstanding", len(l.pending))
	}
	l.pending = append(l.pending, q)
	return nil
}

// lateRequest answers, on a client, a request for its certificate.
func (s *open13) lateRequest(m message, do *effects) (state, error) {
	request, err := parseRequest(m)
	if err != nil {
		return nil, err
	}
	if len(request.Context) == 0 {
		return nil, illegal("a CertificateRequest after the handshake with an empty context")
	}
	f := s.late.begin(m.raw)
	return f.answerRequest(request, do, func(do *effects) (state, error) {
		do.events = append(do.events, Event{Kind: EventAuthAnswered, Context: request.Context})
		// The Finished is under the sending key of the moment, which only
		// the sending half knows.
		do.out = append(do.out, step{kind: stepAuth, message: bytes.Clone(f.transcript.sum())})
		return s, nil
	})
}

// lateFinished ends an answer to a late request. RFC 9846, Section 4.4.4.
func (s *Sender) lateFinished(dst []byte, st step) ([]byte, error) {
	raw, err := encode(&wire.Finished{VerifyData: s.traffic.Finished(nil, st.message)})
	if err != nil {
		return dst, err
	}
	return s.records(dst, iana.ContentHandshake, raw)
}

// lateCertificate takes, on a server, the client's answer to a request.
func (s *open13) lateCertificate(m message) (state, error) {
	body, err := s.late.flow.certificateBody(m)
	if err != nil {
		return nil, err
	}
	cert, err := wire.ParseCertificate(body)
	if err != nil {
		return nil, err
	}
	for i, q := range s.late.pending {
		if !bytes.Equal(q.Context, cert.Context) {
			continue
		}
		s.late.pending = append(s.late.pending[:i:i], s.late.pending[i+1:]...)
		return s.lateAnswer(q, m)
	}
	return nil, illegal("a Certificate message with an unknown certificate_request_context")
}

func (s *open13) lateAnswer(q *LateRequest, m message) (state, error) {
	f := s.late.begin(q.raw)
	peer, err := f.readCertificate(m, asked{context: q.Context, kind: f.kinds.peer, staple: true, scts: true})
	if err != nil {
		return nil, err
	}
	f.transcript.add(m.raw)
	if peer.empty() {
		return &awaitLateFinished{open: s, flow: f, context: q.Context}, nil
	}
	return f.verify(peer, func(key crypto.PublicKey, _ *effects) (state, error) {
		return &awaitLateVerify{open: s, flow: f, context: q.Context, peer: peer, key: key}, nil
	}), nil
}

// awaitLateVerify waits for the proof that goes with a late certificate.
type awaitLateVerify struct {
	open    *open13
	flow    *flow13
	context []byte
	peer    *PeerCertificate
	key     crypto.PublicKey
}

func (s *awaitLateVerify) awaits() awaited { return awaited{iana.HandshakeCertificateVerify} }

func (s *awaitLateVerify) handle(m message, _ *effects) (state, error) {
	if err := s.flow.checkCertificateVerify(m, s.key, clientContext, s.flow.cfg.schemes()); err != nil {
		return nil, err
	}
	return &awaitLateFinished{open: s.open, flow: s.flow, context: s.context, peer: s.peer}, nil
}

// awaitLateFinished waits for the end of a late authentication. Application
// data may come in the meantime, so the connection's State does not contain the
// peer's certificate before it is proved.
type awaitLateFinished struct {
	open    *open13
	flow    *flow13
	context []byte
	peer    *PeerCertificate // nil if the client has declined
}

func (s *awaitLateFinished) awaits() awaited { return awaited{iana.HandshakeFinished} }

func (s *awaitLateFinished) handle(m message, do *effects) (state, error) {
	if err := s.flow.checkFinished(m, s.open.traffic); err != nil {
		return nil, err
	}
	if s.peer != nil {
		s.flow.info.shows(s.peer)
	}
	do.events = append(do.events, Event{Kind: EventClientAuth, Context: s.context, Declined: s.peer == nil})
	return s.open, nil
}
