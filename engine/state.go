package engine

import (
	"errors"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// State is what is known of a connection. Slices must not be changed. Until
// HandshakeDone, what it holds about the peer is only what the peer claims to be.
type State struct {
	Version       iana.Version
	CipherSuite   iana.CipherSuite
	Group         iana.NamedGroup      // 0 if the keys come from a pre-shared key alone
	PeerScheme    iana.SignatureScheme // the peer signed with it; 0 if it did not
	OwnScheme     iana.SignatureScheme // this side signed with it; 0 if it did not
	HandshakeDone bool
	Retried       bool // there was a HelloRetryRequest
	Resumed       bool // the keys come from an earlier session
	EarlyData     bool // 0-RTT data was accepted
	ECHAccepted   bool // the ClientHello that counts was encrypted
	// ExtendedMasterSecret is true, in TLS 1.2, if the keys are bound to the
	// handshake. RFC 7627.
	ExtendedMasterSecret bool

	ALPN        string
	ServerName  string   // asked for by the client
	PeerChain   [][]byte // DER, the peer's own first
	PeerRawKey  []byte   // DER SubjectPublicKeyInfo, if the peer showed that
	OwnChain    [][]byte // DER; what this side showed
	PeerOCSP    []byte
	PeerSCTs    [][]byte
	PSKIdentity []byte // of the external pre-shared key, or of the one that a resumed session began with
	EarlyALPN   string // on a client: the protocol that its 0-RTT data was sent for
	// Datagram is what is known besides of a connection of DTLS; nil over a stream.
	Datagram *DatagramState

	authenticated time.Time // when the peer proved itself, perhaps in an earlier session
	delegation    []byte    // the peer's delegated credential, as it came
	exporter      exporter
	earlyExporter keys.Exporter
	master        *keys.Exporter12 // in TLS 1.2, for HandOver
	firstFinished []byte           // in TLS 1.2, for tls-unique
	sessionID     []byte           // on a server of TLS 1.2: the session is kept under it
	asked         bool             // on a server: for a certificate, now or at first
	lateOffered   bool             // the client offered post_handshake_auth
	datagram      bool             // the connection is one of DTLS
	quic          bool             // the connection is one of QUIC
	verifies      uint16           // in DTLS 1.2: HelloVerifyRequests before the ServerHello
	sendLimit     uint16           // on a client: bytes of data in a record; 0 for no limit
	late          *late
}

// A DatagramState is what is known of a connection of DTLS alone.
type DatagramState struct {
	// SRTPProfile is the profile that use_srtp has chosen: see State.SRTPKeys. 0 is none.
	SRTPProfile iana.SRTPProfile
	// ConnectionID is the connection ID that the peer uses at present, and PeerConnectionID
	// the one that this side uses; nil for none.
	ConnectionID, PeerConnectionID []byte
	// PathChecks is true if the peer takes part in return routability checks (RFC 9853),
	// without which it is not followed to a new address.
	PathChecks bool

	ids   *connectionIDs // of the DatagramConn; nil in what it returns
	named bool           // on a server: ForClient was asked, with the client's name
}

// ids returns the connection IDs of a connection of DTLS; nil over a stream.
func (s *State) ids() *connectionIDs {
	if s.Datagram == nil {
		return nil
	}
	return s.Datagram.ids
}

// An exporter gives keys to other protocols; each version has its own.
type exporter interface {
	Export(label string, context []byte, length int) []byte
}

// prove notes that the peer has proved itself now, unless that was in the connection
// whose session is resumed.
func (s *State) prove(cfg *Config) {
	if s.authenticated.IsZero() && cfg.Now != nil {
		s.authenticated = cfg.Now()
	}
}

// shows records what the peer has shown.
func (s *State) shows(p *PeerCertificate) {
	s.PeerChain, s.PeerRawKey, s.PeerOCSP, s.PeerSCTs = p.Chain, p.RawPublicKey, p.OCSPStaple, p.SCTs
	s.delegation = nil
	if p.Delegation != nil {
		s.delegation = p.Delegation.raw
	}
}

// session describes the connection for resumption, without its secret and its time.
func (s *State) session() Session {
	return Session{
		Version: s.Version, Datagram: s.datagram, CipherSuite: s.CipherSuite,
		Authenticated: s.authenticated,
		ServerName:    s.ServerName, ALPN: s.ALPN,
		PeerChain: s.PeerChain, PeerRawKey: s.PeerRawKey, PeerOCSP: s.PeerOCSP, PeerSCTs: s.PeerSCTs,
		PeerDelegation: s.delegation, PSKIdentity: s.PSKIdentity, asked: s.asked,
		QUIC: s.quic,
	}
}

// A message is one handshake message as received.
type message struct {
	typ  iana.HandshakeType
	raw  []byte // with its header
	body []byte
}

// newMessage splits raw, a whole message.
func newMessage(raw []byte) message {
	typ, n, _ := wire.ParseHeader(raw)
	return message{typ: typ, raw: raw, body: raw[len(raw)-n:]}
}

// A state is one state of the protocol: a handler, a starter, a waiter or a ccsHandler. The
// driver uses it once: it returns the next one.
type state any

// awaited lists types of handshake messages.
type awaited []iana.HandshakeType

// A handler is a state that awaits a handshake message and is named for it. The driver
// gives it no message of a type that it does not await.
type handler interface {
	awaits() awaited
	handle(m message, do *effects) (state, error)
}

// expected names what a state awaits, for an error message.
func expected(s state) string {
	h, ok := s.(handler)
	if _, ccs := s.(ccsHandler); ccs {
		return "change_cipher_spec"
	} else if !ok {
		return "nothing"
	}
	return list(h.awaits())
}

// A starter is a state that begins without a message: the client's first.
type starter interface {
	start(do *effects) (state, error)
}

// A waiter is a state that asked the caller something and continues with the
// answer. It takes no message meanwhile.
type waiter interface {
	question() Question
	// ask tries for an answer at once; ErrPending leaves it to Resume.
	ask(do *effects) (state, error)
	resume(a Answer, do *effects) (state, error)
}

// A ccsHandler is a state that awaits the peer's change_cipher_spec, which in
// TLS 1.2 is part of the order of messages. RFC 5246, Section 7.1.
type ccsHandler interface {
	changeCipherSpec(do *effects) (state, error)
}

// wait is the one kind of waiter there is: a question, the callback that may
// know the answer, and what to do with it.
type wait[A any] struct {
	what string
	q    Question
	try  func() (A, error)
	then func(A, *effects) (state, error)
	// from makes an A of an answer's value of another type; nil if it is an A.
	from func(value any) A
	// refuse makes a refusal the error that it means; nil leaves it.
	refuse func(error) error
	// instead, if set, continues after a refusal, which is then no error.
	instead func(do *effects) (state, error)
}

func (w *wait[A]) question() Question { return w.q }

func (w *wait[A]) ask(do *effects) (state, error) {
	a, err := w.try()
	if err != nil {
		return w.refused(err, do)
	}
	return w.then(a, do)
}

func (w *wait[A]) resume(a Answer, do *effects) (state, error) {
	if a.err != nil {
		return w.refused(a.err, do)
	}
	if err := a.answers(w.what, w.q); err != nil {
		return nil, err
	}
	if w.from != nil {
		return w.then(w.from(a.value), do)
	}
	v, _ := a.value.(A) // the question's own method made it; nil is an A too
	return w.then(v, do)
}

func (w *wait[A]) refused(err error, do *effects) (state, error) {
	switch {
	case errors.Is(err, ErrPending):
		return nil, err
	case w.instead != nil:
		return w.instead(do)
	case w.refuse != nil:
		return nil, w.refuse(err)
	}
	return nil, err
}
